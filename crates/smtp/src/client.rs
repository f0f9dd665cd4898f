//! The client endpoint.
//!
//! ```text
//! Greeting ─► Hello ─► Ready ─┬ start_tls ─► StartTls ─► Upgrading ─► Hello
//!                       ▲     ├ authenticate ─► Authenticating ─► Ready
//!                       │     ├ send ─► Envelope ┬► DataCommand ─► Data ─► Ending ─┐
//!                       │     │                  └► Chunks ─► Ending ──────────────┤
//!                       │     │         what fails on the way ─► Failing ─► Reset ─┤
//!                       └─────┼────────────────────────────────────────────────────┘
//!                             └ quit ─► Quitting ─► Closed
//! ```

mod auth;
mod config;
mod content;
mod failure;
mod outcomes;
mod response;
mod transaction;

use std::collections::VecDeque;

use bytes::Bytes;
use gatepost_sasl::{ClientExchange, Secret};
use gatepost_wire::{DotWriter, Endpoint, Input, Line, Step, TlsInfo, Work};

use content::Chunks;
use transaction::{Ending, Sending};

pub use config::{Config, Envelope, Limits};
pub use failure::Failure;
pub use outcomes::{Outcome, Outcomes};
pub use response::{Capabilities, Counts, Response};

/// What the application learns; [`Outcomes`] puts together what is said of one message. [`Event::Ready`] and
/// [`Event::SendData`] stay until a command follows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The server can do this; say what to do with [`Client::start_tls`], [`Client::log_in`], [`Client::send`] or
    /// [`Client::quit`].
    Ready(Capabilities),
    /// The server accepted the credentials, by this mechanism.
    Authenticated(&'static str),
    /// What the server says to a recipient of the envelope, by its index. Nothing is told if it refused the sender.
    Recipient(usize, Response),
    /// Give the message with [`Client::data`] and [`Client::end_data`].
    SendData,
    /// Over LMTP: what became of the message for a recipient that was accepted, by its index (RFC 2033 §4.2).
    Delivered(usize, Response),
    /// The message was accepted, or refused for all recipients. Over LMTP: all is told.
    Done(Response),
    /// A step failed; whether the session goes on is told by what follows.
    Failed(Failure),
}

enum State {
    Greeting,
    Hello {
        extended: bool,
    },
    Ready,
    StartTls,
    Upgrading,
    Authenticating(ClientExchange),
    /// A challenge is to be answered, or somebody is at work on it.
    Proving(Option<(ClientExchange, String)>),
    Envelope(Sending),
    DataCommand(Ending),
    Data(DotWriter, Ending),
    Chunks(Chunks, Ending),
    Ending(Ending),
    /// Something failed: so many replies that do not matter any more, then RSET.
    Failing(usize),
    Reset,
    Quitting,
    Closed,
}

