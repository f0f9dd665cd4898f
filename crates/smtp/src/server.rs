//! The server endpoint.
//!
//! ```text
//! Start ─► Ready ◄──────────────┬─────────────┬──────────┐
//!            │ EHLO/HELO/RSET ──┘             │          │
//!            ├ AUTH ─► Authenticating ────────┘          │
//!            ├ MAIL ─► Transaction ── RCPT ── DATA ─► Data ─► Ending
//!            └ STARTTLS ─► Upgrading ─► Start (without greeting)
//! ```

mod auth;
mod config;
mod transaction;

use bytes::Bytes;
use gatepost_sasl::{Answer, Identity, Question, ServerExchange};
use gatepost_wire::{DotReader, Endpoint, Input, Line, Step, TlsInfo};

use crate::command::{Command, CommandError};
use crate::envelope::{Hello, MailFrom, RcptTo};
use crate::reply::Reply;

pub use config::{Config, Limits, Profile};

/// What the application decides or learns. Questions stay until they are answered.
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
    /// The message is complete. Answered likewise; after [`Server::accept`] it is the server's to keep.
    EndOfData,
    /// The transaction is over without a message: forget it. No answer.
    Reset,
}

enum State {
    Start,
    Ready(Option<Hello>),
    Authenticating(Hello, ServerExchange),
    /// With how many recipients were accepted.
    Transaction(Hello, usize),
    Data(Hello, DotReader, u64),
    Ending(Hello),
    Upgrading,
    Closed,
}

/// An SMTP server that does no I/O.
pub struct Server {
    config: Config,
    nonce: String,
    state: State,
    input: Input,
    output: Vec<u8>,
    pending: Option<Event>,
    tls: Option<TlsInfo>,
    identity: Option<Identity>,
    errors: u32,
    auth_failures: u32,
    commands: u32,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("tls", &self.tls).field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Server {
    /// Before the first octet. `nonce` is fresh randomness of printable ASCII without commas. For implicit TLS call
    /// [`Endpoint::secured`] at once.
    pub fn new(config: Config, nonce: &str) -> Self {
        Server {
            config,
            nonce: nonce.to_owned(),
            state: State::Start,
            input: Input::new(),
            output: Vec::new(),
            pending: None,
            tls: None,
            identity: None,
            errors: 0,
            auth_failures: 0,
            commands: 0,
        }
    }

    /// The user, after AUTH.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// The state's name, as in `docs/states/smtp-server.md`.
    pub fn state(&self) -> &'static str {
        match self.state {
            State::Start => "Start",
            State::Ready(None) => "Connected",
            State::Ready(Some(_)) => "Ready",
            State::Authenticating(..) => "Authenticating",
            State::Transaction(_, 0) => "Transaction",
            State::Transaction(..) => "Recipients",
            State::Data(..) => "Data",
            State::Ending(_) => "Ending",
            State::Upgrading => "Upgrading",
            State::Closed => "Closed",
        }
    }

    /// What is known of TLS.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    /// What the client said in its last HELO or EHLO.
    pub fn hello(&self) -> Option<&Hello> {
        match &self.state {
            State::Ready(hello) => hello.as_ref(),
            State::Authenticating(hello, _)
            | State::Transaction(hello, ..)
            | State::Data(hello, ..)
            | State::Ending(hello) => Some(hello),
            State::Start | State::Upgrading | State::Closed => None,
        }
    }

