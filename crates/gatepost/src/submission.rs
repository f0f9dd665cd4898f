//! Sessions of users: what they submit is signed and delivered.

mod header;

use std::io::{self, Read};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use gatepost_dkim::sign::{Signer, Spec};
use gatepost_smtp::server::{Event, Server as Smtp};
use gatepost_smtp::{MailFrom, RcptTo, Reply};
use gatepost_syntax::{Fed, HeaderBlock, HeaderLimits, Mailbox, ReversePath, Splitter};

use crate::delivery::{Judged, Shared, SigningIdentity, not_stored};
use crate::drive::Handler;
use crate::judge::Inbound;
use crate::login::LogIn;
use crate::metrics::Count;
use crate::outbound::Engine;
use crate::queue::{Entry, Ready};
use crate::spool::Spool;
use crate::store::Folder;
use crate::transaction::{self, Transaction};

/// One session's decisions.
pub(crate) struct Submission {
    shared: Arc<Shared>,
    peer: IpAddr,
    login: LogIn,
    user: Option<Mailbox>,
    transaction: Transaction,
    arriving: Option<Box<Arriving>>,
}

/// A message within DATA.
struct Arriving {
    splitter: Option<Splitter>,
    headers: Option<HeaderBlock>,
    /// The keys of the author's domain, and what signs for all of them.
    signers: Vec<Arc<SigningIdentity>>,
    signer: Option<Signer>,
    body: Spool,
    problem: Option<Reply>,
}

impl Submission {
    pub(crate) fn new(shared: Arc<Shared>, peer: IpAddr) -> Self {
        Submission {
            login: LogIn::new(Arc::clone(&shared), peer),
            shared,
            peer,
            user: None,
            transaction: Transaction::new(MailFrom::new(ReversePath::Null)),
            arriving: None,
        }
    }

    /// The reverse-path must be the user's own, or null, as that of a disposition notification (RFC 8098 §3): the author is
    /// the user's in any case.
    fn mail(&mut self, endpoint: &mut Smtp, mail: MailFrom) {
        self.user = endpoint.identity().and_then(|identity| Mailbox::parse(&identity.user).ok());
        self.arriving = None;
        let Some(name) = endpoint.identity().map(|identity| identity.user.as_str()) else {
            return endpoint.refuse(&Reply::permanent(530, "5.7.0", "authentication required"));
        };
        if !self.login.enter(name) {
            return endpoint.refuse(&Reply::transient(450, "4.7.0", "too many sessions of this user, try again later"));
        }
        if !self.shared.gate.may_send(self.peer, Some(name)) {
            self.shared.metrics.add(Count::Refused, "user_messages");
            return endpoint.refuse(&Reply::transient(450, "4.7.1", "too many messages of this user, try again later"));
        }
        if mail.path.mailbox().is_none_or(|mailbox| self.is_own(mailbox)) {
            self.transaction = Transaction::new(mail);
            endpoint.accept();
        } else {
            endpoint.refuse(&Reply::permanent(553, "5.7.1", "the sender address is not yours"));
        }
    }

    /// Mailboxes of this server, and those of other domains where mail for them is taken.
    fn recipient(&mut self, endpoint: &mut Smtp, recipient: &RcptTo) {
        let Some(mailbox) = self.shared.mailbox(&recipient.path) else {
            return endpoint.refuse(&Reply::permanent(550, "5.1.1", "no such user here"));
        };
        let users = self.shared.recipients(&mailbox);
        let here = mailbox.domain().is_some_and(|domain| self.shared.is_local(domain));
        match &self.shared.outbound {
            _ if here && users.is_empty() => {
                return endpoint.refuse(&Reply::permanent(550, "5.1.1", "no such user here"));
            }
            None if users.is_empty() => {
                return endpoint.refuse(&Reply::permanent(550, "5.7.1", "mail for other domains is not taken here"));
            }
            None => {}
            Some(outbound) => {
                self.transaction.queue(&mailbox, recipient, !users.is_empty(), outbound.now());
            }
        }
        self.transaction.add(mailbox, users);
        endpoint.accept();
    }

