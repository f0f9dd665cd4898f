//! AUTH (RFC 4954): the exchange within the session.

use gatepost_sasl::{Input as SaslInput, Rejection, Turn};
use gatepost_syntax::base64;
use gatepost_wire::Line;

use super::{Event, Profile, Server, State};
use crate::envelope::Hello;
use crate::reply::Reply;

impl Server {
    /// What is offered: nothing to other servers, and nothing in clear where TLS could be had (RFC 8314 §3.3).
    pub(super) fn mechanisms(&self) -> Vec<&'static str> {
        let waits_for_tls = self.config.starttls && self.tls.is_none() && !self.config.sasl.plaintext_without_tls;
        match self.config.profile {
            Profile::Submission if !waits_for_tls => gatepost_sasl::offered(&self.config.sasl, self.tls.is_some()),
            _ => Vec::new(),
        }
    }

    /// RFC 4954 §4.
    pub(super) fn auth(&mut self, name: &str, initial: Option<&str>) {
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

    pub(super) fn sasl_line(&mut self, line: Line) {
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

    pub(super) fn sasl_step(&mut self, input: SaslInput<'_>) {
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

    pub(super) fn auth_failed(&mut self, code: u16, enhanced: &'static str, text: &str) {
        self.back_to_ready();
        self.auth_failures += 1;
        self.say(&Reply::new(code, Some(enhanced), text));
        if self.auth_failures >= self.config.limits.auth_failures {
            self.close(421, "4.7.0", "too many authentication failures");
        }
    }
}
