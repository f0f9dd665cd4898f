//! One session with a receiving server: what is said to it, and what it answers for each recipient.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::SystemTime;

use gatepost_sasl::{Credentials, Policy, Secret};
use gatepost_smtp::client::{Capabilities, Client, Envelope, Event, Failure, Outcome, Outcomes, Response};
use gatepost_smtp::{Body, Class, MailFrom, RcptTo, Status};
use gatepost_syntax::ForwardPath;
use tokio::sync::Notify;

use super::live::{Change, Live, blocking};
use crate::drive::Handler;
use crate::queue::{Entry, Said, State};

/// Name and password for a smarthost.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: Secret,
}

/// What a server's answers mean for a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The server has the message, and the queue knows.
    Delivered,
    /// That is the answer.
    Final(Said),
    /// Another host may do better, now.
    NextHost(Said),
    /// Nobody is tried before the next attempt: this server may have the message already (RFC 1047).
    Later(Said),
}

/// How far the session came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The message has not been spoken of.
    Before,
    /// The envelope is being told, or the message is.
    Sending,
    /// The message has ended, and the server has not answered.
    Ended,
    /// It is known how it went.
    Over,
}

/// Whether STARTTLS is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tls {
    Unwanted,
    Wanted,
    Asked,
}

/// One session's decisions.
pub(crate) struct Session {
    live: Arc<Live>,
    /// Indices into the envelope's recipients, in the order of RCPT.
    recipients: Vec<usize>,
    envelope: Envelope,
    message: Option<File>,
    host: String,
    now: SystemTime,
    /// Octets of each answer that are kept.
    words: usize,
    tls: Tls,
    login: Option<Login>,
    /// Whether AUTH was said, and its end not heard.
    is_logging_in: bool,
    /// Recipients that the server does not take at the same time as the others.
    left_out: usize,
    /// Whether the server reports on what becomes of the message (RFC 3461 §5.2.2).
    reports: bool,
    phase: Phase,
    outcomes: Outcomes,
    recorded: Option<Change>,
    failure: Option<Failure>,
    /// Whether it is ours, the operator's: no fault of the message.
    is_ours: bool,
}

impl Session {
    pub(crate) fn new(
        live: &Arc<Live>,
        message: File,
        recipients: &[usize],
        host: &str,
        now: SystemTime,
        words: usize,
    ) -> Self {
        let entry = live.entry();
        Session {
            live: Arc::clone(live),
            recipients: recipients.to_vec(),
            envelope: envelope(&entry, recipients),
            message: Some(message),
            host: host.to_owned(),
            now,
            words,
            tls: Tls::Unwanted,
            login: None,
            is_logging_in: false,
            left_out: 0,
            reports: false,
            phase: Phase::Before,
            outcomes: Outcomes::new(recipients.len()),
            recorded: None,
            failure: None,
            is_ours: false,
        }
    }

    /// Asks for TLS where it is offered, or in any case.
    pub(crate) fn start_tls(mut self) -> Self {
        self.tls = Tls::Wanted;
        self
    }

    pub(crate) fn login(mut self, login: Option<Login>) -> Self {
        self.login = login;
        self
    }

    /// Whether anything was answered of the message. If not, it may be spoken of again at once: nobody has it.
    pub(crate) fn was_heard(&self) -> bool {
        matches!(self.phase, Phase::Ended | Phase::Over) || self.outcomes.is_answered()
    }

    /// Whether the log-in was said, or there is none to say.
    pub(crate) fn is_login_said(&self) -> bool {
        self.login.is_none()
    }

    /// Whether the message was spoken of.
    pub(crate) fn was_begun(&self) -> bool {
        self.phase != Phase::Before
    }

