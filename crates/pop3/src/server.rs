//! The server endpoint.
//!
//! ```text
//! Start ─► Authorization ── USER, PASS / AUTH ─► Opening ─► Transaction ── QUIT ─► Updating ─► Closed
//!              └ STLS ─► Upgrading ─► Authorization (without greeting)
//! ```

mod authorization;
mod config;
mod transaction;

use gatepost_sasl::{Answer, Identity, Name, Question, Rejection, ServerExchange};
use gatepost_wire::{DotWriter, Endpoint, Input, Line, Step, TlsInfo};

use crate::command::Command;

pub use config::{Config, Limits};

/// A message of a maildrop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Octets as sent, with CRLF line ends, without stuffing.
    pub size: u64,
    /// 1 to 70 characters of printable ASCII without space, never used for another message.
    pub uid: String,
}

/// Why a maildrop can not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// Another session has it (RFC 2449 §8.1.2).
    InUse,
    /// It can not be read now (RFC 3206 §4).
    Temporary,
}

/// What the application decides or does. Each stays until it is answered. Indices are from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Who may log in? Answered by [`Server::answer`].
    Auth(Question),
    /// Lock and list this user's maildrop. Answered by [`Server::opened`].
    Open(Identity),
    /// Give a message: [`Server::message`] for its octets, then [`Server::end`], or [`Server::unreadable`] at once.
    Retrieve(usize),
    /// Give the header section and so many lines of the body; answered likewise.
    Top(usize, u64),
    /// Delete these messages for good and unlock. Answered by [`Server::committed`].
    Commit(Vec<usize>),
}

enum State {
    Start,
    /// With the name that USER gave.
    Authorization(Option<String>),
    Authenticating(ServerExchange),
    /// PASS was given, or the maildrop is being opened.
    Opening,
    Transaction(Vec<Listed>),
    Updating,
    Upgrading,
    Closed,
}

struct Listed {
    entry: Entry,
    deleted: bool,
}

