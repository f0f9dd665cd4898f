//! Sessions of other servers: their mail is judged and delivered.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use gatepost_dmarc::Request;
use gatepost_results::Explain;
use gatepost_sasl::Answer;
use gatepost_smtp::server::{Event, Server as Smtp};
use gatepost_smtp::{MailFrom, Reply};
use gatepost_syntax::{ForwardPath, Mailbox, ReversePath, escape};

use crate::delivery::{Judged, Shared, not_stored};
use crate::drive::Handler;
use crate::judge::{Inbound, JudgeError, Judging};
use crate::metrics::Count;
use crate::spool::Spool;
use crate::store::Folder;
use crate::transaction::{self, Transaction};

/// One session's decisions.
pub(crate) struct Mx {
    shared: Arc<Shared>,
    peer: IpAddr,
    transaction: Transaction,
    arriving: Option<Box<Arriving>>,
}

/// A message within DATA.
struct Arriving {
    judging: Judging,
    body: Spool,
    /// What went wrong on the way; told at the end.
    problem: Option<Reply>,
}

impl Mx {
    pub(crate) fn new(shared: Arc<Shared>, peer: IpAddr) -> Self {
        Mx { shared, peer, transaction: Transaction::new(MailFrom::new(ReversePath::Null)), arriving: None }
    }

    fn mail(&mut self, endpoint: &mut Smtp, mail: MailFrom) {
        (self.transaction, self.arriving) = (Transaction::new(mail), None);
        if self.shared.gate.may_send(self.peer, None) {
            endpoint.accept();
        } else {
            self.shared.metrics.add(Count::Refused, "messages");
            endpoint.refuse(&Reply::transient(450, "4.7.1", "too many messages, try again later"));
        }
    }

    fn recipient(&mut self, endpoint: &mut Smtp, path: &ForwardPath) {
        let mailbox = self.shared.mailbox(path);
        let users = mailbox.as_ref().map(|mailbox| self.shared.recipients(mailbox)).unwrap_or_default();
        match mailbox {
            Some(mailbox) if !users.is_empty() => {
                self.transaction.add(mailbox, users);
                endpoint.accept();
            }
            mailbox => {
                let reply = match mailbox.as_ref().and_then(Mailbox::domain) {
                    Some(domain) if !self.shared.is_local(domain) => ("5.7.1", "mail for this domain is not relayed"),
                    _ => ("5.1.1", "no such user here"),
                };
                endpoint.refuse(&Reply::permanent(550, reply.0, reply.1));
            }
        }
    }

    fn data(&mut self, chunk: &[u8]) {
        let shared = &self.shared;
        let arriving = self.arriving.get_or_insert_with(|| {
            Box::new(Arriving { judging: shared.judge.begin(), body: Spool::new(&shared.spool), problem: None })
        });
        if arriving.problem.is_some() {
            return;
        }
        arriving.problem = match arriving.judging.feed(chunk) {
            Ok(body) => arriving.body.write(body).err().map(|error| not_stored(&error)),
            Err(error) => Some(refusal(&error)),
        };
    }

    async fn end(&mut self, endpoint: &mut Smtp) {
        let finished = self.finish(endpoint).await;
        transaction::end(endpoint, &self.shared, &finished);
    }

    async fn finish(&mut self, endpoint: &Smtp) -> Result<(), Reply> {
        let now = SystemTime::now();
        let arriving = self.arriving.take().map(|arriving| *arriving);
        let Some(Arriving { judging, body, problem }) = arriving else {
            return Err(Reply::permanent(550, "5.6.0", "the message is empty"));
        };
        if let Some(problem) = problem {
            return Err(problem);
        }
        let envelope = self.transaction.envelope(endpoint, self.peer, now);
        let inbound = self.shared.judge.finish(judging, &envelope).await.map_err(|error| refusal(&error))?;
        let body = self.shared.keep_bundle(&inbound, body).await.map_err(|error| not_stored(&error))?;
        let folder = self.sorted(&inbound)?;
        let received = self.transaction.received(endpoint, &self.shared.hostname, self.peer, now);
        let (users, judged) = (self.transaction.take_users(), Judged { inbound, received, body });
        self.shared.deliver(judged, self.transaction.from(), users, folder).await.map_err(|error| not_stored(&error))
    }

    /// Where the message belongs, if it is to be taken at all.
    fn sorted(&self, inbound: &Inbound) -> Result<Folder, Reply> {
        self.shared.metrics.add(Count::Spf, inbound.spf.verdict.word());
        self.shared.metrics.add(Count::Dkim, inbound.dkim.word());
        self.shared.metrics.add(Count::Dmarc, inbound.dmarc.verdict.word());
        if tracing::enabled!(tracing::Level::INFO) {
            let from = escape(self.transaction.from().to_string());
            tracing::info!(peer = %self.peer, from, verdict = inbound.explain().line(), "judged");
        }
        if inbound.headers.named("Received").count() >= self.shared.limits.received {
            return Err(Reply::permanent(554, "5.4.6", "too many hops: the message is going in circles"));
        }
        // RFC 5322 §3.6: a message whose author can not be told is refused whatever the policy: readers may show anybody
        if let gatepost_dmarc::Verdict::PermError(error) = &inbound.dmarc.verdict {
            return Err(Reply::permanent(550, "5.6.0", &error.to_string()));
        }
        match inbound.disposition() {
            Request::Reject => {
                let author = inbound.dmarc.author.as_ref().map(ToString::to_string).unwrap_or_default();
                Err(Reply::permanent(550, "5.7.1", &format!("rejected by DMARC policy for {author}")))
            }
            Request::Quarantine => Ok(Folder::Junk),
            Request::None => Ok(Folder::Inbox),
        }
    }
}

fn refusal(error: &JudgeError) -> Reply {
    Reply::permanent(550, "5.6.0", &error.to_string())
}

impl Handler<Smtp> for Mx {
    async fn on(&mut self, endpoint: &mut Smtp, event: Event) -> io::Result<()> {
        match event {
            Event::Auth(_) => endpoint.answer(Answer::Deny),
            Event::Mail(mail) => self.mail(endpoint, mail),
            Event::Recipient(recipient) => self.recipient(endpoint, &recipient.path),
            Event::Data(chunk) => self.data(&chunk),
            // boxed, so that a session that is silent has no room for it
            Event::EndOfData => Box::pin(self.end(endpoint)).await,
            _ => self.arriving = None,
        }
        Ok(())
    }
}