    fn ready(&mut self, smtp: &mut Client, can: &Capabilities, require_tls: bool) {
        if self.tls == Tls::Wanted && (can.starttls || require_tls) {
            self.tls = Tls::Asked; // once; where TLS is required, the endpoint takes no for the end
            return smtp.start_tls();
        }
        self.tls = Tls::Unwanted;
        self.is_logging_in = false;
        match self.login.take() {
            Some(login) => match crate::random::nonce() {
                Some(nonce) => {
                    self.is_logging_in = true;
                    smtp.log_in(&Credentials::password(&login.user, login.password), &Policy::client(), &nonce)
                }
                None => {
                    self.fail(Failure::MechanismNotOffered("SCRAM-SHA-256"), false);
                    smtp.quit();
                }
            },
            None if self.failure.is_some() => smtp.quit(), // a log-in that failed
            None => {
                (self.phase, self.reports) = (Phase::Sending, can.dsn);
                let room = can.limits.room(&self.envelope.to);
                self.left_out = self.recipients.len().saturating_sub(room);
                self.envelope.to.truncate(room);
                self.recipients.truncate(room);
                self.outcomes = Outcomes::new(room);
                smtp.send(self.envelope.clone());
            }
        }
    }

    /// The first failure is the one that counts. STARTTLS and AUTH are set up by the operator, here and there.
    fn fail(&mut self, failure: Failure, is_about_tls: bool) {
        if self.failure.is_none() {
            self.failure = Some(failure);
            self.is_ours = is_about_tls || self.is_logging_in;
        }
    }

    /// Gives the message piece by piece. Before its end the record that it was delivered is made, so that once the server
    /// has it a single system call lets the record hold.
    async fn send_data(&mut self, smtp: &mut Client) -> io::Result<()> {
        let Some(mut message) = self.message.take() else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let (message, piece) = blocking(&self.live, move |_| {
            let mut piece = Vec::with_capacity(64 << 10);
            message.by_ref().take(64 << 10).read_to_end(&mut piece)?;
            Ok((message, piece))
        })
        .await?;
        if !piece.is_empty() {
            self.message = Some(message);
            smtp.data(&piece);
            return Ok(());
        }
        let accepted = self.outcomes.recipients().filter_map(|place| self.recipients.get(place).copied());
        let (delivered, reports): (Vec<usize>, bool) = (accepted.collect(), self.reports);
        let record = move |entry: &mut Entry| {
            for index in &delivered {
                if let Some(recipient) = entry.recipients.get_mut(*index) {
                    (recipient.state, recipient.reported) = (State::Delivered, reports);
                }
            }
        };
        self.recorded = Some(blocking(&self.live, move |live| live.prepare(record)).await?);
        self.phase = Phase::Ended;
        smtp.end_data();
        Ok(())
    }

    /// The server has answered for the message. If it has it, this is recorded before anything else is done.
    async fn done(&mut self, response: Response) -> io::Result<()> {
        let took = response.is_positive();
        self.phase = Phase::Over;
        self.outcomes.note(&Event::Done(response));
        if let (true, Some(record)) = (took, self.recorded.take()) {
            self.live.commit(record)?;
            blocking(&self.live, Live::sync).await?;
        }
        Ok(())
    }

