//! AUTH (RFC 4954): the log-in.

use gatepost_sasl::{ClientError, ClientExchange, ClientMechanism, Credentials, Name, Policy, choose};
use gatepost_wire::Work;

use super::{Client, Event, Failure, Response, State};

impl Client {
    /// Logs in by the strongest mechanism that the server offers and the policy allows; [`choose`] has the rules. After a
    /// failure nothing weaker is tried. `nonce` is fresh randomness of hexadecimal or base64.
    pub fn log_in(&mut self, credentials: &Credentials, policy: &Policy, nonce: &str) {
        if !self.is_ready() {
            return;
        }
        let limits = &self.config.limits.sasl;
        match choose(&self.capabilities.auth, credentials, policy, self.tls.as_ref(), nonce, limits) {
            Ok(mechanism) => self.begin(mechanism),
            Err(error) => self.fail(Failure::NoMechanism(error), false),
        }
    }

    /// Logs in by this mechanism. One that shows the credentials needs TLS whose server was verified.
    pub fn authenticate(&mut self, mechanism: Box<dyn ClientMechanism>) {
        if !self.is_ready() {
            return;
        }
        let name = mechanism.name();
        let plaintext = name.parse().map_or(true, Name::is_plaintext); // who knows what others show
        if plaintext && !self.tls.as_ref().is_some_and(|tls| tls.server_verified) {
            return self.fail(Failure::TlsRequired, false);
        }
        if !self.capabilities.auth.iter().any(|offered| offered == name) {
            return self.fail(Failure::MechanismNotOffered(name), false);
        }
        self.begin(mechanism);
    }

    fn begin(&mut self, mechanism: Box<dyn ClientMechanism>) {
        if self.tls.is_none() && self.config.require_tls {
            return self.fail(Failure::TlsRequired, false);
        }
        let (exchange, words) = ClientExchange::begin(mechanism, 512 - "AUTH \r\n".len()); // RFC 4954 §4
        if exchange.uses_exporter() && std::mem::replace(&mut self.bound, true) {
            return self.fail(Failure::BoundBefore, false); // RFC 9266 §4.1
        }
        self.say_all(&[b"AUTH ", words.expose()], State::Authenticating(exchange));
    }

    /// The answer to a challenge, which nobody is at work on yet.
    pub(super) fn proof(&mut self) -> Option<Work<Self>> {
        let State::Proving(due) = &mut self.state else { return None };
        let (mut exchange, text) = due.take()?;
        Some(Box::new(move || {
            let line = exchange.challenge(text.as_bytes());
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

    /// A reply within the exchange, or to it.
    pub(super) fn challenged(&mut self, exchange: ClientExchange, response: Response) {
        if response.code == 334 && exchange.is_given_up() {
            return self.fail(Failure::Malformed, true); // it could go on for ever
        }
        if response.code == 334 {
            let text = response.lines.into_iter().next().unwrap_or_default();
            self.state = State::Proving(Some((exchange, text)));
            return;
        }
        let (accepted, name) = (response.is_positive(), exchange.name());
        match exchange.end(accepted) {
            Ok(()) => {
                self.authenticated = true;
                self.events.push_back(Event::Authenticated(name));
                self.state = State::Ready;
            }
            Err(ClientError::Refused) => self.fail(Failure::Refused(response), false),
            Err(error) => self.fail(Failure::Authentication(error), accepted),
        }
    }
}
