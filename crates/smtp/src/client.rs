//! The client endpoint.
//!
//! ```text
//! Greeting ─► Hello ─► Ready ─┬ start_tls ─► StartTls ─► Upgrading ─► Hello
//!                       ▲     ├ authenticate ─► Authenticating ─► Hello
//!                       │     ├ send ─► Envelope ─► DataCommand ─► Data ─► Ending ─┐
//!                       └─────┼────────────────────────────────────────────────────┘
//!                             └ quit ─► Quitting ─► Closed
//! ```

mod config;
mod failure;
mod response;
mod transaction;

use gatepost_sasl::{ClientError, ClientExchange, ClientMechanism};
use gatepost_wire::{DotWriter, Endpoint, Input, Line, Step, TlsInfo};

pub use config::{Config, Envelope, Limits};
pub use failure::Failure;
pub use response::{Capabilities, Response};

/// What the application learns. [`Event::Ready`] and [`Event::SendData`] stay until a command follows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The server can do this; say what to do with [`Client::start_tls`], [`Client::authenticate`], [`Client::send`] or
    /// [`Client::quit`].
    Ready(Capabilities),
    /// The server accepted the credentials.
    Authenticated,
    /// What the server says to a recipient of the envelope, by its index.
    Recipient(usize, Response),
    /// Give the message with [`Client::data`] and [`Client::end_data`].
    SendData,
    /// The message was accepted, or refused for all recipients.
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
    /// Replies to MAIL and RCPT; `asked` is how many of them were sent.
    Envelope(Sending),
    DataCommand,
    Data(DotWriter),
    Ending,
    Quitting,
    Closed,
}

/// An envelope on its way: what has been said of MAIL, then of each recipient.
struct Sending {
    envelope: Envelope,
    mail: Option<Response>,
    heard: usize,
    accepted: usize,
    last: Option<Response>,
}

