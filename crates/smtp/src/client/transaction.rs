//! MAIL and RCPT: the envelope on its way, in groups where the server takes them (RFC 2920).

use std::collections::{HashSet, VecDeque};

use gatepost_syntax::Mailbox;

use super::content::Chunks;
use super::{Client, Envelope, Event, Failure, Response, State};
use crate::envelope::{Body, MailFrom, RcptTo};

/// An envelope on its way: what has been said of MAIL, then of each recipient.
pub(super) struct Sending {
    envelope: Envelope,
    /// Recipients that were named to the server.
    asked: usize,
    /// Whether DATA was sent with them.
    data: bool,
    mail: Option<Response>,
    heard: usize,
    accepted: VecDeque<usize>,
    last: Option<Response>,
    /// Whether MAIL is said again without `AUTH=<>`.
    again: bool,
}

/// What is left to hear of a message.
pub(super) struct Ending {
    pub(super) body: Body,
    pub(super) accepted: VecDeque<usize>,
    /// Chunks that were not answered yet.
    pub(super) chunks: usize,
    /// What was said of the first chunk that was refused.
    pub(super) refused: Option<Response>,
    /// Why nothing comes of it.
    pub(super) failure: Option<Failure>,
}

impl Client {
    /// Sends an envelope. Parameters that the server does not offer are left out where that only costs the sender a report,
    /// and are a failure where the message would suffer.
    pub fn send(&mut self, mut envelope: Envelope) {
        if !self.is_ready() {
            return;
        }
        if envelope.mail.utf8 && envelope.mail.body == Body::SevenBit {
            envelope.mail.body = Body::EightBitMime; // RFC 6531 §3.1: header fields have UTF-8
        }
        if let Err(failure) = self.allowed(&envelope) {
            return self.fail(failure, false);
        }
        self.messages += 1;
        let offered = &self.capabilities;
        let mail = &mut envelope.mail;
        mail.size = mail.size.filter(|_| offered.size.is_some());
        mail.unknown_submitter &= self.authenticated && self.takes_submitter != Some(false); // RFC 4954 §5
        if !offered.dsn {
            (mail.ret, mail.envelope_id) = (None, None);
            envelope.to.iter_mut().for_each(|to| (to.notify, to.original) = (None, None));
        }
        let line = envelope.mail.to_string();
        let (accepted, again) = (VecDeque::new(), false);
        self.ask(Sending { envelope, asked: 0, data: false, mail: None, heard: 0, accepted, last: None, again }, line);
    }

    fn allowed(&self, envelope: &Envelope) -> Result<(), Failure> {
        let (offered, Envelope { mail, to }) = (&self.capabilities, envelope);
        if self.config.require_tls && self.tls.is_none() {
            return Err(Failure::TlsRequired);
        }
        if mail.require_tls && !(offered.require_tls && self.tls.as_ref().is_some_and(|tls| tls.server_verified)) {
            return Err(Failure::RequireTlsNotOffered); // RFC 8689 §4.2.1
        }
        let named = to.iter().any(RcptTo::needs_utf8) || !mail.path.mailbox().is_none_or(Mailbox::is_ascii);
        if (mail.utf8 || named) && !(offered.smtputf8 && mail.utf8) {
            return Err(Failure::Utf8NotOffered);
        }
        match mail.body {
            Body::EightBitMime if !offered.eight_bit_mime => return Err(Failure::EightBitNotOffered),
            Body::BinaryMime if !(offered.chunking && offered.binary_mime) => return Err(Failure::BinaryNotOffered),
            _ => {}
        }
        match (mail.size, offered.size) {
            (Some(size), Some(limit)) if limit > 0 && size > limit => return Err(Failure::TooLarge { limit }),
            _ => {}
        }
        let domains: HashSet<_> = to.iter().filter_map(|to| to.path.mailbox()?.domain()).collect();
        let counts = [
            (offered.limits.recipients, to.len()),
            (offered.limits.domains, domains.len()),
            (offered.limits.messages, usize::try_from(self.messages).unwrap_or(usize::MAX).saturating_add(1)),
        ];
        match counts.into_iter().find_map(|(limit, count)| limit.filter(|limit| count > *limit)) {
            Some(limit) => Err(Failure::Limit { limit }), // RFC 9422
            None if to.is_empty() => Err(Failure::NoRecipient),
            None => Ok(()),
        }
    }

