//! What concerns the session: lines and commands, EHLO, STARTTLS, RSET.

use gatepost_sasl::{Name, Secret};
use gatepost_wire::{Line, Verb};

use super::state::{Chunks, Transaction};
use super::{EarlyTalkers, Event, Profile, Server, State};
use crate::command::{Command, CommandError};
use crate::envelope::Hello;
use crate::parameters;
use crate::reply::{self, Reply};

impl Server {
    /// A line that a state takes as a command.
    pub(super) fn line(&mut self, line: Line) {
        if let State::Authenticating(..) = self.state {
            return self.sasl_line(line);
        }
        let mut line = match line {
            Line::Whole(line) => line,
            Line::TooLong(verb) if is_auth(&verb) => return self.fail(&reply::LONG_AUTH), // RFC 4954 §4
            Line::TooLong(verb) => return self.refuse_line(&verb, &reply::LONG_LINE),
            Line::Malformed(verb) => return self.refuse_line(&verb, &reply::BAD_LINE),
            Line::Partial => return,
        };
        let parsed = match Command::parse_with(&line, self.config.paths) {
            // RFC 6531 §3.1: it was not offered
            _ if !self.config.extensions.smtp_utf8 && !line.is_ascii() => Err(CommandError::Characters),
            parsed => parsed,
        };
        match parsed {
            Ok(Command::Mail(_)) if self.config.profile == Profile::Mx && parameters::has_route(&line) => {
                // RFC 5321 §4.1.2 has them ignored; who sends mail to an MX has no need of one, but for misleading a reader
                self.fail(&reply::SENDER_ROUTED);
            }
            Ok(Command::Rcpt(_)) if self.is_utf8_unasked(&line) => self.fail(&reply::RECIPIENT_IN_UTF8),
            Ok(command) => self.command(command),
            Err(error @ CommandError::Foreign) => self.close(&Reply::from(&error)),
            Err(error) => self.refuse_line(&line, &Reply::from(&error)),
        }
        if is_auth(&line) {
            Secret::wipe(&mut line); // also where it was refused
        }
    }

    /// Refuses a line that is no command. Where the octets behind a BDAT end is not known then, and none of them may be read as
    /// a command.
    fn refuse_line(&mut self, line: &[u8], reply: &Reply) {
        if begins(line, b"BDAT") { self.close(reply) } else { self.fail(reply) }
    }

    /// Whether a forward-path has UTF-8 though MAIL had no SMTPUTF8: a U-label counts (RFC 6531 §3.3), an original recipient
    /// does not (RFC 6533 §3).
    fn is_utf8_unasked(&self, line: &[u8]) -> bool {
        let State::Transaction(Transaction { utf8: false, chunks: Chunks::None, .. }) = &self.state else {
            return false;
        };
        !line.is_ascii() && !parameters::has_ascii_path(line, self.config.paths)
    }

    fn command(&mut self, command: Command<'_>) {
        if !matches!(command, Command::Bdat { octets: 1024.., .. }) {
            self.commands += 1;
        }
        self.idle_commands += u32::from(is_idle(&command));
        let limits = &self.config.limits;
        if self.commands > limits.commands || self.idle_commands > limits.idle_commands {
            return self.close(&reply::TOO_MANY_COMMANDS);
        }
        match command {
            Command::Bdat { octets, last } => self.chunk(octets, last), // its octets come whatever the reply is
            command => match self.login_first(&command) {
                Some(reply) => self.fail(&reply),
                None => self.execute(command),
            },
        }
    }

    fn execute(&mut self, command: Command<'_>) {
        match command {
            Command::Ehlo(name) if self.config.profile != Profile::Lmtp => self.greet(name, true),
            Command::Helo(name) if self.config.profile != Profile::Lmtp => self.greet(name, false),
            Command::Lhlo(name) if self.config.profile == Profile::Lmtp => self.greet(name, true),
            Command::Ehlo(_) | Command::Helo(_) | Command::Lhlo(_) => self.fail(&reply::WRONG_HELLO), // RFC 2033 §4.1
            Command::Noop => self.say(&reply::OK),
            Command::Rset => self.reset(),
            Command::Quit => self.close(&reply::BYE),
            Command::Vrfy => self.say(&reply::VERIFY),
            Command::Expn => self.fail(&reply::NOT_HERE),
            Command::Help => self.say(&reply::HELP),
            Command::StartTls => self.start_tls(),
            Command::Auth { mechanism, initial } => self.auth(mechanism, initial),
            Command::Mail(mail) => self.mail(mail),
            Command::Rcpt(recipient) => self.recipient(recipient),
            Command::Data => self.data(),
            Command::Bdat { octets, last } => self.chunk(octets, last),
        }
    }