/// A POP3 server that does no I/O.
pub struct Server {
    config: Config,
    nonce: String,
    state: State,
    input: Input,
    output: Vec<u8>,
    pending: Option<Event>,
    /// While a message is being given: its lines are stuffed.
    sending: Option<DotWriter>,
    tls: Option<TlsInfo>,
    errors: u32,
    auth_failures: u32,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("tls", &self.tls).finish_non_exhaustive()
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
            sending: None,
            tls: None,
            errors: 0,
            auth_failures: 0,
        }
    }

    /// The state's name, as in `docs/states/pop3.md`.
    pub fn state(&self) -> &'static str {
        match self.state {
            State::Start => "Start",
            State::Authorization(None) => "Authorization",
            State::Authorization(Some(_)) => "Named",
            State::Authenticating(_) => "Authenticating",
            State::Opening => "Opening",
            State::Transaction(_) => "Transaction",
            State::Updating => "Updating",
            State::Upgrading => "Upgrading",
            State::Closed => "Closed",
        }
    }

    /// The answer to [`Event::Auth`].
    pub fn answer(&mut self, answer: Answer) {
        if !matches!(self.pending, Some(Event::Auth(_))) {
            return;
        }
        self.pending = None;
        match (&mut self.state, answer) {
            (State::Authenticating(exchange), answer) => {
                let turn = exchange.answer(answer);
                self.sasl_turn(turn);
            }
            (_, Answer::Grant(identity)) => self.pending = Some(Event::Open(identity)),
            (_, Answer::Unavailable) => self.rejected(Rejection::Unavailable),
            (_, _) => self.rejected(Rejection::Denied),
        }
    }

    /// The answer to [`Event::Open`].
    pub fn opened(&mut self, maildrop: Result<Vec<Entry>, OpenError>) {
        if !matches!(self.pending, Some(Event::Open(_))) {
            return;
        }
        self.pending = None;
        match maildrop {
            Ok(entries) => {
                self.ok(&format!("{} messages", entries.len()));
                self.state =
                    State::Transaction(entries.into_iter().map(|entry| Listed { entry, deleted: false }).collect());
            }
            Err(error) => {
                self.state = State::Authorization(None);
                self.err(if error == OpenError::InUse {
                    "[IN-USE] the maildrop is locked"
                } else {
                    "[SYS/TEMP] the maildrop can not be read"
                });
            }
        }
    }

    /// Octets of the message that [`Event::Retrieve`] or [`Event::Top`] wants, with CRLF line ends.
    pub fn message(&mut self, octets: &[u8]) {
        if !matches!(self.pending, Some(Event::Retrieve(_) | Event::Top(..))) {
            return;
        }
        if self.sending.is_none() {
            self.ok("message follows");
        }
        self.sending.get_or_insert_default().write(octets, &mut self.output);
    }

    /// The message has ended.
    pub fn end(&mut self) {
        self.message(b"");
        if let Some(writer) = self.sending.take() {
            writer.finish(&mut self.output);
            self.pending = None;
        }
    }

    /// The message can not be read. Once octets were given, only closing tells the client.
    pub fn unreadable(&mut self) {
        if self.sending.take().is_some() {
            self.closed();
        } else if matches!(self.pending, Some(Event::Retrieve(_) | Event::Top(..))) {
            self.pending = None;
            self.err("[SYS/TEMP] the message can not be read");
        }
    }

    /// The answer to [`Event::Commit`].
    pub fn committed(&mut self, all: bool) {
        if matches!(self.pending, Some(Event::Commit(_))) {
            self.pending = None;
            if all {
                self.ok("bye")
            } else {
                self.err("some messages were not deleted")
            }
            self.state = State::Closed;
        }
    }

    fn ok(&mut self, text: &str) {
        self.output.extend_from_slice(format!("+OK {text}\r\n").as_bytes());
    }

    fn err(&mut self, text: &str) {
        self.output.extend_from_slice(format!("-ERR {text}\r\n").as_bytes());
    }

    /// A failed command; too many end the session, and nothing is deleted.
    fn fail(&mut self, text: &str) {
        self.errors += 1;
        self.err(text);
        if self.errors > self.config.limits.errors {
            self.state = State::Closed;
        }
    }

    fn login_failed(&mut self, text: &str) {
        self.auth_failures += 1;
        self.state = State::Authorization(None);
        self.err(text);
        if self.auth_failures >= self.config.limits.auth_failures {
            self.state = State::Closed;
        }
    }

    /// What is offered: nothing in clear where TLS could be had (RFC 8314 §3.3).
    fn mechanisms(&self) -> Vec<Name> {
        if self.config.stls && self.tls.is_none() && !self.config.sasl.plaintext_without_tls {
            return Vec::new();
        }
        gatepost_sasl::offered(&self.config.sasl, self.tls.as_ref())
    }

    fn line(&mut self, line: Line) {
        if let State::Authenticating(_) = self.state {
            return self.sasl_line(&line);
        }
        let Line::Whole(line) = line else {
            return self.fail("line too long or malformed");
        };
        match Command::parse(&line) {
            Ok(Command::Capa) => self.capabilities(),
            Ok(Command::Quit) => self.quit(),
            Ok(command) => match self.state {
                State::Transaction(_) => self.transaction(command),
                _ => self.authorization(command),
            },
            Err(error) => self.fail(&error.to_string()),
        }
    }

    /// RFC 2449 §5.
    fn capabilities(&mut self) {
        self.ok("capabilities follow");
        let mut lines: Vec<String> =
            ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"].map(str::to_owned).to_vec();
        let mechanisms = self.mechanisms();
        if mechanisms.contains(&Name::Plain) {
            lines.push("USER".to_owned());
        }
        if !mechanisms.is_empty() {
            lines.push(format!("SASL {}", Name::list(&mechanisms)));
        }
        if self.config.stls && self.tls.is_none() && !matches!(self.state, State::Transaction(_)) {
            lines.push("STLS".to_owned());
        }
        lines.push(".".to_owned());
        self.output.extend_from_slice((lines.join("\r\n") + "\r\n").as_bytes());
    }

    fn quit(&mut self) {
        if let State::Transaction(entries) = &self.state {
            let deleted =
                entries.iter().enumerate().filter(|(_, listed)| listed.deleted).map(|(index, _)| index).collect();
            self.pending = Some(Event::Commit(deleted)); // RFC 1939 §6: only here
            self.state = State::Updating;
        } else {
            self.ok("bye");
            self.state = State::Closed;
        }
    }

    /// Does what the input allows; whether there was something to do.
    fn advance(&mut self) -> bool {
        match self.state {
            State::Start => {
                self.ok("POP3 server ready");
                self.state = State::Authorization(None);
                true
            }
            State::Authorization(_) | State::Transaction(_) | State::Authenticating(_) => {
                let authenticating = matches!(self.state, State::Authenticating(_));
                let limit = if authenticating { self.config.limits.auth_line } else { self.config.limits.line };
                match self.input.line(limit) {
                    Line::Partial => false,
                    line => {
                        self.line(line);
                        true
                    }
                }
            }
            State::Opening | State::Updating | State::Upgrading | State::Closed => false,
        }
    }
}

/// Replies are gathered up to this many octets before they are sent.
const GATHERED: usize = 16 << 10;

impl Endpoint for Server {
    type Event = Event;

    fn feed(&mut self, input: &[u8]) {
        match self.state {
            State::Closed => {}
            State::Upgrading => {
                self.err("data behind STLS");
                self.state = State::Closed;
            }
            _ => self.input.feed(input),
        }
    }

    fn poll(&mut self) -> Step<Event> {
        while self.pending.is_none() && self.output.len() < GATHERED && self.advance() {}
        if !self.output.is_empty() {
            return Step::Write(std::mem::take(&mut self.output).into());
        }
        match (&self.pending, &self.state) {
            (_, State::Closed) => Step::Close,
            (Some(event), _) => Step::Event(event.clone()),
            (None, State::Upgrading) => Step::StartTls,
            (None, _) => Step::Read(self.config.limits.idle),
        }
    }

    fn secured(&mut self, tls: TlsInfo) {
        // RFC 2595 §4: what was said before, USER included, is forgotten
        if matches!(self.state, State::Upgrading) {
            self.state = State::Authorization(None);
        }
        self.pending = None;
        self.input.clear();
        self.tls = Some(tls);
    }

    fn timed_out(&mut self) {
        self.closed(); // RFC 1939 §3: nothing is deleted
    }

    fn closed(&mut self) {
        self.pending = None;
        self.sending = None;
        self.output.clear();
        self.state = State::Closed;
    }
}
