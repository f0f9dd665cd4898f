//! Sessions of other servers: their mail is judged and delivered.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use gatepost_dmarc::Request;
use gatepost_results::Explain;
use gatepost_sasl::Answer;
use gatepost_smtp::Reply;
use gatepost_smtp::server::{Event, Server as Smtp};
use gatepost_syntax::{ForwardPath, Mailbox, ReversePath};

use crate::delivery::{Judged, Shared, received};
use crate::drive::Handler;
use crate::judge::{Envelope, JudgeError, Judging};
use crate::spool::Spool;
use crate::store::Folder;

/// One session's decisions.
pub(crate) struct Mx {
    shared: Arc<Shared>,
    peer: IpAddr,
    from: ReversePath,
    recipients: Vec<Mailbox>,
    arriving: Option<Arriving>,
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
        Mx { shared, peer, from: ReversePath::Null, recipients: Vec::new(), arriving: None }
    }

    fn recipient(&mut self, endpoint: &mut Smtp, path: &ForwardPath) {
        let mailbox = match path {
            ForwardPath::Mailbox(mailbox) => Some(mailbox.clone()),
            ForwardPath::Postmaster => Mailbox::new("postmaster", self.shared.hostname.clone()).ok(),
        };
        match mailbox.and_then(|mailbox| self.shared.local(&mailbox)) {
            Some(mailbox) => {
                self.recipients.push(mailbox);
                endpoint.accept();
            }
            None => endpoint.refuse(&Reply::permanent(550, "5.1.1", "no such user here")),
        }
    }

    fn data(&mut self, chunk: &[u8]) {
        let shared = &self.shared;
        let arriving = self.arriving.get_or_insert_with(|| Arriving {
            judging: shared.judge.begin(),
            body: Spool::new(&shared.spool),
            problem: None,
        });
        if arriving.problem.is_some() {
            return;
        }
        arriving.problem = match arriving.judging.feed(chunk) {
            Ok(body) => arriving.body.write(body).err().map(|error| {
                tracing::error!(%error, "the spool can not be written");
                Reply::transient(451, "4.3.0", "local error, try again later")
            }),
            Err(error) => Some(refusal(&error)),
        };
    }

    async fn end(&mut self, endpoint: &mut Smtp) {
        let now = SystemTime::now();
        let arriving = self.arriving.take();
        let Some(arriving) = arriving else {
            return endpoint.refuse(&Reply::permanent(550, "5.6.0", "the message is empty"));
        };
        if let Some(problem) = arriving.problem {
            return endpoint.refuse(&problem);
        }
        let envelope = Envelope {
            ip: self.peer,
            helo: endpoint.hello().map(|hello| hello.name.clone()).unwrap_or_default(),
            mail_from: self.from.mailbox().map(ToString::to_string).unwrap_or_default(),
            now,
        };
        let inbound = match self.shared.judge.finish(arriving.judging, &envelope).await {
            Ok(inbound) => inbound,
            Err(error) => return endpoint.refuse(&refusal(&error)),
        };
        tracing::info!(peer = %self.peer, from = %self.from, verdict = %inbound.explain().line(), "judged");
        let Ok(body) = self.shared.keep_bundle(&inbound, arriving.body).await else {
            return endpoint.refuse(&Reply::transient(451, "4.3.0", "local error, try again later"));
        };
        // RFC 5322 §3.6: a message whose author can not be told is refused whatever the policy: readers may show anybody
        if let gatepost_dmarc::Verdict::PermError(error) = &inbound.dmarc.verdict {
            return endpoint.refuse(&Reply::permanent(550, "5.6.0", &error.to_string()));
        }
        let folder = match inbound.disposition() {
            Request::Reject => {
                let author = inbound.dmarc.author.as_ref().map(ToString::to_string).unwrap_or_default();
                let text = format!("rejected by DMARC policy for {author}");
                return endpoint.refuse(&Reply::permanent(550, "5.7.1", &text));
            }
            Request::Quarantine => Folder::Junk,
            Request::None => Folder::Inbox,
        };
        let recipients = std::mem::take(&mut self.recipients);
        let received = received(endpoint, &self.shared.hostname, self.peer, &recipients, now);
        let judged = Judged { inbound, received, body };
        match self.shared.deliver(judged, &self.from, recipients, folder).await {
            Ok(()) => endpoint.accept(),
            Err(error) => {
                tracing::error!(%error, "a message can not be stored");
                endpoint.refuse(&Reply::transient(451, "4.3.0", "local error, try again later"));
            }
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
            Event::Mail(mail) => {
                (self.from, self.arriving) = (mail.path, None);
                self.recipients.clear();
                endpoint.accept();
            }
            Event::Recipient(recipient) => self.recipient(endpoint, &recipient.path),
            Event::Data(chunk) => self.data(&chunk),
            Event::EndOfData => self.end(endpoint).await,
            _ => self.arriving = None,
        }
        Ok(())
    }
}
