//! The client endpoint.
//!
//! ```text
//! Greeting ─► Hello ─► Ready ─┬ start_tls ─► StartTls ─► Upgrading ─► Hello
//!                       ▲     ├ authenticate ─► Authenticating ─► Hello
//!                       │     ├ send ─► Envelope ─► DataCommand ─► Data ─► Ending ─┐
//!                       └─────┼────────────────────────────────────────────────────┘
//!                             └ quit ─► Quitting ─► Closed
//! ```

mod response;

use std::time::Duration;

use gatepost_sasl::ClientMechanism;
use gatepost_syntax::{Domain, ForwardPath, ReversePath, base64};
use gatepost_wire::{DotWriter, Endpoint, Input, Line, Step, TlsInfo};
use thiserror::Error;

pub use response::{Capabilities, Response};

/// Bounds of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets of a reply line (default 2048; RFC 5321 §4.5.3.1.5 has 512).
    pub line: usize,
    /// Lines of a reply (default 128).
    pub lines: usize,
    /// How long to wait for a reply (default 5 minutes, RFC 5321 §4.5.3.2).
    pub reply: Duration,
    /// How long to wait for the reply to a message (default 10 minutes, RFC 5321 §4.5.3.2.6).
    pub end_of_data: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Limits { line: 2048, lines: 128, reply: minutes(5), end_of_data: minutes(10) }
    }
}

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// What it calls itself.
    pub name: Domain,
    /// Whether nothing but EHLO and STARTTLS is said in clear.
    pub require_tls: bool,
    /// Bounds.
    pub limits: Limits,
}

/// A message's envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The reverse-path.
    pub from: ReversePath,
    /// The recipients.
    pub to: Vec<ForwardPath>,
    /// Octets of the message, where they are known (RFC 1870).
    pub size: Option<u64>,
    /// Whether the message has octets beyond ASCII (RFC 6152).
    pub eight_bit: bool,
    /// Whether addresses or header fields have UTF-8 (RFC 6531).
    pub utf8: bool,
}

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

/// Why something could not be done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Failure {
    /// The server refused.
    #[error("refused: {0}")]
    Refused(Response),
    /// The server took too long.
    #[error("no reply in time")]
    Timeout,
    /// The connection ended.
    #[error("the connection was closed")]
    Closed,
    /// What came is no reply, or beyond the limits.
    #[error("malformed reply")]
    Malformed,
    /// Octets in clear behind the reply to STARTTLS: somebody puts words into the server's mouth (CVE-2011-0411).
    #[error("data behind the reply to STARTTLS")]
    Injected,
    /// TLS is required, and the server does not offer it.
    #[error("the server does not offer STARTTLS")]
    TlsNotOffered,
    /// TLS is required for this.
    #[error("not without TLS")]
    TlsRequired,
    /// The server does not offer the mechanism.
    #[error("the server does not offer {0}")]
    MechanismNotOffered(&'static str),
    /// The server said yes without proving that it knows the password.
    #[error("the server could not prove that it knows the password")]
    ServerNotAuthenticated,
    /// The message has 8-bit octets, and the server takes none (RFC 6152 §3).
    #[error("the server does not offer 8BITMIME")]
    EightBitNotOffered,
    /// The message needs SMTPUTF8 (RFC 6531 §3.1).
    #[error("the server does not offer SMTPUTF8")]
    Utf8NotOffered,
    /// The message is larger than the server takes (RFC 1870 §6).
    #[error("the server takes {limit} octets at most")]
    TooLarge {
        /// Octets.
        limit: u64,
    },
    /// The envelope has no recipient.
    #[error("no recipient")]
    NoRecipient,
    /// The message has a bare CR or LF; it was not ended, and the connection is closed (RFC 5321 §2.3.8).
    #[error("the message has a bare CR or LF")]
    BareLineEnd,
}

enum State {
    Greeting,
    Hello {
        extended: bool,
    },
    Ready,
    StartTls,
    Upgrading,
    Authenticating(Box<dyn ClientMechanism>),
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
    pub fn authenticate(&mut self, mut mechanism: Box<dyn ClientMechanism>) {
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
        let line = match mechanism.first().as_deref() {
            None => format!("AUTH {name}"),
            Some([]) => format!("AUTH {name} ="),
            Some(first) => format!("AUTH {name} {}", base64::encode(first)),
        };
        self.say(&line, State::Authenticating(mechanism));
    }

