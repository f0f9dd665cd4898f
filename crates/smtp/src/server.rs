//! The server endpoint.
//!
//! ```text
//! Start ─► Ready ◄──────────────┬─────────────┬──────────┐
//!            │ EHLO/HELO/RSET ──┘             │          │
//!            ├ AUTH ─► Authenticating ────────┘          │
//!            ├ MAIL ─► Transaction ── RCPT ── DATA ─► Data ─► Ending
//!            └ STARTTLS ─► Upgrading ─► Start (without greeting)
//! ```

use std::time::Duration;

use bytes::Bytes;
use gatepost_sasl::{Answer, Identity, Input as SaslInput, Mechanism, Policy, Question, Rejection, Turn};
use gatepost_syntax::{Domain, base64};
use gatepost_wire::{DotReader, Endpoint, Input, Line, Step, TlsInfo, Unstuffed};

use crate::command::{Command, CommandError};
use crate::envelope::{Hello, MailFrom, RcptTo};
use crate::reply::Reply;

/// Whom the server serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Other servers (RFC 5321).
    Mx,
    /// Users (RFC 6409): MAIL needs AUTH.
    Submission,
}

/// Bounds of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets of a command line (default 2048; RFC 5321 §4.5.3.1.4 wants 512 and room for parameters).
    pub line: usize,
    /// Octets of a SASL response (default 12,288, RFC 4954 §4).
    pub auth_line: usize,
    /// Octets of a message (default 50 MiB).
    pub message: u64,
    /// Recipients of a message (default 100, RFC 5321 §4.5.3.1.8).
    pub recipients: usize,
    /// Commands that fail before the session ends (default 20).
    pub errors: u32,
    /// Failed AUTH commands before the session ends (default 3).
    pub auth_failures: u32,
    /// Commands of a session (default 10,000).
    pub commands: u32,
    /// How long to wait for the client (default 5 minutes, RFC 5321 §4.5.3.2.7).
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            line: 2048,
            auth_line: 12_288,
            message: 50 << 20,
            recipients: 100,
            errors: 20,
            auth_failures: 3,
            commands: 10_000,
            idle: Duration::from_secs(300),
        }
    }
}

