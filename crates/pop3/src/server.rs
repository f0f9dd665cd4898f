//! The server endpoint.
//!
//! ```text
//! Start ─► Authorization ── USER, PASS / AUTH ─► Opening ─► Transaction ── QUIT ─► Updating ─► Closed
//!              └ STLS ─► Upgrading ─► Authorization (without greeting)
//! ```

mod authorization;
mod capabilities;
mod config;
mod event;
mod head;
mod sending;
mod transaction;

use std::sync::Arc;

use gatepost_sasl::{Answer, Rejection, Secret, ServerExchange, ServerExchanges};
use gatepost_wire::{Endpoint, Input, Line, Step, TlsInfo};

use crate::command::{Command, is_http};
use sending::Sending;

pub use config::{Config, Limits};
pub use event::{Entry, Event, OpenError};
pub use head::SurrogateSize;

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
    config: Arc<Config>,
    exchanges: ServerExchanges,
    state: State,
    input: Input,
    output: Vec<u8>,
    pending: Option<Event>,
    /// While a message is being given.
    sending: Option<Sending>,
    /// What TOP wants of it.
    lines: Option<u64>,
    /// Whether the client said UTF8.
    utf8: bool,
    tls: Option<TlsInfo>,
    /// Whether nothing was read yet.
    fresh: bool,
    commands: u32,
    errors: u32,
    auth_failures: u32,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("tls", &self.tls).finish_non_exhaustive()
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
            sending: None,
            lines: None,
            utf8: false,
            tls: None,
            fresh: true,
            commands: 0,
            errors: 0,
            auth_failures: 0,
        }
    }

    /// How often logging in failed: wrong credentials, cancelled and malformed exchanges.
    pub fn auth_failures(&self) -> u32 {
        self.auth_failures
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
                self.err(match error {
                    OpenError::InUse => "[IN-USE] the maildrop is locked",
                    OpenError::TooSoon => "[LOGIN-DELAY] too short a time since the last log-in",
                    OpenError::Temporary => "[SYS/TEMP] the maildrop can not be read",
                    OpenError::Permanent => "[SYS/PERM] the maildrop can not be read",
                });
            }
        }
    }

    /// The next octets of the message that [`Event::Retrieve`] wants, with CRLF line ends. Whether more is wanted: TOP may
    /// have enough.
    pub fn message(&mut self, octets: &[u8]) -> bool {
        let Some(Event::Retrieve(index)) = self.pending else {
            return false;
        };
        let mut sending = match self.sending.take() {
            Some(sending) => sending,
            None => {
                // room for all that is gathered and this, so that it does not grow step by step
                let gathered = self.config.limits.gathered.saturating_sub(self.output.len());
                self.output.reserve(gathered + octets.len() + octets.len() / 64);
                self.announce(index);
                Sending::new(self.utf8, self.lines)
            }
        };
        let more = sending.write(octets, self.config.limits.header, &mut self.output);
        self.sending = Some(sending);
        more
    }

    fn announce(&mut self, index: usize) {
        let size = match (&self.state, self.lines) {
            (State::Transaction(entries), None) => entries.get(index).map(|listed| listed.entry.told(self.utf8)),
            _ => None,
        };
        match size {
            Some(size) => self.ok(&format!("{size} octets follow")),
            None => self.ok("the top follows"),
        }
    }

    /// The message has ended.
    pub fn end(&mut self) {
        self.message(b"");
        if let Some(sending) = self.sending.take() {
            sending.finish(&mut self.output);
            self.pending = None;
        }
    }

    /// The message can not be read. Once octets were given, only closing tells the client.
    pub fn unreadable(&mut self) {
        if self.sending.take().is_some() {
            self.closed();
        } else if matches!(self.pending, Some(Event::Retrieve(_))) {
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
        self.errors = 0;
        self.output.extend_from_slice(format!("+OK {text}\r\n").as_bytes());
    }

    fn err(&mut self, text: &str) {
        self.output.extend_from_slice(format!("-ERR {text}\r\n").as_bytes());
    }

    /// A failed command; too many in a row end the session, and nothing is deleted.
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

    fn line(&mut self, line: Line) {
        if let State::Authenticating(_) = self.state {
            return self.sasl_line(line);
        }
        let user = match &mut self.state {
            State::Authorization(user) => user.take(),
            _ => None,
        };
        let Line::Whole(mut line) = line else {
            return self.fail("line too long or malformed");
        };
        let stranger = !matches!(self.state, State::Transaction(_));
        let (command, http) = (Command::parse(&line), is_http(&line));
        if ["PASS", "AUTH"]
            .iter()
            .any(|word| line.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(word.as_bytes())))
        {
            Secret::wipe(&mut line); // also where it was refused
        }
        match command {
            Ok(Command::Capa) => self.capabilities(),
            Ok(Command::Quit) => self.quit(),
            Ok(command) if stranger => self.authorization(command, user),
            Ok(command) => self.transaction(command),
            Err(error) => {
                self.fail(&error.to_string());
                if stranger && http {
                    self.state = State::Closed;
                }
            }
        }
        self.commands += u32::from(stranger);
        if self.commands > self.config.limits.commands_before_login && matches!(self.state, State::Authorization(_)) {
            self.err("too many commands");
            self.state = State::Closed;
        }
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

    /// Whether a client begins with a TLS handshake where none is expected: both would wait for ever.
    fn is_handshake(&mut self) -> bool {
        let octets = self.input.octets();
        self.fresh = octets.len() < 2; // to be seen
        let handshake = octets.starts_with(&[0x16, 3]);
        if handshake {
            self.err("TLS only behind STLS, or on its own port");
            self.state = State::Closed;
        }
        handshake
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
                let limit = if authenticating {
                    self.config.limits.auth_line
                } else {
                    self.config.limits.line.saturating_sub(2)
                };
                if std::mem::take(&mut self.fresh) && self.is_handshake() {
                    return true;
                }
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
        let gathered = self.config.limits.gathered;
        while self.pending.is_none() && self.output.len() < gathered && self.advance() {}
        // what is sent next may go in one write with what a message adds to it
        let adding = matches!(self.pending, Some(Event::Retrieve(_))) && self.output.len() < gathered;
        if !self.output.is_empty() && !adding {
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
        self.utf8 = false;
        self.input.clear();
        self.exchanges.secured();
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