    /// Sends an envelope; recipients are pipelined where the server allows it (RFC 2920).
    pub fn send(&mut self, envelope: Envelope) {
        if !self.is_ready() {
            return;
        }
        if let Err(failure) = self.allowed(&envelope) {
            return self.fail(failure, false);
        }
        let pipelining = self.capabilities.pipelining;
        let mut line = format!("MAIL FROM:{}", envelope.from);
        if let (Some(size), Some(_)) = (envelope.size, self.capabilities.size) {
            line += &format!(" SIZE={size}");
        }
        if self.capabilities.eight_bit_mime {
            line += if envelope.eight_bit || envelope.utf8 { " BODY=8BITMIME" } else { " BODY=7BIT" };
        }
        if envelope.utf8 {
            line += " SMTPUTF8";
        }
        for recipient in envelope.to.iter().filter(|_| pipelining) {
            line += &format!("\r\nRCPT TO:{recipient}");
        }
        self.say(&line, State::Envelope(Sending { envelope, mail: None, heard: 0, accepted: 0, last: None }));
    }

    fn allowed(&self, envelope: &Envelope) -> Result<(), Failure> {
        if self.config.require_tls && !self.tls {
            return Err(Failure::TlsRequired);
        }
        let ascii = envelope.from.mailbox().is_none_or(gatepost_syntax::Mailbox::is_ascii)
            && envelope.to.iter().all(|to| to.mailbox().is_none_or(gatepost_syntax::Mailbox::is_ascii));
        if (envelope.utf8 || !ascii) && !(self.capabilities.smtputf8 && envelope.utf8) {
            return Err(Failure::Utf8NotOffered);
        }
        if envelope.eight_bit && !self.capabilities.eight_bit_mime {
            return Err(Failure::EightBitNotOffered);
        }
        match (envelope.size, self.capabilities.size) {
            (Some(size), Some(limit)) if limit > 0 && size > limit => Err(Failure::TooLarge { limit }),
            _ => Ok(()),
        }
    }

    /// Gives octets of the message after [`Event::SendData`]; lines end with CRLF.
    pub fn data(&mut self, octets: &[u8]) {
        if let State::Data(writer) = &mut self.state {
            self.events.retain(|event| *event != Event::SendData);
            writer.write(octets, &mut self.output);
            if writer.has_bare_line_end() {
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
            State::Authenticating(mechanism) => self.challenged(mechanism, response),
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

    fn challenged(&mut self, mut mechanism: Box<dyn ClientMechanism>, response: Response) {
        if response.code == 334 {
            let challenge = response.lines.first().and_then(|text| base64::decode(text.trim()).ok());
            let line = match challenge.and_then(|challenge| mechanism.step(&challenge)) {
                Some(answer) => base64::encode(answer),
                None => "*".to_owned(), // RFC 4954 §4: cancels
            };
            return self.say(&line, State::Authenticating(mechanism));
        }
        if !response.is_positive() {
            return self.fail(Failure::Refused(response), false);
        }
        if !mechanism.may_succeed() {
            return self.fail(Failure::ServerNotAuthenticated, true);
        }
        self.events.push_back(Event::Authenticated);
        self.ready();
    }

    /// A reply to MAIL or to a RCPT.
    fn envelope(&mut self, mut sending: Sending, response: Response) {
        let all = sending.envelope.to.len();
        if sending.mail.is_none() {
            sending.mail = Some(response);
        } else {
            sending.accepted += usize::from(response.is_positive());
            self.events.push_back(Event::Recipient(sending.heard, response.clone()));
            sending.heard += 1;
            sending.last = Some(response);
        }
        let mail_ok = sending.mail.as_ref().is_some_and(Response::is_positive);
        let pipelining = self.capabilities.pipelining;
        if sending.heard < all && pipelining {
            self.state = State::Envelope(sending); // what was pipelined is answered in any case
        } else if !mail_ok {
            let refused = sending.mail.unwrap_or_default();
            self.abandon(Failure::Refused(refused));
        } else if let Some(next) = sending.envelope.to.get(sending.heard) {
            let line = format!("RCPT TO:{next}");
            self.say(&line, State::Envelope(sending));
        } else if sending.accepted == 0 {
            self.abandon(Failure::Refused(sending.last.unwrap_or_default()));
        } else {
            self.say("DATA", State::DataCommand);
        }
    }

    /// The transaction came to nothing; a later MAIL or EHLO begins anew, so RSET is not waited for here: a new EHLO says it.
    fn abandon(&mut self, failure: Failure) {
        self.events.push_back(Event::Failed(failure));
        self.hello(true);
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