/// How a server behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// What it calls itself.
    pub hostname: Domain,
    /// Whom it serves.
    pub profile: Profile,
    /// Whether STARTTLS is offered.
    pub starttls: bool,
    /// Which mechanisms are offered; AUTH is for submission only.
    pub sasl: Policy,
    /// Bounds.
    pub limits: Limits,
}

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
    Authenticating(Hello, Box<dyn Mechanism>),
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
            Some(Event::Auth(_)) => self.sasl_step(SaslInput::Answer(answer)),
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
            return self.sasl_line(line);
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
                lines.push(format!("AUTH {}", mechanisms.join(" ")));
            }
        }
        let last = lines.len() - 1;
        for (index, line) in lines.iter().enumerate() {
            let separator = if index == last { ' ' } else { '-' };
            self.output.extend_from_slice(format!("250{separator}{line}\r\n").as_bytes());
        }
        self.state = State::Ready(Some(hello));
    }

    /// What is offered: nothing to other servers, and nothing in clear where TLS could be had (RFC 8314 §3.3).
    fn mechanisms(&self) -> Vec<&'static str> {
        let waits_for_tls = self.config.starttls && self.tls.is_none() && !self.config.sasl.plaintext_without_tls;
        match self.config.profile {
            Profile::Submission if !waits_for_tls => gatepost_sasl::offered(&self.config.sasl, self.tls.is_some()),
            _ => Vec::new(),
        }
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

    /// RFC 4954 §4.
    fn auth(&mut self, name: &str, initial: Option<&str>) {
        if self.identity.is_some() || !matches!(self.state, State::Ready(Some(Hello { extended: true, .. }))) {
            return self.fail(503, "5.5.1", "AUTH is not to be had now");
        }
        let tls = self.tls.is_some();
        let offered = !self.mechanisms().is_empty();
        let mechanism = gatepost_sasl::mechanism(name, &self.config.sasl, tls, &self.nonce).filter(|_| offered);
        let Some(mechanism) = mechanism else {
            return self.fail(504, "5.5.4", "this mechanism is not offered");
        };
        let response = match initial {
            None => None,
            Some("=") => Some(Vec::new()),
            Some(text) => match base64::decode(text) {
                Ok(response) => Some(response),
                Err(_) => return self.auth_failed(501, "5.5.2", "not base64"),
            },
        };
        if let Some(hello) = self.take_hello() {
            self.state = State::Authenticating(hello, mechanism);
        }
        match response {
            None => self.sasl_step(SaslInput::Start),
            Some(response) => self.sasl_step(SaslInput::Response(&response)),
        }
    }

    fn sasl_line(&mut self, line: Line) {
        match line {
            Line::Whole(line) if line.as_ref() == b"*" => self.auth_failed(501, "5.0.0", "cancelled"),
            Line::Whole(line) => match base64::decode(&line) {
                Ok(response) => self.sasl_step(SaslInput::Response(&response)),
                Err(_) => self.auth_failed(501, "5.5.2", "not base64"),
            },
            Line::TooLong => self.auth_failed(500, "5.5.6", "line too long"),
            _ => self.auth_failed(501, "5.5.2", "not base64"),
        }
    }

    fn sasl_step(&mut self, input: SaslInput<'_>) {
        let State::Authenticating(_, mechanism) = &mut self.state else {
            return;
        };
        match mechanism.step(input) {
            Turn::Challenge(challenge) => {
                self.output.extend_from_slice(format!("334 {}\r\n", base64::encode(challenge)).as_bytes());
            }
            Turn::Ask(question) => self.pending = Some(Event::Auth(question)),
            Turn::Done(Ok(identity)) => {
                self.identity = Some(identity);
                self.back_to_ready();
                self.say(&Reply::new(235, Some("2.7.0"), "authenticated"));
            }
            Turn::Done(Err(Rejection::Unavailable)) => {
                self.auth_failed(454, "4.7.0", "temporary authentication failure")
            }
            Turn::Done(Err(Rejection::Malformed)) => self.auth_failed(501, "5.5.2", "malformed response"),
            Turn::Done(Err(_)) => self.auth_failed(535, "5.7.8", "authentication credentials invalid"),
        }
    }

    fn auth_failed(&mut self, code: u16, enhanced: &'static str, text: &str) {
        self.back_to_ready();
        self.auth_failures += 1;
        self.say(&Reply::new(code, Some(enhanced), text));
        if self.auth_failures >= self.config.limits.auth_failures {
            self.close(421, "4.7.0", "too many authentication failures");
        }
    }

    fn mail(&mut self, mail: MailFrom) {
        match &self.state {
            State::Ready(Some(_)) => {}
            State::Ready(None) => return self.fail(503, "5.5.1", "say EHLO first"),
            _ => return self.fail(503, "5.5.1", "there is a transaction already"),
        }
        if self.config.profile == Profile::Submission && self.identity.is_none() {
            return self.fail(530, "5.7.0", "authentication required"); // RFC 4954 §6
        }
        if mail.size.is_some_and(|size| size > self.config.limits.message) {
            return self.fail(552, "5.3.4", "the message is too large"); // RFC 1870 §6.1
        }
        self.pending = Some(Event::Mail(mail));
    }

    fn recipient(&mut self, recipient: RcptTo) {
        match &self.state {
            State::Transaction(_, recipients) if *recipients >= self.config.limits.recipients => {
                self.fail(452, "4.5.3", "too many recipients"); // RFC 5321 §4.5.3.1.10
            }
            State::Transaction(..) => self.pending = Some(Event::Recipient(recipient)),
            _ => self.fail(503, "5.5.1", "say MAIL first"),
        }
    }

    fn data(&mut self) {
        match &self.state {
            State::Transaction(_, 0) => self.fail(554, "5.5.1", "no valid recipients"),
            State::Transaction(..) => {
                if let Some(hello) = self.take_hello() {
                    self.state = State::Data(hello, DotReader::new(), 0);
                }
                self.say(&Reply::new(354, None, "send the message, end with a dot on a line of its own"));
            }
            _ => self.fail(503, "5.5.1", "say MAIL and RCPT first"),
        }
    }

    /// Reads data; whether there was something to do.
    fn read_data(&mut self) -> bool {
        let State::Data(_, reader, size) = &mut self.state else {
            return false;
        };
        let limit = self.config.limits.message;
        match reader.read(&mut self.input) {
            Unstuffed::NeedMore => return false,
            Unstuffed::Data(octets) => {
                *size = size.saturating_add(u64::try_from(octets.len()).unwrap_or(u64::MAX));
                if *size <= limit {
                    self.pending = Some(Event::Data(octets)); // beyond the limit it is only counted
                }
            }
            Unstuffed::End { bare } => {
                let too_large = *size > limit;
                if let Some(hello) = self.take_hello() {
                    self.state = State::Ending(hello);
                }
                if bare || too_large {
                    self.pending = Some(Event::Reset);
                    self.back_to_ready();
                }
                match (too_large, bare) {
                    (true, _) => self.fail(552, "5.3.4", "the message is too large"),
                    (false, true) => self.fail(550, "5.6.0", "a bare CR, a bare LF or a NUL in the message"),
                    (false, false) => self.pending = Some(Event::EndOfData),
                }
            }
        }
        true
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
