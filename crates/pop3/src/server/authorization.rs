//! The AUTHORIZATION state (RFC 1939 §4): USER and PASS, AUTH, STLS.

use std::borrow::Cow;

use gatepost_sasl::{Name, Question, Rejection, Secret, Turn, prepare_query};
use gatepost_wire::Line;

use super::{Event, Server, State};
use crate::command::Command;

impl Server {
    /// `user` is what the line before said (RFC 1939 §7: PASS only right behind USER).
    pub(super) fn authorization(&mut self, command: Command, user: Option<String>) {
        match command {
            Command::User(_) | Command::Pass(_) if !self.mechanisms().contains(&Name::Plain) => {
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
                let names: Vec<String> = self.mechanisms().iter().map(ToString::to_string).collect();
                self.listing("mechanisms follow", names);
            }
            Command::Auth { mechanism: Some(name), initial } => self.auth(&name, initial.as_ref()),
            Command::Stls => self.start_tls(),
            Command::Lang(range) => self.language(range.as_deref()),
            Command::Utf8 => {
                self.utf8 = true;
                self.ok("UTF-8 it is");
            }
            _ => self.fail("log in first"),
        }
    }

    pub(super) fn password(&mut self, user: &str, password: Secret) {
        // RFC 6856 §2.2: as queries
        let prepared = |octets: &[u8]| {
            std::str::from_utf8(octets).ok().and_then(|text| prepare_query(text).ok().map(Cow::into_owned))
        };
        match (prepared(user.as_bytes()), prepared(password.expose())) {
            (Some(user), Some(password)) => {
                self.state = State::Opening;
                self.pending =
                    Some(Event::Auth(Question::Password { user, authzid: None, password: Secret::new(password) }));
            }
            _ => self.rejected(Rejection::Denied),
        }
    }

    /// RFC 2595 §4: nothing may be left in the buffer.
    pub(super) fn start_tls(&mut self) {
        if self.tls.is_some() || !self.config.stls {
            return self.fail("TLS is not to be had now");
        }
        if self.utf8 {
            return self.fail("TLS before UTF8"); // RFC 6856 §2.1
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
    pub(super) fn auth(&mut self, name: &str, initial: Option<&Secret>) {
        let offered = !self.mechanisms().is_empty();
        let initial = initial.map(Secret::expose);
        let begun = self.exchanges.begin(name, initial, &self.config.sasl, self.tls.as_ref());
        let Some((exchange, turn)) = begun.filter(|_| offered) else {
            return self.fail("this mechanism is not offered");
        };
        self.state = State::Authenticating(exchange);
        self.sasl_turn(turn);
    }

    pub(super) fn sasl_line(&mut self, line: Line) {
        if let State::Authenticating(exchange) = &mut self.state {
            let turn = exchange.line(line);
            self.sasl_turn(turn);
        }
    }

    pub(super) fn sasl_turn(&mut self, turn: Turn) {
        match turn {
            Turn::Challenge(challenge) => {
                self.output.extend_from_slice(&[b"+ ", challenge.as_slice(), b"\r\n"].concat());
            }
            Turn::Ask(_) if self.binds_again() => {
                self.err("[SYS/TEMP] bound to this channel before, connect again");
                self.state = State::Closed;
                self.input.clear();
            }
            Turn::Ask(question) => self.pending = Some(Event::Auth(question)),
            Turn::Done(Ok(identity)) => {
                self.state = State::Opening;
                self.pending = Some(Event::Open(identity));
            }
            Turn::Done(Err(rejection)) => self.rejected(rejection),
        }
    }

    /// Whether a question is asked by an exchange that must not be (RFC 9266 §4.1).
    fn binds_again(&mut self) -> bool {
        matches!(&self.state, State::Authenticating(exchange) if self.exchanges.binds_again(exchange))
    }

    /// With the response codes of RFC 3206.
    pub(super) fn rejected(&mut self, rejection: Rejection) {
        match rejection {
            Rejection::Unavailable => self.login_failed("[SYS/TEMP] try again later"),
            Rejection::Denied => self.login_failed("[AUTH] authentication failed"),
            other => self.login_failed(&other.to_string()),
        }
    }
}
