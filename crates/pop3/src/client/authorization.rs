//! Before the log-in: TLS, and who we are.

use gatepost_sasl::{
    ChoiceError, ClientError, ClientExchange, ClientMechanism, Credentials, Name, Policy, Secret, choose,
};
use gatepost_wire::Work;

use super::failure::{Failure, Refusal};
use super::transaction::Receiving;
use super::{Client, Event, State};

/// Octets of a command with its CRLF (RFC 2449 §4).
const COMMAND: usize = 255;

/// How to log in.
pub(super) enum Login {
    Sasl(Box<dyn ClientMechanism>),
    Password(String, Secret),
}

impl Client {
    /// Asks for TLS. Where the server has none, a client that does not require it may go on in clear, without passwords.
    pub fn start_tls(&mut self) {
        if !matches!(self.state, State::Authorization) {
            return;
        }
        if self.tls.is_some() || !self.capabilities.stls {
            return self.fail(Failure::TlsNotOffered, self.config.require_tls);
        }
        self.say("STLS", State::StartTls);
    }

    /// Logs in by the strongest mechanism that the server offers and the policy allows; [`choose`] has the rules. USER and PASS
    /// are the weakest of all: they are used where the server offers no mechanism that would do and the policy allows PLAIN.
    /// After a failure nothing weaker is tried. `nonce` is fresh randomness of hexadecimal or base64.
    pub fn log_in(&mut self, credentials: &Credentials, policy: &Policy, nonce: &str) {
        if !matches!(self.state, State::Authorization) {
            return;
        }
        let limits = &self.config.limits.sasl;
        let user = self.capabilities.user && policy.mechanisms.contains(&Name::Plain) && credentials.authzid.is_none();
        match choose(&self.capabilities.sasl, credentials, policy, self.tls.as_ref(), nonce, limits) {
            Ok(_) if self.config.require_tls && self.tls.is_none() => self.fail(Failure::TlsRequired, false),
            Ok(mechanism) => self.utf8_and(Login::Sasl(mechanism)),
            Err(ChoiceError::NothingOffered) if user => match &credentials.password {
                Some(password) => self.user_and_pass(&credentials.user, password),
                None => self.fail(Failure::NoMechanism(ChoiceError::NothingOffered), false),
            },
            Err(error) => self.fail(Failure::NoMechanism(error), false),
        }
    }

    /// Logs in by this mechanism (RFC 5034). One that shows the credentials needs TLS whose server was verified.
    pub fn authenticate(&mut self, mechanism: Box<dyn ClientMechanism>) {
        if !matches!(self.state, State::Authorization) {
            return;
        }
        let name = mechanism.name();
        let plaintext = name.parse().map_or(true, Name::is_plaintext);
        if (plaintext && !self.is_verified()) || (self.config.require_tls && self.tls.is_none()) {
            return self.fail(Failure::TlsRequired, false);
        }
        if !self.capabilities.sasl.iter().any(|offered| offered == name) {
            return self.fail(Failure::MechanismNotOffered(name), false);
        }
        self.utf8_and(Login::Sasl(mechanism));
    }

    /// Logs in by USER and PASS, within TLS whose server was verified.
    pub fn user_and_pass(&mut self, user: &str, password: &Secret) {
        if !matches!(self.state, State::Authorization) {
            return;
        }
        if !self.is_verified() {
            return self.fail(Failure::TlsRequired, false);
        }
        if !self.capabilities.user {
            return self.fail(Failure::UserNotOffered, false);
        }
        let utf8 = self.capabilities.utf8_user;
        let sayable = |octets: &[u8]| {
            let fits = (1..=COMMAND - "USER \r\n".len()).contains(&octets.len());
            fits && (utf8 || octets.is_ascii()) && !octets.iter().any(|octet| b"\r\n\0".contains(octet))
        };
        if !sayable(user.as_bytes()) || !sayable(password.expose()) || std::str::from_utf8(password.expose()).is_err() {
            return self.fail(Failure::Unsayable, false);
        }
        self.utf8_and(Login::Password(user.to_owned(), password.clone()));
    }