/// An SMTP client that does no I/O.
pub struct Client {
    config: Config,
    state: State,
    input: Input,
    output: Vec<u8>,
    lines: Vec<String>,
    events: std::collections::VecDeque<Event>,
    capabilities: Capabilities,
    tls: bool,
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
            lines: Vec::new(),
            events: std::collections::VecDeque::new(),
            capabilities: Capabilities::default(),
            tls: false,
        }
    }

    /// Asks for TLS.
    pub fn start_tls(&mut self) {
        if !self.is_ready() {
            return;
        }
        if self.tls || !self.capabilities.starttls {
            return self.fail(Failure::TlsNotOffered, self.config.require_tls);
        }
        self.say("STARTTLS", State::StartTls);
    }

    /// Logs in. PLAIN is refused without TLS.
    pub fn authenticate(&mut self, mechanism: Box<dyn ClientMechanism>) {
        if !self.is_ready() {
            return;
        }
        let name = mechanism.name();
        if !self.tls && (self.config.require_tls || matches!(name, "PLAIN" | "LOGIN")) {
            return self.fail(Failure::TlsRequired, false);
        }
        if !self.capabilities.auth.iter().any(|offered| offered == name) {
            return self.fail(Failure::MechanismNotOffered(name), false);
        }
        let (exchange, words) = ClientExchange::begin(mechanism, 512 - "AUTH \r\n".len()); // RFC 4954 §4
        self.say(&format!("AUTH {words}"), State::Authenticating(exchange));
    }

    /// Gives octets of the message after [`Event::SendData`]; lines end with CRLF.
    pub fn data(&mut self, octets: &[u8]) {
        if let State::Data(writer) = &mut self.state {
            self.events.retain(|event| *event != Event::SendData);
            writer.write(octets, &mut self.output);
            if writer.is_bare_already() {
                self.output.clear();
                self.fail(Failure::BareLineEnd, true);
            }
        }
    }

    /// The message has ended.
    pub fn end_data(&mut self) {
        let State::Data(writer) = std::mem::replace(&mut self.state, State::Ending) else {
            return;
        };
        self.events.retain(|event| *event != Event::SendData);
        if writer.is_bare() {
            return self.fail(Failure::BareLineEnd, true);
        }
        writer.finish(&mut self.output);
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
            State::Authenticating(_) => "Authenticating",
            State::Envelope(_) => "Envelope",
            State::DataCommand => "DataCommand",
            State::Data(_) => "Data",
            State::Ending => "Ending",
            State::Quitting => "Quitting",
            State::Closed => "Closed",
        }
    }

    fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready)
    }

    /// Sends a line of ours; types make sure that no stranger's line end is in it.
    fn say(&mut self, line: &str, next: State) {
        self.output.extend_from_slice(line.as_bytes());
        self.output.extend_from_slice(b"\r\n");
        self.state = next;
        self.events.retain(|event| !matches!(event, Event::Ready(_)));
    }

    fn fail(&mut self, failure: Failure, fatal: bool) {
        self.events.retain(|event| !matches!(event, Event::Ready(_)));
        self.events.push_back(Event::Failed(failure));
        if fatal {
            self.state = State::Closed;
            self.input.clear();
        } else {
            self.ready();
        }
    }

    fn ready(&mut self) {
        self.state = State::Ready;
        self.events.push_back(Event::Ready(self.capabilities.clone()));
    }

    fn hello(&mut self, extended: bool) {
        let verb = if extended { "EHLO" } else { "HELO" };
        self.say(&format!("{verb} {}", self.config.name), State::Hello { extended });
    }

    /// Reads lines until a reply is whole; whether there was something to do.
    fn advance(&mut self) -> bool {
        if matches!(self.state, State::Ready | State::Upgrading | State::Closed | State::Data(_)) {
            return false;
        }
        let line = match self.input.line(self.config.limits.line) {
            Line::Partial => return false,
            Line::Whole(line) => line,
            _ => {
                self.fail(Failure::Malformed, true);
                return true;
            }
        };
        match response::line(&line) {
            Some((code, last, text)) if self.lines.len() < self.config.limits.lines && self.fits(code) => {
                self.lines.push(format!("{code} {text}"));
                if last {
                    let texts = self.lines.drain(..).map(|line| line.get(4..).unwrap_or_default().to_owned()).collect();
                    self.replied(Response { code, lines: texts });
                }
            }
            _ => self.fail(Failure::Malformed, true),
        }
        true
    }

    /// All lines of a reply have the same code (RFC 5321 §4.2.1).
    fn fits(&self, code: u16) -> bool {
        self.lines.first().is_none_or(|first| first.starts_with(&code.to_string()))
    }

    fn replied(&mut self, response: Response) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Greeting if response.is_positive() => self.hello(true),
            State::Hello { .. } if response.is_positive() => {
                self.capabilities = Capabilities::parse(&response);
                self.ready();
            }
            State::Hello { extended: true } if response.is_permanent() && !self.config.require_tls => self.hello(false),
            State::StartTls if response.code == 220 => self.upgrade(),
            State::StartTls => self.fail(Failure::Refused(response), self.config.require_tls),
            State::Authenticating(exchange) => self.challenged(exchange, response),
            State::Envelope(sending) => self.envelope(sending, response),
            State::DataCommand if response.code == 354 => {
                self.state = State::Data(DotWriter::new());
                self.events.push_back(Event::SendData);
            }
            State::DataCommand => self.fail(Failure::Refused(response), false),
            State::Ending => {
                self.events.push_back(Event::Done(response));
                self.ready();
            }
            State::Quitting => {}
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

    fn challenged(&mut self, mut exchange: ClientExchange, response: Response) {
        if response.code == 334 {
            let text = response.lines.first().map(String::as_bytes).unwrap_or_default();
            let line = exchange.challenge(text);
            return self.say(&line, State::Authenticating(exchange));
        }
        let accepted = response.is_positive();
        match exchange.end(accepted) {
            Ok(()) => {
                self.events.push_back(Event::Authenticated);
                self.ready();
            }
            Err(ClientError::Refused) => self.fail(Failure::Refused(response), false),
            Err(error) => self.fail(Failure::Authentication(error), accepted),
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

    fn poll(&mut self) -> Step<Event> {
        while self.output.is_empty() && self.events.is_empty() && self.advance() {}
        if !self.output.is_empty() {
            return Step::Write(std::mem::take(&mut self.output).into());
        }
        match self.events.front() {
            Some(event @ (Event::Ready(_) | Event::SendData)) => return Step::Event(event.clone()),
            Some(_) => {
                if let Some(event) = self.events.pop_front() {
                    return Step::Event(event);
                }
            }
            None => {}
        }
        match self.state {
            State::Closed => Step::Close,
            State::Upgrading => Step::StartTls,
            State::Ending => Step::Read(self.config.limits.end_of_data),
            // the application gives the message: nothing is to be read
            State::Data(_) => Step::Event(Event::SendData),
            _ => Step::Read(self.config.limits.reply),
        }
    }

    fn secured(&mut self, _tls: TlsInfo) {
        // RFC 3207 §4.2: all that was known before is forgotten
        self.tls = true;
        self.capabilities = Capabilities::default();
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
            self.output.clear();
            self.fail(Failure::Closed, true);
        }
    }
}