    /// Names as many recipients as may be named now, behind the line or without one; DATA goes with the last ones.
    fn ask(&mut self, mut sending: Sending, line: String) {
        // while it may have to be said again, MAIL stands alone
        let alone = sending.envelope.mail.unknown_submitter && self.takes_submitter.is_none() && !line.is_empty();
        let pipelining = self.capabilities.pipelining && !alone;
        let all = sending.envelope.to.len();
        let room = if pipelining { self.config.limits.group.max(1) } else { usize::from(line.is_empty()) };
        // RFC 6533 §3: UTF-8 is better where it can be read
        let utf8 = sending.envelope.mail.utf8;
        let command = |to: &RcptTo| if utf8 { format!("{to:#}") } else { to.to_string() };
        let next = sending.envelope.to.iter().skip(sending.asked).take(room).map(command);
        let mut lines: Vec<String> = std::iter::once(line).filter(|line| !line.is_empty()).chain(next).collect();
        sending.asked = all.min(sending.asked.saturating_add(room));
        sending.data = pipelining && sending.asked == all && !self.capabilities.chunking;
        if sending.data {
            lines.push("DATA".to_owned());
        }
        self.say(&lines.join("\r\n"), State::Envelope(sending));
    }

    /// A reply to MAIL or to a RCPT.
    pub(super) fn envelope(&mut self, mut sending: Sending, response: Response) {
        if sending.mail.is_none() {
            if self.says_again(&sending, &response) {
                (sending.again, sending.envelope.mail.unknown_submitter) = (true, false);
                let line = sending.envelope.mail.to_string();
                return self.ask(sending, line);
            }
            sending.mail = Some(response);
        } else {
            if sending.mail.as_ref().is_some_and(Response::is_positive) {
                if response.is_positive() {
                    sending.accepted.push_back(sending.heard);
                }
                self.events.push_back(Event::Recipient(sending.heard, response.clone()));
            }
            sending.heard += 1;
            sending.last = Some(response);
        }
        if sending.heard < sending.asked {
            self.state = State::Envelope(sending); // what was asked is answered in any case
            return;
        }
        let refused = sending.mail.take_if(|mail| !mail.is_positive());
        if refused.is_none() && sending.asked < sending.envelope.to.len() {
            return self.ask(sending, String::new());
        }
        let nobody = sending.accepted.is_empty().then(|| sending.last.take().unwrap_or_default());
        let failure = refused.or(nobody).map(Failure::Refused);
        let body = sending.envelope.mail.body;
        let ending = Ending { body, accepted: sending.accepted, chunks: 0, refused: None, failure };
        match ending.failure {
            _ if sending.data => self.state = State::DataCommand(ending),
            Some(failure) => {
                self.events.push_back(Event::Failed(failure));
                self.give_up(0);
            }
            None if self.capabilities.chunking => {
                if self.is_silent() {
                    self.state = State::Chunks(Chunks::new(), ending);
                }
            }
            None => self.say("DATA", State::DataCommand(ending)),
        }
    }

    /// Whether MAIL is to be said again without `AUTH=<>`. Servers that offer AUTH have to take it (RFC 4954 §5); of some that do not
    /// the reply is what RFC 5321 §4.1.1.11 and §4.2.4 have for a parameter that is not known. Which kind it is stays in mind for the
    /// messages behind it.
    fn says_again(&mut self, sending: &Sending, response: &Response) -> bool {
        let is_said = sending.envelope.mail.unknown_submitter;
        if response.is_positive() && (is_said || sending.again) {
            self.takes_submitter = Some(is_said);
        }
        is_said && self.takes_submitter.is_none() && matches!(response.code, 501 | 504 | 555)
    }

    /// The transaction came to nothing: after so many replies the next one can begin.
    pub(super) fn give_up(&mut self, left: usize) {
        if left > 0 {
            self.state = State::Failing(left);
        } else {
            self.say("RSET", State::Reset);
        }
    }
}

impl Envelope {
    /// Without parameters.
    pub fn new(mail: impl Into<MailFrom>, to: impl IntoIterator<Item = impl Into<RcptTo>>) -> Self {
        Envelope { mail: mail.into(), to: to.into_iter().map(Into::into).collect() }
    }
}