    fn data(&mut self, chunk: &[u8]) {
        let shared = Arc::clone(&self.shared);
        let mut arriving = self.arriving.take().unwrap_or_else(|| {
            Box::new(Arriving {
                splitter: Some(Splitter::new(&HeaderLimits::default())),
                headers: None,
                signers: Vec::new(),
                signer: None,
                body: Spool::new(&shared.spool),
                problem: None,
            })
        });
        if arriving.problem.is_none() {
            arriving.problem = self.take(&mut arriving, chunk).err();
        }
        self.arriving = Some(arriving);
    }

    fn take(&self, arriving: &mut Arriving, chunk: &[u8]) -> Result<(), Reply> {
        let mut body = chunk;
        if let Some(splitter) = &mut arriving.splitter {
            match splitter.feed(chunk).map_err(malformed)? {
                Fed::NeedMore => return Ok(()),
                Fed::Complete { used } => body = chunk.get(used..).unwrap_or_default(),
            }
            self.end_of_headers(arriving)?;
        }
        if let Some(signer) = &mut arriving.signer {
            signer.body(body);
        }
        arriving.body.write(body).map_err(|error| not_stored(&error))
    }

    /// Checks the author, adds what is missing and begins to sign.
    fn end_of_headers(&self, arriving: &mut Arriving) -> Result<(), Reply> {
        let Some(splitter) = arriving.splitter.take() else {
            return Ok(());
        };
        let headers = splitter.finish().map_err(malformed)?;
        let authors = header::authors(&headers, |mailbox| self.is_own(mailbox))?;
        let now = SystemTime::now();
        let headers = header::completed(&headers, &self.shared.hostname, now)?;
        // RFC 9989 §4.4: only a signature of the author's domain is aligned
        let author = authors.domains().first();
        let signers = author.map(|author| self.shared.signers(author)).unwrap_or_default();
        if let Some(first) = signers.first() {
            let mut spec = Spec::new(first.domain.clone(), first.selector.clone());
            spec.time = Some(now);
            arriving.signer = Some(Signer::new(spec, headers.clone()).map_err(malformed)?);
        }
        arriving.signers = signers.into_iter().cloned().collect();
        arriving.headers = Some(headers);
        Ok(())
    }

    /// Whether the user gets the mail for this address: his own, with a tag, or an alias that leads to him.
    fn is_own(&self, mailbox: &Mailbox) -> bool {
        self.user.as_ref().is_some_and(|user| self.shared.recipients(mailbox).contains(user))
    }

    async fn end(&mut self, endpoint: &mut Smtp) {
        let arriving = self.arriving.take();
        let finished = match arriving {
            Some(arriving) => self.finish(endpoint, *arriving).await,
            None => Err(Reply::permanent(550, "5.6.0", "the message is empty")),
        };
        transaction::end(endpoint, &self.shared, &finished);
    }

    async fn finish(&mut self, endpoint: &Smtp, mut arriving: Arriving) -> Result<(), Reply> {
        if let Some(problem) = arriving.problem.take() {
            return Err(problem);
        }
        self.end_of_headers(&mut arriving)?; // a message without a body
        let (Some(headers), now) = (arriving.headers, SystemTime::now()) else {
            return Err(Reply::permanent(550, "5.6.0", "the message has no header"));
        };
        let mut signed = Vec::new();
        if let Some(signer) = arriving.signer {
            // the keys are of one domain: the body was hashed once for all of them
            let draft = signer.finish().map_err(malformed)?;
            for identity in arriving.signers {
                let draft = draft.under(identity.selector.clone());
                signed.extend_from_slice(draft.sign(&identity.key).map_err(malformed)?.as_bytes());
            }
        }
        signed.extend_from_slice(headers.raw());
        let users = self.transaction.take_users();
        let received = self.transaction.received(endpoint, &self.shared.hostname, self.peer, now);
        let mut body = arriving.body;
        let mut queued = None;
        if let Some(outbound) = self.shared.outbound.clone()
            && let Some(entry) = self.transaction.take_entry(outbound.now())
        {
            (queued, body) = queue(outbound, &received, &signed, body, entry).await?;
        }
        if !users.is_empty() {
            let inbound = self.judged(endpoint, &signed, &mut body, now).await?;
            let judged = Judged { inbound, received, body };
            self.shared
                .deliver(judged, self.transaction.from(), users, Folder::Inbox)
                .await
                .map_err(|error| not_stored(&error))?;
        }
        // last: all that can fail has been done, so that a second attempt of the user sends nothing twice
        if let (Some(ready), Some(outbound)) = (queued, self.shared.outbound.clone()) {
            let accepted = tokio::task::spawn_blocking(move || outbound.accept(ready)).await;
            accepted.map_err(io::Error::other).and_then(|accepted| accepted).map_err(|error| not_stored(&error))?;
        }
        Ok(())
    }

