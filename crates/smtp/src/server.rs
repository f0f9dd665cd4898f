//! The server endpoint.
//!
//! ```text
//! Start ─► Connected ─ EHLO/HELO ─► Ready ◄─────────────────────────────────────────────┐
//!                                    ├ AUTH ─► Authenticating ──────────────────────────┤
//!                                    ├ MAIL ─► Transaction ─ RCPT ─► Recipients         │
//!                                    │           DATA ─► Data ─────────────► Ending ────┤
//!                                    │           BDAT ─► Chunk ─ LAST ─────► Ending ────┤
//!                                    │           BDAT ─► Chunk ─► Chunks ─► Chunk ─► …  │
//!                                    │           RSET, EHLO ────────────────────────────┘
//!                                    └ STARTTLS ─► Upgrading ─► Connected (without greeting)
//! ```

mod auth;
mod config;
mod data;
mod session;
mod state;
mod transaction;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use gatepost_sasl::{Answer, Identity, Question, ServerExchanges};
use gatepost_wire::{Endpoint, Input, Line, Step, TlsInfo};

use crate::envelope::{Hello, MailFrom, RcptTo};
use crate::reply::{self, Reply};
use state::State;

pub use config::{Config, EarlyTalkers, Extensions, Limits, Profile};

/// What the application decides or learns. A question comes again with each [`Endpoint::poll`] until it is answered by the
/// method that its variant names; other methods do nothing. A loop that passes one over turns for ever, so the arm for variants
/// of later versions is best an end of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Who may log in? Answered by [`Server::answer`].
    Auth(Question),
    /// May this sender? Answered by [`Server::accept`] or [`Server::refuse`].
    Mail(MailFrom),
    /// May this recipient? Answered likewise.
    Recipient(RcptTo),
    /// Octets of the message, a slice of what was fed. No answer.
    Data(Bytes),
    /// The message is complete. Answered likewise, or by [`Server::delivered`]; what is accepted is the server's to keep.
    EndOfData,
    /// The transaction is over without a message: forget it. No answer.
    Reset,
}

/// An SMTP server that does no I/O.
pub struct Server {
    config: Arc<Config>,
    exchanges: ServerExchanges,
    state: State,
    input: Input,
    output: Vec<u8>,
    pending: Option<Event>,
    tls: Option<TlsInfo>,
    identity: Option<Identity>,
    /// Whether early talkers had their time.
    waited: bool,
    errors: u32,
    refusals: u32,
    auth_failures: u32,
    commands: u32,
    idle_commands: u32,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("tls", &self.tls).field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Server {
    /// Before the first octet; a server of many sessions shares the configuration among them. `nonce` is fresh randomness of at
    /// least 16 octets in hexadecimal or base64 (printable ASCII without spaces and commas), for the log-ins of this session
    /// alone; with one that is empty or has other characters every SCRAM is refused for now. For implicit TLS call
    /// [`Endpoint::secured`] at once.
    pub fn new(config: impl Into<Arc<Config>>, nonce: &str) -> Self {
        Server {
            config: config.into(),
            exchanges: ServerExchanges::new(nonce),
            state: State::Start,
            input: Input::new(),
            output: Vec::new(),
            pending: None,
            tls: None,
            identity: None,
            waited: false,
            errors: 0,
            refusals: 0,
            auth_failures: 0,
            commands: 0,
            idle_commands: 0,
        }
    }

    /// The user, after AUTH.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// How often AUTH failed: wrong credentials, cancelled and malformed exchanges.
    pub fn auth_failures(&self) -> u32 {
        self.auth_failures
    }

    /// The state's name, as in `docs/states/smtp-server.md`.
    pub fn state(&self) -> &'static str {
        self.state.name()
    }

    /// What is known of TLS.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    /// What the client said in its last HELO or EHLO.
    pub fn hello(&self) -> Option<&Hello> {
        self.state.hello()
    }

