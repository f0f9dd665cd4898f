//! MAIL, RCPT and DATA (RFC 5321 §4.1.1.2 to §4.1.1.4).

use gatepost_wire::{DotReader, Unstuffed};

use super::{Event, Profile, Server, State};
use crate::envelope::{MailFrom, RcptTo};
use crate::reply::Reply;

impl Server {
    pub(super) fn mail(&mut self, mail: MailFrom) {
        match &self.state {
            State::Ready(Some(_)) => {}
            State::Ready(None) => return self.fail(503, "5.5.1", "say EHLO first"),
            _ => return self.fail(503, "5.5.1", "there is a transaction already"),
        }
        if self.config.profile == Profile::Submission && self.identity.is_none() {
            return self.fail(530, "5.7.0", "authentication required"); // RFC 4954 §6
        }
        if mail.size.is_some_and(|size| size > self.config.limits.message) {
            return self.fail(552, "5.3.4", "the message is too large"); // RFC 1870 §6.1
        }
        self.pending = Some(Event::Mail(mail));
    }

    pub(super) fn recipient(&mut self, recipient: RcptTo) {
        match &self.state {
            State::Transaction(_, recipients) if *recipients >= self.config.limits.recipients => {
                self.fail(452, "4.5.3", "too many recipients"); // RFC 5321 §4.5.3.1.10
            }
            State::Transaction(..) => self.pending = Some(Event::Recipient(recipient)),
            _ => self.fail(503, "5.5.1", "say MAIL first"),
        }
    }

    pub(super) fn data(&mut self) {
        match &self.state {
            State::Transaction(_, 0) => self.fail(554, "5.5.1", "no valid recipients"),
            State::Transaction(..) => {
                if let Some(hello) = self.take_hello() {
                    self.state = State::Data(hello, DotReader::new(), 0);
                }
                self.say(&Reply::new(354, None, "send the message, end with a dot on a line of its own"));
            }
            _ => self.fail(503, "5.5.1", "say MAIL and RCPT first"),
        }
    }

    /// Reads data; whether there was something to do.
    pub(super) fn read_data(&mut self) -> bool {
        let State::Data(_, reader, size) = &mut self.state else {
            return false;
        };
        let limit = self.config.limits.message;
        match reader.read(&mut self.input) {
            Unstuffed::NeedMore => return false,
            Unstuffed::Data(octets) => {
                *size = size.saturating_add(u64::try_from(octets.len()).unwrap_or(u64::MAX));
                if *size <= limit {
                    self.pending = Some(Event::Data(octets)); // beyond the limit it is only counted
                }
            }
            Unstuffed::End { bare } => {
                let too_large = *size > limit;
                if let Some(hello) = self.take_hello() {
                    self.state = State::Ending(hello);
                }
                if bare || too_large {
                    self.pending = Some(Event::Reset);
                    self.back_to_ready();
                }
                match (too_large, bare) {
                    (true, _) => self.fail(552, "5.3.4", "the message is too large"),
                    (false, true) => self.fail(550, "5.6.0", "a bare CR, a bare LF or a NUL in the message"),
                    (false, false) => self.pending = Some(Event::EndOfData),
                }
            }
        }
        true
    }
}
