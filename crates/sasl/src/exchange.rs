//! Exchanges over lines of base64, as the AUTH commands of SMTP (RFC 4954 §4) and POP3 (RFC 5034 §4) have them.

use gatepost_syntax::base64;
use gatepost_wire::{Line, TlsInfo};

use crate::client::{ClientError, ClientMechanism};
use crate::policy::Policy;
use crate::registry::mechanism;
use crate::seam::{Answer, Input, Mechanism, Rejection, Turn};
use crate::secret::Secret;

/// The exchanges of one session on the server's side: each has a nonce of its own, and one of them may use the exporter of TLS.
pub struct ServerExchanges {
    nonce: String,
    begun: u32,
    bound: bool,
}

impl std::fmt::Debug for ServerExchanges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServerExchanges({})", self.begun) // not the nonce: it is to come
    }
}

impl ServerExchanges {
    /// Of a session with this nonce, which is as for [`mechanism`].
    pub fn new(nonce: &str) -> Self {
        ServerExchanges { nonce: nonce.to_owned(), begun: 0, bound: false }
    }

    /// Begins the next one; see [`ServerExchange::begin`]. Those that went well count, too: there may be one behind them, over TLS or
    /// where a maildrop is locked.
    pub fn begin(
        &mut self,
        name: &str,
        initial: Option<&[u8]>,
        policy: &Policy,
        tls: Option<&TlsInfo>,
    ) -> Option<(ServerExchange, Turn)> {
        // the number alone is not fresh: without a nonce there is none, and SCRAM is refused (RFC 5802 §5.1)
        let nonce = if self.nonce.is_empty() { String::new() } else { format!("{}{}", self.nonce, self.begun) };
        self.begun = self.begun.saturating_add(1);
        ServerExchange::begin(name, initial, policy, tls, &nonce)
    }

    /// Whether an exchange that asks a question has to end the session instead: `tls-exporter` is for one exchange of a TLS connection,
    /// whatever comes of it (RFC 9266 §4.1), and this takes note of it.
    pub fn binds_again(&mut self, exchange: &ServerExchange) -> bool {
        exchange.mechanism.uses_exporter() && std::mem::replace(&mut self.bound, true)
    }

    /// TLS was set up: it is another channel.
    pub fn secured(&mut self) {
        self.bound = false;
    }
}

/// The server's side. Challenges in its [`Turn`]s are base64 already: write them behind `334 ` or `+ `. What is decoded is
/// wiped when it was used.
///
/// Read lines of up to 12,288 octets while it lasts (RFC 4954 §4). Behind its end, and where a line comes while an answer is
/// owed, or the other way round, nothing but a refusal is said.
pub struct ServerExchange {
    mechanism: Box<dyn Mechanism>,
    due: Due,
}

/// What has to come next.
#[derive(Clone, Copy, PartialEq)]
enum Due {
    Line,
    Answer,
    Nothing,
}

impl std::fmt::Debug for ServerExchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServerExchange({})", self.name())
    }
}

impl ServerExchange {
    /// Begins with the words of an AUTH command; `None` if the mechanism is not offered, in whatever case its name is written
    /// (504 in SMTP, RFC 4954 §4). `nonce` is as for [`mechanism`]. The caller wipes `initial`: it may be a password.
    pub fn begin(
        name: &str,
        initial: Option<&[u8]>,
        policy: &Policy,
        tls: Option<&TlsInfo>,
        nonce: &str,
    ) -> Option<(Self, Turn)> {
        let mut exchange = ServerExchange { mechanism: mechanism(name, policy, tls, nonce)?, due: Due::Line };
        let turn = match initial {
            None => exchange.step(Input::Start),
            Some(b"=") => exchange.step(Input::Response(b"")), // an empty one (RFC 4954 §4)
            Some(b"") => exchange.refuse(Rejection::NotBase64),
            Some(text) => exchange.response(text),
        };
        Some((exchange, turn))
    }