    /// The `with` keyword of a Received field (RFC 3848 §1, RFC 6531 §4.3).
    pub fn protocol(&self) -> &'static str {
        let utf8 = self.state.transaction().is_some_and(|transaction| transaction.utf8);
        let extended = self.hello().is_some_and(|hello| hello.extended);
        let words: [&str; 4] = match (self.config.profile, extended, utf8) {
            (Profile::Lmtp, _, false) => ["LMTP", "LMTPS", "LMTPA", "LMTPSA"],
            (Profile::Lmtp, _, true) => ["UTF8LMTP", "UTF8LMTPS", "UTF8LMTPA", "UTF8LMTPSA"],
            (_, false, _) => ["SMTP"; 4],
            (_, true, false) => ["ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA"],
            (_, true, true) => ["UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"],
        };
        let [plain, tls, auth, both] = words;
        match (self.tls.is_some(), self.identity.is_some()) {
            (false, false) => plain,
            (true, false) => tls,
            (false, true) => auth,
            (true, true) => both,
        }
    }

    /// Yes to a [`Event::Mail`], [`Event::Recipient`] or [`Event::EndOfData`].
    pub fn accept(&mut self) {
        match self.pending.take() {
            Some(Event::Mail(mail)) => {
                self.begin(&mail);
                self.say(&reply::SENDER_OK);
            }
            Some(Event::Recipient(_)) => {
                if let State::Transaction(transaction) = &mut self.state {
                    transaction.recipients += 1;
                }
                self.say(&reply::RECIPIENT_OK);
            }
            Some(Event::EndOfData) => {
                self.renew();
                self.say_for_each(&reply::MESSAGE_OK);
                self.back_to_ready();
            }
            other => self.pending = other,
        }
    }

    /// No to any question, for the reason in the reply; to an [`Event::Auth`] it is [`Answer::Deny`]. With 421 the session ends
    /// (RFC 5321 §3.8).
    pub fn refuse(&mut self, reply: &Reply) {
        match self.pending.take() {
            Some(Event::Mail(_) | Event::Recipient(_)) => {
                self.say(reply);
                self.refusals += 1;
                if reply.is_farewell() {
                    self.hang_up();
                } else if self.refusals > self.config.limits.refusals {
                    self.close(&reply::TOO_MANY_REFUSALS);
                }
            }
            Some(Event::EndOfData) => {
                self.say_for_each(reply);
                self.end_transaction(reply.is_farewell());
            }
            // why is told to nobody who may be guessing
            Some(Event::Auth(_)) if !reply.is_farewell() => self.sasl_answer(Answer::Deny),
            Some(Event::Auth(_)) => self.close(reply),
            other => self.pending = other,
        }
    }

    /// What became of the message for each accepted recipient, in their order: each has a reply over LMTP (RFC 2033 §4.2).
    /// Elsewhere one reply is for all, and the first refusal is it.
    pub fn delivered(&mut self, outcomes: &[Result<(), Reply>]) {
        if self.config.profile != Profile::Lmtp || self.pending != Some(Event::EndOfData) {
            return match outcomes.iter().find_map(|outcome| outcome.as_ref().err()) {
                Some(refusal) => self.refuse(refusal),
                None => self.accept(),
            };
        }
        self.pending = None;
        if outcomes.iter().any(Result::is_ok) {
            self.renew();
        }
        for index in 0..self.state.transaction().map_or(0, |transaction| transaction.recipients) {
            match outcomes.get(index) {
                Some(Ok(())) => self.say(&reply::MESSAGE_OK),
                Some(Err(refusal)) => self.say(refusal),
                None => self.say(&reply::NOT_DELIVERED),
            }
        }
        self.end_transaction(outcomes.iter().any(|outcome| outcome.as_ref().is_err_and(Reply::is_farewell)));
    }

    /// The answer to an [`Event::Auth`].
    pub fn answer(&mut self, answer: Answer) {
        match self.pending.take() {
            Some(Event::Auth(_)) => self.sasl_answer(answer),
            other => self.pending = other,
        }
    }

    /// A message has come: what went before it is forgiven, or a client that sends many would be ended by few mistakes in each.
    fn renew(&mut self) {
        (self.errors, self.refusals, self.idle_commands) = (0, 0, 0);
    }

    fn say(&mut self, reply: &Reply) {
        self.output.reserve(REPLY);
        reply.write(&mut self.output);
    }

    fn end_transaction(&mut self, is_over: bool) {
        if is_over { self.hang_up() } else { self.back_to_ready() }
    }

    fn back_to_ready(&mut self) {
        let hello = self.take_hello();
        self.state = State::Ready(hello);
    }

    /// Takes the hello out of any state that has one.
    fn take_hello(&mut self) -> Option<Hello> {
        std::mem::replace(&mut self.state, State::Ready(None)).into_hello()
    }

    /// A failed command; too many end the session.
    fn fail(&mut self, reply: &Reply) {
        self.errors += 1;
        self.say(reply);
        self.end_on_errors();
    }

    fn end_on_errors(&mut self) {
        if self.errors > self.config.limits.errors {
            self.close(&reply::TOO_MANY_ERRORS);
        }
    }

    fn close(&mut self, reply: &Reply) {
        self.say(reply);
        self.hang_up();
    }

    fn hang_up(&mut self) {
        self.state = State::Closed;
        self.input.clear();
    }

    /// Does what the input allows; whether there was something to do.
    fn advance(&mut self) -> bool {
        match self.state {
            State::Start => self.greeting(),
            State::Data(..) => self.read_data(),
            State::Chunk(_) => self.read_chunk(),
            State::Ready(_) | State::Transaction(_) | State::Authenticating(..) => {
                // a command begins with a letter: this is how TLS begins, or nothing that is worth waiting for
                if self.input.octets().first() == Some(&0x16) && !self.input.is_discarding() {
                    self.close(&reply::NOT_SMTP);
                    return true;
                }
                match self.input.line(self.longest_line()) {
                    Line::Partial => false,
                    line => {
                        self.line(line);
                        true
                    }
                }
            }
            State::Ending(_) | State::Upgrading | State::Closed => false,
        }
    }

    /// Clients send tokens behind AUTH itself, however long they are, though RFC 4954 §4 wants them on a line of their own.
    fn longest_line(&self) -> usize {
        let is_exchange = matches!(self.state, State::Authenticating(..)) || session::is_auth(self.input.octets());
        if is_exchange { self.config.limits.auth_line } else { self.config.limits.line }
    }

    fn greeting(&mut self) -> bool {
        if let EarlyTalkers::Refused(_) = self.config.early_talkers {
            if !self.input.is_empty() {
                self.close(&reply::TOO_EARLY);
                return true;
            }
            if !self.waited {
                return false;
            }
        }
        let protocol = if self.config.profile == Profile::Lmtp { "LMTP" } else { "ESMTP" };
        self.say(&Reply::new(220, None, &format!("{} {protocol}", self.config.hostname)));
        self.state = State::Ready(None);
        true
    }
}

