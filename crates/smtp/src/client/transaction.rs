//! MAIL and RCPT: the envelope on its way.

use super::{Client, Envelope, Event, Failure, Response, Sending, State};

impl Client {
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

    /// A reply to MAIL or to a RCPT.
    pub(super) fn envelope(&mut self, mut sending: Sending, response: Response) {
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