/// An SMTP client that does no I/O.
pub struct Client {
    config: Config,
    state: State,
    input: Input,
    output: Vec<u8>,
    /// What came of a reply so far.
    reply: Option<Response>,
    events: VecDeque<Event>,
    capabilities: Capabilities,
    tls: Option<TlsInfo>,
    lmtp: bool,
    /// Transactions so far.
    messages: u64,
    /// Whether the server knows who we are.
    authenticated: bool,
    /// Whether an exchange was bound to this TLS by its exporter.
    bound: bool,
    /// Whether the server takes `AUTH=<>`, where it is known.
    takes_submitter: Option<bool>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("tls", &self.tls.is_some())
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
            reply: None,
            events: VecDeque::new(),
            capabilities: Capabilities::default(),
            tls: None,
            lmtp: false,
            messages: 0,
            authenticated: false,
            bound: false,
            takes_submitter: None,
        }
    }

    /// The same over LMTP (RFC 2033): after the message the server answers for each recipient.
    pub fn lmtp(config: Config) -> Self {
        Client { lmtp: true, ..Client::new(config) }
    }

    /// What is known of TLS.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    /// Asks for TLS.
    pub fn start_tls(&mut self) {
        if !self.is_ready() {
            return;
        }
        if self.tls.is_some() || !self.capabilities.starttls {
            return self.fail(Failure::TlsNotOffered, self.config.require_tls);
        }
        self.say("STARTTLS", State::StartTls);
    }

    /// Says good-bye.
    pub fn quit(&mut self) {
        if self.is_ready() {
            self.say("QUIT", State::Quitting);
        }
    }

    /// The state's name, as in `docs/states/smtp-client.md`.
    pub fn state(&self) -> &'static str {
        match self.state {
            State::Greeting => "Greeting",
            State::Hello { .. } => "Hello",
            State::Ready => "Ready",
            State::StartTls => "StartTls",
            State::Upgrading => "Upgrading",
            State::Authenticating(_) | State::Proving(_) => "Authenticating",
            State::Envelope(_) => "Envelope",
            State::DataCommand(_) => "DataCommand",
            State::Data(..) => "Data",
            State::Chunks(..) => "Chunks",
            State::Ending(_) => "Ending",
            State::Failing(_) => "Failing",
            State::Reset => "Reset",
            State::Quitting => "Quitting",
            State::Closed => "Closed",
        }
    }

    fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready)
    }

    /// Sends a line of ours; types make sure that no stranger's line end is in it.
    fn say(&mut self, line: &str, next: State) {
        self.say_all(&[line.as_bytes()], next);
    }

    /// The same with a line in pieces, of which no other copy is made.
    fn say_all(&mut self, pieces: &[&[u8]], next: State) {
        if self.is_silent() {
            self.output.reserve(pieces.iter().map(|piece| piece.len()).sum::<usize>() + "\r\n".len());
            pieces.iter().chain(&[&b"\r\n"[..]]).for_each(|piece| self.output.extend_from_slice(piece));
            self.state = next;
        }
    }

    /// Whether the server waits for its turn. What it said before it was asked would be taken for another reply.
    fn is_silent(&mut self) -> bool {
        let silent = self.input.is_empty();
        if !silent {
            self.fail(Failure::Unasked, true);
        }
        silent
    }

    fn fail(&mut self, failure: Failure, fatal: bool) {
        // what becomes of QUIT is no failure of anything: many servers just close
        if !matches!(self.state, State::Quitting) {
            self.events.push_back(Event::Failed(failure));
        }
        self.state = if fatal { State::Closed } else { State::Ready };
        if fatal {
            self.input.clear();
        }
    }

    /// What was to be said may have been a log-in.
    fn forget_output(&mut self) {
        Secret::wipe(&mut self.output);
        self.output.clear();
    }

    fn hello(&mut self, extended: bool) {
        let verb = match (self.lmtp, extended) {
            (true, _) => "LHLO",
            (false, true) => "EHLO",
            (false, false) => "HELO",
        };
        self.say(&format!("{verb} {}", self.config.name), State::Hello { extended });
    }

    /// Reads lines until a reply is whole; whether there was something to do.
    fn advance(&mut self) -> bool {
        match &self.state {
            State::Ready | State::Upgrading | State::Closed | State::Data(..) => return false,
            State::Proving(_) => return self.prove(),
            State::Chunks(chunks, _) if !chunks.is_awaited() => return false, // all are answered
            _ => {}
        }
        let limit = match self.state {
            State::Authenticating(_) => self.config.limits.challenge.max(self.config.limits.line),
            _ => self.config.limits.line,
        };
        match self.input.line(limit) {
            Line::Partial => return false,
            Line::Whole(line) if self.reply_line(&line) => {}
            _ => self.fail(Failure::Malformed, true),
        }
        true
    }

    /// Takes a line of a reply; whether it is one.
    fn reply_line(&mut self, line: &[u8]) -> bool {
        let Some((code, last, text)) = response::line(line) else { return false };
        let reply = self.reply.get_or_insert_with(|| Response { code, lines: Vec::new() });
        // RFC 5321 §4.2.1: all lines of a reply have the same code
        if reply.code != code || reply.lines.len() >= self.config.limits.lines {
            return false;
        }
        reply.lines.push(text.to_owned());
        if last && let Some(reply) = self.reply.take() {
            self.replied(reply);
        }
        true
    }

    fn replied(&mut self, response: Response) {
        let fatal = response.code == 421; // RFC 5321 §3.8: the connection is closed
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Quitting => {}
            _ if fatal => self.fail(Failure::Refused(response), true),
            State::Greeting if response.is_positive() => self.hello(true),
            State::Hello { extended } if response.is_positive() => {
                // RFC 5321 §4.1.1.1: behind HELO there are no extensions
                self.capabilities = if extended { Capabilities::parse(&response) } else { Capabilities::default() };
                self.state = State::Ready;
            }
            State::Hello { extended: true } if response.is_permanent() && !self.config.require_tls && !self.lmtp => {
                self.hello(false);
            }
            State::StartTls if response.code == 220 => self.upgrade(),
            State::StartTls => self.fail(Failure::Refused(response), self.config.require_tls),
            State::Authenticating(exchange) => self.challenged(exchange, response),
            State::Envelope(sending) => self.envelope(sending, response),
            State::DataCommand(ending) => self.data_command(ending, response),
            State::Chunks(chunks, ending) => self.chunk(chunks, ending, response),
            State::Ending(ending) => self.ending(ending, response),
            State::Failing(left) => self.give_up(left - 1),
            State::Reset if response.is_positive() => self.state = State::Ready,
            // RFC 5321 §4.1.1.10: nobody closes without having said QUIT
            State::Greeting | State::Hello { .. } | State::Reset if self.tls.is_some() || !self.config.require_tls => {
                self.events.push_back(Event::Failed(Failure::Refused(response)));
                self.say("QUIT", State::Quitting);
            }
            _ => self.fail(Failure::Refused(response), true),
        }
    }

    fn upgrade(&mut self) {
        if self.input.is_empty() {
            self.state = State::Upgrading;
        } else {
            self.fail(Failure::Injected, true);
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

    fn work(&mut self) -> Option<Work<Self>> {
        let is_free = |client: &Self| client.output.is_empty() && client.events.is_empty();
        while is_free(self) && matches!(self.state, State::Authenticating(_)) && self.advance() {}
        self.proof()
    }

    fn poll(&mut self) -> Step<Event> {
        while self.output.is_empty() && self.events.is_empty() && self.advance() {}
        if !self.output.is_empty() {
            let output = std::mem::take(&mut self.output);
            // a line of AUTH may show the password: it is wiped when it has been written
            let is_secret = matches!(self.state, State::Authenticating(_));
            return Step::Write(if is_secret { Bytes::from_owner(Secret::new(output)) } else { output.into() });
        }
        if let Some(event) = self.events.pop_front() {
            return Step::Event(event);
        }
        let limits = &self.config.limits;
        match &self.state {
            State::Closed => Step::Close,
            State::Upgrading => Step::StartTls,
            State::Ready => Step::Event(Event::Ready(self.capabilities.clone())),
            // the application gives the message: nothing is to be read
            State::Data(..) => Step::Event(Event::SendData),
            State::Chunks(chunks, _) if chunks.may_go_on(&self.capabilities, limits) => Step::Event(Event::SendData),
            State::DataCommand(_) => Step::Read(limits.data),
            State::Ending(_) => Step::Read(limits.end_of_data),
            _ => Step::Read(limits.reply),
        }
    }

    fn secured(&mut self, tls: TlsInfo) {
        // RFC 3207 §4.2: all that was known before is forgotten
        self.tls = Some(tls);
        self.capabilities = Capabilities::default();
        (self.authenticated, self.bound, self.takes_submitter) = (false, false, None);
        self.input.clear();
        if matches!(self.state, State::Upgrading) {
            self.hello(true);
        }
    }

    fn timed_out(&mut self) {
        self.fail(Failure::Timeout, true);
    }

    fn closed(&mut self) {
        if !matches!(self.state, State::Closed) {
            self.forget_output();
            self.fail(Failure::Closed, true);
        }
    }
}