    /// The mechanism's registered name.
    pub fn name(&self) -> &'static str {
        self.mechanism.name()
    }

    /// Goes on with a line of the client, which is wiped.
    pub fn line(&mut self, line: Line) -> Turn {
        match line {
            Line::Whole(line) if line.as_ref() == b"*" => self.refuse(Rejection::Cancelled),
            Line::Whole(mut line) => {
                let turn = self.response(&line);
                Secret::wipe(&mut line);
                turn
            }
            Line::TooLong(_) => self.refuse(Rejection::TooLong),
            Line::Malformed(_) | Line::Partial => self.refuse(Rejection::NotBase64),
        }
    }

    /// Goes on with the answer to [`Turn::Ask`].
    pub fn answer(&mut self, answer: Answer) -> Turn {
        self.step(Input::Answer(answer))
    }

    fn response(&mut self, text: &[u8]) -> Turn {
        match Secret::from_base64(text) {
            Ok(response) => self.step(Input::Response(response.expose())),
            Err(_) => self.refuse(Rejection::NotBase64),
        }
    }

    fn refuse(&mut self, rejection: Rejection) -> Turn {
        self.due = Due::Nothing;
        Turn::Done(Err(rejection))
    }

    fn step(&mut self, input: Input<'_>) -> Turn {
        let due = if matches!(input, Input::Answer(_)) { Due::Answer } else { Due::Line };
        if self.due != due {
            return self.refuse(Rejection::Malformed);
        }
        let turn = self.mechanism.step(input);
        self.due = match turn {
            Turn::Challenge(_) => Due::Line,
            Turn::Ask(_) => Due::Answer,
            Turn::Done(_) => Due::Nothing,
        };
        match turn {
            Turn::Challenge(challenge) => Turn::Challenge(base64::encode(challenge).into_bytes()),
            turn => turn,
        }
    }
}

/// The client's side. What it says may be the password in base64, so it is a [`Secret`].
pub struct ClientExchange {
    mechanism: Box<dyn ClientMechanism>,
    /// An initial response that had no room in the command.
    kept: Option<Secret>,
    error: Option<ClientError>,
}

impl std::fmt::Debug for ClientExchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ClientExchange({})", self.mechanism.name())
    }
}

impl ClientExchange {
    /// The words behind `AUTH `. An initial response that would make them longer than `room` waits for the server's empty
    /// challenge: commands end at 512 octets in SMTP and at 255 in POP3, with `AUTH ` and CRLF (RFC 4954 §4, RFC 5034 §4).
    pub fn begin(mut mechanism: Box<dyn ClientMechanism>, room: usize) -> (Self, Secret) {
        let name = mechanism.name();
        let first = mechanism.first();
        let words = match first.as_ref().map(Secret::expose) {
            None => Secret::from(name),
            Some([]) => Secret::new(format!("{name} =")),
            Some(first) => Secret::new([name.as_bytes(), b" ", encoded(first).expose()].concat()),
        };
        let (kept, words) = if words.expose().len() > room { (first, Secret::from(name)) } else { (None, words) };
        (ClientExchange { mechanism, kept, error: None }, words)
    }

    /// The mechanism's registered name.
    pub fn name(&self) -> &'static str {
        self.mechanism.name()
    }

    /// Whether it is bound to the channel by `tls-exporter`: one exchange of a TLS connection may be, whatever comes of it
    /// (RFC 9266 §4.1).
    pub fn uses_exporter(&self) -> bool {
        self.mechanism.uses_exporter()
    }

    /// The line that answers what came behind `334 ` or `+ `. It is `*` where the exchange has to be given up; the server's
    /// last word is to come in any case.
    pub fn challenge(&mut self, text: &[u8]) -> Secret {
        match self.respond(text) {
            Ok(response) => encoded(response.expose()),
            Err(error) => {
                self.error.get_or_insert(error);
                Secret::from("*")
            }
        }
    }

    /// Whether the exchange was given up with `*`: all that may come now is the server's last word (RFC 4954 §4). A server that
    /// sends more challenges would go on for ever.
    pub fn is_given_up(&self) -> bool {
        self.error.is_some()
    }

    fn respond(&mut self, text: &[u8]) -> Result<Secret, ClientError> {
        let challenge = base64::decode(text).map_err(|_| ClientError::NotBase64)?;
        match self.kept.take() {
            Some(first) if challenge.is_empty() => Ok(first),
            Some(_) => Err(ClientError::Malformed),
            None => self.mechanism.step(&challenge),
        }
    }

    /// What the server's last word means; a yes that the server had no right to say is an error.
    pub fn end(self, accepted: bool) -> Result<(), ClientError> {
        match self.error.or_else(|| self.mechanism.told()) {
            Some(error) => Err(error),
            None if !accepted => Err(ClientError::Refused),
            None if !self.mechanism.may_succeed() => Err(ClientError::ServerNotAuthenticated),
            None => Ok(()),
        }
    }
}

fn encoded(octets: &[u8]) -> Secret {
    Secret::new(base64::encode(octets))
}