    /// On submission nothing else is done before AUTH (RFC 4954 §6), which waits for TLS (RFC 3207 §4).
    pub(super) fn login_first(&self, command: &Command<'_>) -> Option<Reply> {
        let free = matches!(
            command,
            Command::Ehlo(_)
                | Command::Helo(_)
                | Command::Noop
                | Command::Rset
                | Command::Quit
                | Command::StartTls
                | Command::Auth { .. }
        );
        match self.config.profile {
            Profile::Submission if self.identity.is_none() && !free => {
                Some(if self.mechanisms().is_empty() { reply::TLS_NEEDED } else { reply::AUTH_NEEDED })
            }
            _ => None,
        }
    }

    pub(super) fn reset(&mut self) {
        if let State::Transaction(_) = self.state {
            self.pending = Some(Event::Reset);
            self.back_to_ready();
        }
        self.say(&reply::OK);
    }

    /// EHLO, HELO and LHLO; a transaction is forgotten (RFC 5321 §4.1.4).
    fn greet(&mut self, name: &str, extended: bool) {
        if self.speaks_early() {
            return self.close(&reply::TOO_EARLY);
        }
        if let State::Transaction(_) = self.state {
            self.pending = Some(Event::Reset);
        }
        match extended {
            true => self.say_extensions(),
            false => self.say(&Reply::new(250, None, self.config.hostname.as_str())),
        }
        self.state = State::Ready(Some(Hello { name: name.to_owned(), extended }));
    }

    /// What can be had now: it differs with TLS.
    fn say_extensions(&mut self) {
        let (offered, tls) = (&self.config.extensions, self.tls.is_some());
        let mechanisms = self.mechanisms();
        let keywords = [
            (true, "PIPELINING"),
            (true, "8BITMIME"),
            (true, "ENHANCEDSTATUSCODES"),
            (offered.smtp_utf8, "SMTPUTF8"),
            (offered.chunking, "CHUNKING"),
            (offered.chunking && offered.binary_mime, "BINARYMIME"),
            (offered.dsn, "DSN"),
            (offered.require_tls && tls, "REQUIRETLS"), // RFC 8689 §2
            (self.config.starttls && !tls, "STARTTLS"), // RFC 3207 §4.2
        ];
        let host = self.config.hostname.as_str();
        let words = [host].into_iter().chain(keywords.iter().filter(|(offered, _)| *offered).map(|(_, word)| *word));
        for word in words {
            self.output.extend_from_slice(b"250-");
            self.output.extend_from_slice(word.as_bytes());
            self.output.extend_from_slice(b"\r\n");
        }
        if !mechanisms.is_empty() {
            self.output.extend_from_slice(format!("250-AUTH {}\r\n", Name::list(&mechanisms)).as_bytes());
        }
        let limits = &self.config.limits;
        let recipients = limits.recipients.min(999_999); // RFC 9422 §3: six digits
        let last = format!("250-LIMITS RCPTMAX={recipients}\r\n250 SIZE {}\r\n", limits.message);
        self.output.extend_from_slice(last.as_bytes());
    }

    /// RFC 3207 §4: nothing may be left in the buffer, so that no plaintext is read as if it had come through TLS.
    fn start_tls(&mut self) {
        if self.tls.is_some() || !self.config.starttls {
            return self.fail(&reply::NO_TLS_NOW);
        }
        if !self.input.is_empty() {
            return self.close(&reply::BEHIND_STARTTLS);
        }
        self.say(&reply::TLS_GO);
        if self.state.transaction().is_some() {
            self.pending = Some(Event::Reset);
        }
        self.state = State::Upgrading;
    }

    /// Whether there is something behind a command whose reply is to be waited for (RFC 2920 §3.1).
    pub(super) fn speaks_early(&self) -> bool {
        matches!(self.config.early_talkers, EarlyTalkers::Refused(_)) && !self.input.is_empty()
    }
}

/// Whether a line begins with this verb, so that there may be a log-in in it.
pub(super) fn is_auth(line: &[u8]) -> bool {
    begins(line, b"AUTH")
}

fn begins(line: &[u8], with: &Verb) -> bool {
    line.first_chunk().is_some_and(|verb: &Verb| verb.eq_ignore_ascii_case(with))
}

/// Brings no message forward.
fn is_idle(command: &Command<'_>) -> bool {
    !matches!(
        command,
        Command::Mail(_)
            | Command::Rcpt(_)
            | Command::Data
            | Command::Bdat { .. }
            | Command::Auth { .. }
            | Command::Quit
    )
}
