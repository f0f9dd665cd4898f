//! The client endpoint.
//!
//! ```text
//! Greeting ─► Capabilities ─► Authorization ─┬ start_tls ─► StartTls ─► Upgrading ─► Capabilities
//!                                 ▲          ├ authenticate ─► Utf8 ─► Authenticating ─┐
//!                                 │          └ login ────────► Utf8 ─► User ─► Pass ───┤
//!                                 └──────────────── refused ───────────────────────────┴─► Transaction ── quit ─► Closed
//! ```

mod authorization;
mod capabilities;
mod config;
mod failure;
mod request;
mod transaction;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use gatepost_sasl::{ClientExchange, Secret};
use gatepost_wire::{Endpoint, Input, Line, Step, TlsInfo, Work};

use authorization::Login;
use transaction::Receiving;

pub use capabilities::Capabilities;
pub use config::{Config, Limits};
pub use failure::{Failure, Refusal, ResponseCode};
pub use request::Request;

/// What the application learns, in the order of what it asked. [`Event::Ready`] and [`Event::Idle`] stay until something is
/// asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The server can do this; say how to go on with [`Client::start_tls`], [`Client::log_in`] or [`Client::quit`].
    Ready(Capabilities),
    /// The server accepted the credentials, by this mechanism or by `USER` and PASS; the maildrop is ours until
    /// [`Client::quit`].
    Authenticated(&'static str),
    /// All that was asked is answered; go on with [`Client::ask`] or [`Client::quit`].
    Idle,
    /// STAT: how many messages there are, and how many octets.
    Statistics {
        /// Messages.
        messages: u64,
        /// Octets of all of them.
        octets: u64,
    },
    /// LIST: numbers and sizes.
    Sizes(Vec<(u64, u64)>),
    /// UIDL: numbers and unique ids.
    Uids(Vec<(u64, String)>),
    /// The next octets of the message that was asked for, without stuffing.
    Message(Bytes),
    /// The message of RETR or TOP has ended.
    MessageEnd {
        /// Its number.
        number: u64,
        /// Whether there was a bare CR, a bare LF or a NUL in it.
        bare: bool,
    },
    /// DELE, RSET or NOOP was done.
    Done(Request),
    /// The server refused this; the session goes on.
    Refused(Request, Refusal),
    /// After QUIT: what was marked is deleted.
    Committed,
    /// A step failed; whether the session goes on is told by what follows.
    Failed(Failure),
}

enum State {
    Greeting,
    /// CAPA was said; its lines once the status is there.
    Capabilities(Option<Vec<String>>),
    Authorization,
    StartTls,
    Upgrading,
    /// UTF8 was said before this.
    Utf8(Login),
    Authenticating(ClientExchange),
    /// A challenge is to be answered, or somebody is at work on it.
    Proving(Option<(ClientExchange, Vec<u8>)>),
    User(Secret),
    Pass,
    Transaction(Receiving),
    /// QUIT was said before a log-in.
    Quitting,
    Closed,
}

/// A POP3 client that does no I/O.
pub struct Client {
    config: Config,
    state: State,
    input: Input,
    output: Vec<u8>,
    events: VecDeque<Event>,
    capabilities: Capabilities,
    /// What was said and is not answered, and what is to be said.
    asked: VecDeque<Request>,
    waiting: VecDeque<Request>,
    tls: Option<TlsInfo>,
    /// Whether an exchange was bound to this TLS by its exporter.
    bound: bool,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("tls", &self.tls)
            .field("capabilities", &self.capabilities)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Before the server's greeting. For implicit TLS call [`Endpoint::secured`] at once.
    pub fn new(config: Config) -> Self {
        Client {
            config,
            state: State::Greeting,
            input: Input::new(),
            output: Vec::new(),
            events: VecDeque::new(),
            capabilities: Capabilities::default(),
            asked: VecDeque::new(),
            waiting: VecDeque::new(),
            tls: None,
            bound: false,
        }
    }

