//! AUTH (RFC 4954): the exchange within the session.

use gatepost_sasl::{Answer, Name, Rejection, Turn};
use gatepost_wire::Line;

use super::{Event, Profile, Server, State};
use crate::command::Initial;
use crate::envelope::Hello;
use crate::reply::{self, Reply};

impl Server {
    /// What is offered: nothing to other servers, and nothing in clear where TLS could be had (RFC 8314 §3.3).
    pub(super) fn mechanisms(&self) -> Vec<Name> {
        let waits_for_tls = self.config.starttls && self.tls.is_none() && !self.config.sasl.plaintext_without_tls;
        match self.config.profile {
            Profile::Submission if !waits_for_tls => gatepost_sasl::offered(&self.config.sasl, self.tls.as_ref()),
            _ => Vec::new(),
        }
    }

    /// RFC 4954 §4.
    pub(super) fn auth(&mut self, name: &str, initial: Option<Initial<'_>>) {
        if self.identity.is_some() || !matches!(self.state, State::Ready(Some(Hello { extended: true, .. }))) {
            return self.fail(&reply::NO_AUTH_NOW);
        }
        let offered = !self.mechanisms().is_empty();
        let initial = initial.map(|Initial(text)| text.as_bytes());
        let begun = self.exchanges.begin(name, initial, &self.config.sasl, self.tls.as_ref());
        let Some((exchange, turn)) = begun.filter(|_| offered) else {
            return self.fail(&reply::NO_MECHANISM);
        };
        if let Some(hello) = self.take_hello() {
            self.state = State::Authenticating(hello, exchange);
        }
        self.sasl_turn(turn);
    }

    pub(super) fn sasl_line(&mut self, line: Line) {
        if let State::Authenticating(_, exchange) = &mut self.state {
            let turn = exchange.line(line);
            self.sasl_turn(turn);
        }
    }

    pub(super) fn sasl_answer(&mut self, answer: Answer) {
        if let State::Authenticating(_, exchange) = &mut self.state {
            let turn = exchange.answer(answer);
            self.sasl_turn(turn);
        }
    }

    fn sasl_turn(&mut self, turn: Turn) {
        match turn {
            Turn::Challenge(challenge) => {
                self.output.extend_from_slice(&[b"334 ", challenge.as_slice(), b"\r\n"].concat());
            }
            Turn::Ask(_) if self.binds_again() => self.close(&reply::BOUND_BEFORE),
            Turn::Ask(question) => self.pending = Some(Event::Auth(question)),
            Turn::Done(Ok(identity)) => {
                self.identity = Some(identity);
                self.back_to_ready();
                self.say(&reply::AUTHENTICATED);
            }
            Turn::Done(Err(rejection)) => self.auth_failed(rejection),
        }
    }

    /// Whether a question is asked by an exchange that must not be (RFC 9266 §4.1).
    fn binds_again(&mut self) -> bool {
        matches!(&self.state, State::Authenticating(_, exchange) if self.exchanges.binds_again(exchange))
    }

    /// RFC 4954 §6.
    fn auth_failed(&mut self, rejection: Rejection) {
        let (code, enhanced) = match rejection {
            Rejection::Cancelled => (501, "5.0.0"),
            Rejection::NotBase64 | Rejection::Malformed => (501, "5.5.2"),
            Rejection::TooLong => (500, "5.5.6"),
            Rejection::Unavailable => (454, "4.7.0"),
            _ => (535, "5.7.8"),
        };
        self.back_to_ready();
        self.auth_failures += 1;
        self.say(&Reply::new(code, Some(enhanced), &rejection.to_string()));
        if self.auth_failures >= self.config.limits.auth_failures {
            self.close(&reply::TOO_MANY_FAILURES);
        }
    }
}