    /// What the recipients' indices came to, but for those that were left out; `broken` is why the session broke off, if it did.
    pub(crate) fn verdicts(&self, broken: Option<&io::Error>) -> Vec<(usize, Verdict)> {
        let verdict = |outcome: Outcome<'_>| match outcome {
            Outcome::Accepted(_) => Verdict::Delivered,
            Outcome::Refused(reply, status) => self.answer(reply, status),
            Outcome::Unanswered(_) => self.unanswered(broken), // by what counts as a failure here
        };
        self.recipients.iter().copied().zip(self.outcomes.iter().map(verdict)).collect()
    }

    /// An answer about a recipient or about the message: for good it is final, for now another host may do better.
    fn answer(&self, reply: &Response, status: Status) -> Verdict {
        let said = Said { reply: Some(reply.clone()), ..self.said(status) };
        if status.is_permanent() { Verdict::Final(said) } else { Verdict::NextHost(said) }
    }

    fn unanswered(&self, broken: Option<&io::Error>) -> Verdict {
        let mut said = match (&self.failure, broken) {
            (Some(failure @ Failure::Refused(reply)), _) => {
                Said { reply: Some(reply.clone()), ..self.said(failure.status()) }
            }
            (Some(failure), _) => Said { reason: Some(failure.to_string()), ..self.said(failure.status()) },
            (None, Some(error)) => {
                Said { reason: Some(error.to_string()), ..self.said(Status::new(Class::Transient, 4, 2)) }
            }
            (None, None) => self.said(Status::new(Class::Transient, 4, 2)),
        };
        if self.is_ours {
            said.status.class = Class::Transient; // the operator will see to it; the sender can not
        }
        match self.phase {
            Phase::Ended => Verdict::Later(said),
            // of the message it was said, not of the host
            Phase::Sending if said.status.is_permanent() => Verdict::Final(said),
            _ => Verdict::NextHost(said),
        }
    }

    fn said(&self, status: Status) -> Said {
        Said { at: self.now, status, host: Some(self.host.clone()), reply: None, reason: None }
    }
}

fn envelope(entry: &Entry, recipients: &[usize]) -> Envelope {
    let to = recipients.iter().filter_map(|index| entry.recipients.get(*index));
    let to = to.map(|recipient| {
        let mut to = RcptTo::new(ForwardPath::Mailbox(recipient.to.clone()));
        to.original.clone_from(&recipient.original);
        to.notify = recipient.notify;
        to
    });
    let mut mail = MailFrom::new(entry.from.clone());
    mail.size = Some(entry.size);
    mail.body = if entry.eight_bit { Body::EightBitMime } else { Body::SevenBit };
    mail.utf8 = entry.utf8;
    mail.ret = entry.returned; // RFC 3461 §5.2.1: what was not given is not supplied
    mail.envelope_id.clone_from(&entry.envelope_id);
    mail.unknown_submitter = true; // nobody is trusted to tell who it was (RFC 4954 §5)
    Envelope { mail, to: to.collect() } // without what RFC 3461 adds where that is not offered: the endpoint sees to it
}

/// A session as the driver sees it.
pub(crate) struct Talk<'s> {
    pub(crate) session: &'s mut Session,
    pub(crate) require_tls: bool,
    /// Whether the connection shall stay when the message is done, if recipients are left or none.
    pub(crate) stays: &'s (dyn Fn(bool) -> bool + Send + Sync),
    /// Told when it does: nothing is under way on it, and the handler waits to be dropped.
    pub(crate) resting: &'s Notify,
}

impl Handler<Client> for Talk<'_> {
    async fn on(&mut self, smtp: &mut Client, event: Event) -> io::Result<()> {
        let session = &mut *self.session;
        match event {
            Event::Ready(can) if session.phase == Phase::Before => session.ready(smtp, &can, self.require_tls),
            Event::Ready(_) if session.phase == Phase::Over && (self.stays)(session.left_out > 0) => {
                self.resting.notify_one();
                std::future::pending::<()>().await; // whoever goes on is shown this event again
            }
            Event::Ready(_) => smtp.quit(),
            Event::Recipient(index, response) => {
                session.outcomes.note(&Event::Recipient(index, response.shortened(session.words)));
            }
            Event::SendData => session.send_data(smtp).await?,
            Event::Done(response) => session.done(response.shortened(session.words)).await?,
            Event::Failed(failure) => {
                let is_about_tls = session.tls == Tls::Asked && smtp.tls().is_none();
                match failure {
                    // it offered STARTTLS, and refuses: as if it had not
                    Failure::Refused(reply) if is_about_tls && !self.require_tls && reply.code != 421 => {}
                    Failure::Refused(reply) => {
                        session.fail(Failure::Refused(reply.shortened(session.words)), is_about_tls);
                    }
                    failure => session.fail(failure, is_about_tls),
                }
            }
            _ => {}
        }
        Ok(())
    }
}