    /// RFC 8314 §5: a password in TLS with anybody is as good as in clear.
    fn is_verified(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.server_verified)
    }

    /// UTF8 is for the AUTHORIZATION state, and not before STLS (RFC 6856 §2.1): here is its place.
    fn utf8_and(&mut self, login: Login) {
        if self.config.utf8 && self.capabilities.utf8 {
            self.say("UTF8", State::Utf8(login));
        } else {
            self.begin(login);
        }
    }

    fn begin(&mut self, login: Login) {
        match login {
            Login::Sasl(mechanism) => {
                let (exchange, words) = ClientExchange::begin(mechanism, COMMAND - "AUTH \r\n".len());
                if exchange.uses_exporter() && std::mem::replace(&mut self.bound, true) {
                    return self.fail(Failure::BoundBefore, false); // RFC 9266 §4.1
                }
                self.say_all(&[b"AUTH ", words.expose()], State::Authenticating(exchange));
            }
            Login::Password(user, password) => self.say(&format!("USER {user}"), State::User(password)),
        }
    }

    pub(super) fn challenge(&mut self, exchange: ClientExchange, text: &[u8]) {
        if exchange.is_given_up() {
            return self.fail(Failure::Malformed, true); // it could go on for ever
        }
        self.state = State::Proving(Some((exchange, text.to_vec())));
    }

    /// The answer to a challenge, which nobody is at work on yet.
    pub(super) fn proof(&mut self) -> Option<Work<Self>> {
        let State::Proving(due) = &mut self.state else { return None };
        let (mut exchange, text) = due.take()?;
        Some(Box::new(move || {
            let line = exchange.challenge(&text);
            Box::new(move |client: &mut Self| {
                // it may have ended meanwhile
                if matches!(client.state, State::Proving(None)) {
                    client.say_all(&[line.expose()], State::Authenticating(exchange));
                }
            })
        }))
    }

    /// The same at once; whether there was something to do.
    pub(super) fn prove(&mut self) -> bool {
        let work = self.proof();
        work.map(|work| work()(self)).is_some()
    }

    /// A status before the TRANSACTION state.
    pub(super) fn status(&mut self, state: State, status: Result<String, Refusal>) {
        match (state, status) {
            (State::Greeting, Ok(_)) => self.say("CAPA", State::Capabilities(None)),
            (State::Capabilities(_), Ok(_)) => self.state = State::Capabilities(Some(Vec::new())),
            (State::Capabilities(_), Err(_)) => self.no_capabilities(),
            (State::StartTls, Ok(_)) if self.input.is_empty() => self.state = State::Upgrading,
            (State::StartTls, Ok(_)) => self.fail(Failure::Injected, true),
            (State::StartTls, Err(refusal)) => self.fail(Failure::Refused(refusal), self.config.require_tls),
            (State::Utf8(login), _) => self.begin(login), // without it there are surrogates
            (State::Authenticating(exchange), status) => self.authenticated(exchange, status),
            (State::User(password), Ok(_)) => self.say_all(&[b"PASS ", password.expose()], State::Pass),
            (State::Pass, Ok(_)) => self.logged_in("USER"),
            (State::User(_) | State::Pass, Err(refusal)) => self.fail(Failure::Refused(refusal), false),
            (State::Quitting, _) => self.state = State::Closed,
            (_, Err(refusal)) => self.fail(Failure::Refused(refusal), true),
            (_, Ok(_)) => self.fail(Failure::Unasked, true),
        }
    }

    fn authenticated(&mut self, exchange: ClientExchange, status: Result<String, Refusal>) {
        let name = exchange.name();
        match (exchange.end(status.is_ok()), status) {
            (Ok(()), _) => self.logged_in(name),
            (Err(ClientError::Refused), Err(refusal)) => self.fail(Failure::Refused(refusal), false),
            (Err(error), status) => self.fail(Failure::Authentication(error), status.is_ok()),
        }
    }

    fn logged_in(&mut self, by: &'static str) {
        self.state = State::Transaction(Receiving::Status);
        self.events.push_back(Event::Authenticated(by));
    }
}