    /// Local recipients see what any receiver would: the signed message is judged.
    async fn judged(
        &self,
        endpoint: &Smtp,
        headers: &[u8],
        body: &mut Spool,
        now: SystemTime,
    ) -> Result<Inbound, Reply> {
        let mut judging = self.shared.judge.begin();
        judging.feed(headers).and_then(|_| judging.feed(b"\r\n")).map_err(malformed)?;
        let mut reader = body.reader().map_err(|error| not_stored(&error))?;
        let mut buffer = vec![0; 64 << 10];
        loop {
            match reader.read(&mut buffer).map_err(|error| not_stored(&error))? {
                0 => break,
                length => judging.feed(buffer.get(..length).unwrap_or_default()).map(drop).map_err(malformed)?,
            }
        }
        drop(reader);
        let envelope = self.transaction.envelope(endpoint, self.peer, now);
        let inbound = self.shared.judge.finish(judging, &envelope).await.map_err(malformed)?;
        let user = endpoint.identity().map(|identity| identity.user.clone()).unwrap_or_default();
        Ok(inbound.authenticated_as(&user))
    }
}

/// The message as it is sent, on the disk but for its name in the queue.
async fn queue(
    outbound: Arc<Engine>,
    received: &str,
    signed: &[u8],
    mut body: Spool,
    entry: Entry,
) -> Result<(Option<Ready>, Spool), Reply> {
    let header = [received.as_bytes(), signed, b"\r\n"].concat();
    let written = tokio::task::spawn_blocking(move || {
        let Some(mut draft) = outbound.begin()? else {
            return Ok((None, body));
        };
        io::copy(&mut header.as_slice().chain(body.reader()?), &mut draft)?;
        Ok((Some(draft.ready(entry)?), body))
    });
    match written.await.map_err(io::Error::other).and_then(|written| written).map_err(|error| not_stored(&error))? {
        (None, _) => Err(Reply::transient(452, "4.3.1", "the queue is full, try again later")),
        written => Ok(written),
    }
}

fn malformed(error: impl std::fmt::Display) -> Reply {
    Reply::permanent(550, "5.6.0", &error.to_string())
}

impl Handler<Smtp> for Submission {
    async fn on(&mut self, endpoint: &mut Smtp, event: Event) -> io::Result<()> {
        match event {
            Event::Auth(question) => {
                let answer = Box::pin(self.login.answer(&question, endpoint.auth_failures())).await;
                endpoint.answer(answer);
            }
            Event::Mail(mail) => self.mail(endpoint, mail),
            Event::Recipient(recipient) => self.recipient(endpoint, &recipient),
            Event::Data(chunk) => self.data(&chunk),
            // boxed, so that a session that is silent has no room for it
            Event::EndOfData => Box::pin(self.end(endpoint)).await,
            _ => self.arriving = None,
        }
        Ok(())
    }

    fn ended(&mut self, endpoint: &Smtp) {
        self.login.count(endpoint.auth_failures());
    }
}