/// Room for a reply: those of the table fit.
const REPLY: usize = 96;

/// Replies are gathered up to this many octets before they are sent.
const GATHERED: usize = 8 << 10;

impl Endpoint for Server {
    type Event = Event;

    fn feed(&mut self, input: &[u8]) {
        match self.state {
            State::Closed => {}
            // RFC 3207: what comes behind STARTTLS in clear is not ours to read
            State::Upgrading => self.close(&reply::BEHIND_STARTTLS),
            _ => self.input.feed(input),
        }
    }

    fn feed_owned(&mut self, input: BytesMut) {
        match self.state {
            State::Closed | State::Upgrading => self.feed(&input),
            _ => self.input.feed_owned(input),
        }
    }

    fn poll(&mut self) -> Step<Event> {
        while self.pending.is_none() && self.output.len() < GATHERED && self.advance() {}
        if !self.output.is_empty() {
            return Step::Write(std::mem::take(&mut self.output).into());
        }
        match self.pending.take() {
            Some(event @ (Event::Data(_) | Event::Reset)) => return Step::Event(event),
            Some(question) => {
                self.pending = Some(question.clone());
                return Step::Event(question);
            }
            None => {}
        }
        match self.state {
            State::Closed => Step::Close,
            State::Upgrading => Step::StartTls,
            State::Start => Step::Read(match self.config.early_talkers {
                EarlyTalkers::Refused(patience) => patience,
                EarlyTalkers::Heard => self.config.limits.idle,
            }),
            _ => Step::Read(self.config.limits.idle),
        }
    }

    fn secured(&mut self, tls: TlsInfo) {
        // RFC 3207 §4.2: all that was known before is forgotten; there is no second greeting
        if matches!(self.state, State::Upgrading) {
            self.state = State::Ready(None);
        }
        self.identity = None;
        self.pending = None;
        self.input.clear();
        self.exchanges.secured();
        self.tls = Some(tls);
    }

    fn timed_out(&mut self) {
        if let (State::Start, false) = (&self.state, self.waited) {
            self.waited = true; // nobody has spoken early
            return;
        }
        self.pending = None;
        self.close(&reply::TIMEOUT);
    }

    fn closed(&mut self) {
        self.pending = None;
        self.output.clear();
        self.state = State::Closed;
    }

    /// A session between two messages is told so and ended (RFC 5321 §3.8).
    fn shut_down(&mut self) -> bool {
        let idle = self.pending.is_none() && matches!(self.state, State::Start | State::Ready(_));
        if idle {
            self.close(&reply::SHUTDOWN);
        }
        idle
    }
}
