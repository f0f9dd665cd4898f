//! The AUTHORIZATION state (RFC 1939 §4): USER and PASS, AUTH, STLS.

use gatepost_sasl::{Input as SaslInput, Question, Rejection, Secret, Turn, prepare};
use gatepost_syntax::base64;
use gatepost_wire::Line;

use super::{Event, Server, State};
use crate::command::Command;

impl Server {
    pub(super) fn authorization(&mut self, command: Command) {
        // RFC 1939 §7: PASS only right after USER
        let user = match &mut self.state {
            State::Authorization(user) => user.take(),
            _ => None,
        };
        match command {
            Command::User(_) | Command::Pass(_) if !self.mechanisms().contains(&"PLAIN") => {
                self.fail("not without TLS")
            }
            Command::User(name) => {
                self.state = State::Authorization(Some(name));
                self.ok("now PASS"); // whoever it is
            }
            Command::Pass(password) => match user {
                Some(user) => self.password(&user, password),
                None => self.fail("USER first"),
            },
            Command::Auth { mechanism: None, .. } => {
                let list: String = self.mechanisms().iter().map(|name| format!("{name}\r\n")).collect();
                self.ok("mechanisms follow");
                self.output.extend_from_slice(format!("{list}.\r\n").as_bytes());
            }
            Command::Auth { mechanism: Some(name), initial } => self.auth(&name, initial.as_deref()),
            Command::Stls => self.start_tls(),
            _ => self.fail("log in first"),
        }
    }

    pub(super) fn password(&mut self, user: &str, password: Secret) {
        let prepared = |octets: &[u8]| {
            std::str::from_utf8(octets).ok().and_then(|text| prepare(text).ok().map(|t| t.into_owned()))
        };
        match (prepared(user.as_bytes()), prepared(password.expose())) {
            (Some(user), Some(password)) => {
                self.state = State::Opening;
                self.pending =
                    Some(Event::Auth(Question::Password { user, authzid: None, password: Secret::new(password) }));
            }
            _ => self.login_failed("[AUTH] authentication failed"),
        }
    }

    /// RFC 2595 §4: nothing may be left in the buffer.
    pub(super) fn start_tls(&mut self) {
        if self.tls || !self.config.stls {
            return self.fail("TLS is not to be had now");
        }
        if !self.input.is_empty() {
            self.err("data behind STLS");
            self.state = State::Closed;
            return self.input.clear();
        }
        self.ok("ready for TLS");
        self.state = State::Upgrading;
    }

    /// RFC 5034 §4.
    pub(super) fn auth(&mut self, name: &str, initial: Option<&str>) {
        let offered = !self.mechanisms().is_empty();
        let mechanism = gatepost_sasl::mechanism(name, &self.config.sasl, self.tls, &self.nonce).filter(|_| offered);
        let Some(mechanism) = mechanism else {
            return self.fail("this mechanism is not offered");
        };
        let response = match initial {
            None => None,
            Some("=") => Some(Vec::new()),
            Some(text) => match base64::decode(text) {
                Ok(response) => Some(response),
                Err(_) => return self.login_failed("not base64"),
            },
        };
        self.state = State::Authenticating(mechanism);
        match response {
            None => self.sasl_step(SaslInput::Start),
            Some(response) => self.sasl_step(SaslInput::Response(&response)),
        }
    }

    pub(super) fn sasl_line(&mut self, line: Line) {
        match line {
            Line::Whole(line) if line.as_ref() == b"*" => self.login_failed("cancelled"),
            Line::Whole(line) => match base64::decode(&line) {
                Ok(response) => self.sasl_step(SaslInput::Response(&response)),
                Err(_) => self.login_failed("not base64"),
            },
            _ => self.login_failed("line too long or malformed"),
        }
    }

    pub(super) fn sasl_step(&mut self, input: SaslInput<'_>) {
        let State::Authenticating(mechanism) = &mut self.state else {
            return;
        };
        match mechanism.step(input) {
            Turn::Challenge(challenge) => {
                self.output.extend_from_slice(format!("+ {}\r\n", base64::encode(challenge)).as_bytes());
            }
            Turn::Ask(question) => self.pending = Some(Event::Auth(question)),
            Turn::Done(Ok(identity)) => {
                self.state = State::Opening;
                self.pending = Some(Event::Open(identity));
            }
            Turn::Done(Err(Rejection::Unavailable)) => self.login_failed("[SYS/TEMP] try again later"),
            Turn::Done(Err(Rejection::Malformed)) => self.login_failed("malformed response"),
            Turn::Done(Err(_)) => self.login_failed("[AUTH] authentication failed"),
        }
    }
}