    /// What the server said that it can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// The state's name, as in `docs/states/pop3-client.md`.
    pub fn state(&self) -> &'static str {
        match self.state {
            State::Greeting => "Greeting",
            State::Capabilities(_) => "Capabilities",
            State::Authorization => "Authorization",
            State::StartTls => "StartTls",
            State::Upgrading => "Upgrading",
            State::Utf8(_) => "Utf8",
            State::Authenticating(_) | State::Proving(_) => "Authenticating",
            State::User(_) => "User",
            State::Pass => "Pass",
            State::Transaction(_) => "Transaction",
            State::Quitting => "Quitting",
            State::Closed => "Closed",
        }
    }

    /// Says good-bye behind all that was asked. Only after this, messages that were marked are deleted.
    pub fn quit(&mut self) {
        match self.state {
            State::Transaction(_) => self.ask(Request::Quit),
            State::Authorization => self.say("QUIT", State::Quitting),
            _ => {}
        }
    }

    /// Sends a line of ours; none has a stranger's line end in it.
    fn say(&mut self, line: &str, next: State) {
        self.say_all(&[line.as_bytes()], next);
    }

    /// The same with a line in pieces, of which no other copy is made.
    fn say_all(&mut self, pieces: &[&[u8]], next: State) {
        self.output.reserve(pieces.iter().map(|piece| piece.len()).sum::<usize>() + "\r\n".len());
        pieces.iter().chain(&[&b"\r\n"[..]]).for_each(|piece| self.output.extend_from_slice(piece));
        self.state = next;
    }

    /// A step that failed. If that is fatal, nothing more is said: not even QUIT, which would delete messages.
    fn fail(&mut self, failure: Failure, fatal: bool) {
        self.events.push_back(Event::Failed(failure));
        if fatal {
            self.state = State::Closed;
            self.input.clear();
            Secret::wipe(&mut self.output); // it may be a log-in
            self.output.clear();
        } else {
            self.state = State::Authorization;
        }
    }

    /// Does what the input allows; whether there was something to do.
    fn advance(&mut self) -> bool {
        match &mut self.state {
            State::Upgrading | State::Closed => return false,
            State::Proving(_) => return self.prove(),
            State::Authorization => return self.nothing_unasked(),
            State::Transaction(_) if self.asked.is_empty() => return self.nothing_unasked(),
            State::Transaction(Receiving::Message { .. }) => return self.message(),
            _ => {}
        }
        let limit = match self.state {
            State::Authenticating(_) => self.config.limits.challenge.max(self.config.limits.line),
            _ => self.config.limits.line,
        };
        match self.input.line(limit) {
            Line::Partial => return false,
            Line::Whole(line) => self.line(&line),
            _ => self.fail(Failure::Malformed, true),
        }
        true
    }

    /// What comes while nothing was asked is no answer; to take it for the next one would confuse them all.
    fn nothing_unasked(&mut self) -> bool {
        let unasked = !self.input.is_empty();
        if unasked {
            self.fail(Failure::Unasked, true);
        }
        unasked
    }

    fn line(&mut self, line: &[u8]) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Capabilities(Some(lines)) => self.capability(lines, line),
            State::Transaction(receiving) => self.transaction(receiving, line),
            State::Authenticating(exchange) if line == b"+" || line.starts_with(b"+ ") => {
                self.challenge(exchange, line.get(2..).unwrap_or_default());
            }
            state => match failure::status(line, self.capabilities.resp_codes) {
                Some(status) => self.status(state, status),
                None => self.fail(Failure::Malformed, true),
            },
        }
    }
}

impl Endpoint for Client {
    type Event = Event;

    fn feed(&mut self, input: &[u8]) {
        match self.state {
            State::Closed => {}
            State::Upgrading => self.fail(Failure::Injected, true),
            _ => self.input.feed(input),
        }
    }

    fn feed_owned(&mut self, input: BytesMut) {
        match self.state {
            State::Closed | State::Upgrading => self.feed(&input),
            _ => self.input.feed_owned(input),
        }
    }

    fn work(&mut self) -> Option<Work<Self>> {
        let is_free = |client: &Self| client.output.is_empty() && client.events.is_empty();
        while is_free(self) && matches!(self.state, State::Authenticating(_)) && self.advance() {}
        self.proof()
    }

    fn poll(&mut self) -> Step<Event> {
        self.pump();
        while self.output.is_empty() && self.events.is_empty() && self.advance() {
            self.pump();
        }
        if !self.output.is_empty() {
            let output = std::mem::take(&mut self.output);
            // a line of a log-in may show the password: it is wiped when it has been written
            let is_secret = matches!(self.state, State::Authenticating(_) | State::Pass);
            return Step::Write(if is_secret { Bytes::from_owner(Secret::new(output)) } else { output.into() });
        }
        if let Some(event) = self.events.pop_front() {
            return Step::Event(event);
        }
        match self.state {
            State::Closed => Step::Close,
            State::Upgrading => Step::StartTls,
            State::Authorization => Step::Event(Event::Ready(self.capabilities.clone())),
            State::Transaction(_) if self.asked.is_empty() => Step::Event(Event::Idle),
            _ => Step::Read(self.config.limits.reply),
        }
    }

    fn secured(&mut self, tls: TlsInfo) {
        // RFC 2595 §4: all that was known before is forgotten
        (self.tls, self.bound) = (Some(tls), false);
        self.capabilities = Capabilities::default();
        self.input.clear();
        if matches!(self.state, State::Upgrading) {
            self.say("CAPA", State::Capabilities(None));
        }
    }

    fn timed_out(&mut self) {
        self.fail(Failure::Timeout, true);
    }

    fn closed(&mut self) {
        if !matches!(self.state, State::Closed) {
            self.fail(Failure::Closed, true);
        }
    }
}