    /// The `with` keyword of a Received field (RFC 3848).
    pub fn protocol(&self) -> &'static str {
        match (self.hello().is_some_and(|hello| hello.extended), self.tls.is_some(), self.identity.is_some()) {
            (false, ..) => "SMTP",
            (true, false, false) => "ESMTP",
            (true, true, false) => "ESMTPS",
            (true, false, true) => "ESMTPA",
            (true, true, true) => "ESMTPSA",
        }
    }

    /// Yes to a [`Event::Mail`], [`Event::Recipient`] or [`Event::EndOfData`].
    pub fn accept(&mut self) {
        let reply = match self.pending.take() {
            Some(Event::Mail(_)) => {
                if let Some(hello) = self.take_hello() {
                    self.state = State::Transaction(hello, 0);
                }
                Reply::ok("2.1.0", "sender ok")
            }
            Some(Event::Recipient(_)) => {
                if let State::Transaction(_, recipients) = &mut self.state {
                    *recipients += 1;
                }
                Reply::ok("2.1.5", "recipient ok")
            }
            Some(Event::EndOfData) => {
                self.back_to_ready();
                Reply::ok("2.0.0", "message accepted")
            }
            other => {
                self.pending = other;
                return;
            }
        };
        self.say(&reply);
    }

    /// No, for the reason in the reply.
    pub fn refuse(&mut self, reply: &Reply) {
        match self.pending.take() {
            Some(Event::Mail(_) | Event::Recipient(_)) => self.say(reply),
            Some(Event::EndOfData) => {
                self.back_to_ready();
                self.say(reply);
            }
            other => self.pending = other,
        }
    }

    /// The answer to an [`Event::Auth`].
    pub fn answer(&mut self, answer: Answer) {
        match self.pending.take() {
            Some(Event::Auth(_)) => self.sasl_answer(answer),
            other => self.pending = other,
        }
    }

    fn say(&mut self, reply: &Reply) {
        reply.write(&mut self.output);
    }

    fn back_to_ready(&mut self) {
        let hello = self.take_hello();
        self.state = State::Ready(hello);
    }

    /// Takes the hello out of any state that has one.
    fn take_hello(&mut self) -> Option<Hello> {
        match std::mem::replace(&mut self.state, State::Ready(None)) {
            State::Ready(hello) => hello,
            State::Authenticating(hello, _)
            | State::Transaction(hello, ..)
            | State::Data(hello, ..)
            | State::Ending(hello) => Some(hello),
            State::Start | State::Upgrading | State::Closed => None,
        }
    }

    /// A failed command; too many end the session.
    fn fail(&mut self, code: u16, enhanced: &'static str, text: &str) {
        self.errors += 1;
        let reply = Reply::new(code, Some(enhanced), text);
        self.say(&reply);
        if self.errors > self.config.limits.errors {
            self.close(421, "4.7.0", "too many errors");
        }
    }

    fn close(&mut self, code: u16, enhanced: &'static str, text: &str) {
        let reply = Reply::new(code, Some(enhanced), text);
        self.say(&reply);
        self.state = State::Closed;
        self.input.clear();
    }

    fn line(&mut self, line: Line) {
        if let State::Authenticating(..) = self.state {
            return self.sasl_line(&line);
        }
        self.commands += 1;
        if self.commands > self.config.limits.commands {
            return self.close(421, "4.7.0", "too many commands");
        }
        let line = match line {
            Line::Whole(line) => line,
            Line::TooLong => return self.fail(500, "5.5.6", "line too long"),
            _ => return self.fail(500, "5.5.2", "a bare CR, a bare LF or a NUL"),
        };
        match Command::parse(&line) {
            Ok(command) => self.command(command),
            Err(CommandError::Foreign) => self.close(554, "5.5.0", "this is an SMTP server"),
            Err(CommandError::Unknown) => self.fail(500, "5.5.1", "command not recognized"),
            Err(CommandError::Characters) => self.fail(500, "5.5.2", "characters that no command has"),
            Err(CommandError::Parameter) => self.fail(555, "5.5.4", "parameter not recognized"),
            Err(CommandError::Utf8) => self.fail(553, "5.6.7", "UTF-8 needs SMTPUTF8"),
            Err(error @ CommandError::Path(_)) => self.fail(501, "5.1.3", &error.to_string()),
            Err(error) => self.fail(501, "5.5.4", &error.to_string()),
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Hello(hello) => self.greet(hello),
            Command::Noop => self.say(&Reply::ok("2.0.0", "ok")),
            Command::Rset => self.reset(),
            Command::Quit => self.close(221, "2.0.0", "bye"),
            Command::Vrfy => self.say(&Reply::new(252, Some("2.1.5"), "send some mail, we will try")),
            Command::Expn => self.fail(502, "5.5.1", "not implemented"),
            Command::Help => self.say(&Reply::new(214, Some("2.0.0"), "see RFC 5321")),
            Command::StartTls => self.start_tls(),
            Command::Auth { mechanism, initial } => self.auth(&mechanism, initial.as_deref()),
            Command::Mail(mail) => self.mail(mail),
            Command::Rcpt(recipient) => self.recipient(recipient),
            Command::Data => self.data(),
        }
    }

    fn reset(&mut self) {
        if let State::Transaction(..) = self.state {
            self.pending = Some(Event::Reset);
            self.back_to_ready();
        }
        self.say(&Reply::ok("2.0.0", "ok"));
    }

    /// EHLO and HELO; a transaction is forgotten (RFC 5321 §4.1.4).
    fn greet(&mut self, hello: Hello) {
        if let State::Transaction(..) = self.state {
            self.pending = Some(Event::Reset);
        }
        let mut lines = vec![self.config.hostname.to_string()];
        if hello.extended {
            lines.extend(["PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"].map(str::to_owned));
            lines.push(format!("SIZE {}", self.config.limits.message));
            if self.config.starttls && self.tls.is_none() {
                lines.push("STARTTLS".to_owned());
            }
            let mechanisms = self.mechanisms();
            if !mechanisms.is_empty() {
                lines.push(format!("AUTH {}", gatepost_sasl::Name::list(&mechanisms)));
            }
        }
        let last = lines.len() - 1;
        for (index, line) in lines.iter().enumerate() {
            let separator = if index == last { ' ' } else { '-' };
            self.output.extend_from_slice(format!("250{separator}{line}\r\n").as_bytes());
        }
        self.state = State::Ready(Some(hello));
    }

    /// RFC 3207 §4: nothing may be left in the buffer, so that no plaintext is read as if it had come through TLS.
    fn start_tls(&mut self) {
        if self.tls.is_some() || !self.config.starttls {
            return self.fail(503, "5.5.1", "TLS is not to be had now");
        }
        if !self.input.is_empty() {
            return self.close(554, "5.5.0", "data behind STARTTLS");
        }
        let reply = Reply::new(220, Some("2.0.0"), "ready for TLS");
        self.say(&reply);
        self.state = State::Upgrading;
    }

    /// Does what the input allows; whether there was something to do.
    fn advance(&mut self) -> bool {
        match self.state {
            State::Start => {
                let greeting = Reply::new(220, None, &format!("{} ESMTP", self.config.hostname));
                self.say(&greeting);
                self.state = State::Ready(None);
                true
            }
            State::Data(..) => self.read_data(),
            State::Ready(_) | State::Transaction(..) | State::Authenticating(..) => {
                let authenticating = matches!(self.state, State::Authenticating(..));
                let limit = if authenticating { self.config.limits.auth_line } else { self.config.limits.line };
                match self.input.line(limit) {
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
}

/// Replies are gathered up to this many octets before they are sent.
const GATHERED: usize = 8 << 10;

impl Endpoint for Server {
    type Event = Event;

    fn feed(&mut self, input: &[u8]) {
        match self.state {
            State::Closed => {}
            // RFC 3207: what comes behind STARTTLS in clear is not ours to read
            State::Upgrading => self.close(554, "5.5.0", "data behind STARTTLS"),
            _ => self.input.feed(input),
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
        self.tls = Some(tls);
    }

    fn timed_out(&mut self) {
        self.pending = None;
        self.close(421, "4.4.2", "timeout");
    }

    fn closed(&mut self) {
        self.pending = None;
        self.output.clear();
        self.state = State::Closed;
    }
}
