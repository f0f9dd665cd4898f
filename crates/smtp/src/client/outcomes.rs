//! What became of a message for each of its recipients.

use super::{Event, Failure, Response};
use crate::status::Status;

/// What becomes of one message for each recipient of its envelope: what RCPT was answered, and what the message was, put together.
/// Give it the events of the transaction, in any case the last one.
///
/// ```
/// use gatepost_smtp::client::{Event, Outcome, Outcomes, Response};
/// let reply = |code, text: &str| Response { code, lines: vec![text.into()] };
/// let mut outcomes = Outcomes::new(2);
/// outcomes.note(&Event::Recipient(0, reply(250, "2.1.5 ok")));
/// outcomes.note(&Event::Recipient(1, reply(550, "5.1.1 nobody here")));
/// outcomes.note(&Event::Done(reply(250, "2.0.0 accepted")));
/// assert!(matches!(outcomes.of(0), Outcome::Accepted(_)));
/// assert!(matches!(outcomes.of(1), Outcome::Refused(_, status) if status.is_permanent()));
/// ```
#[derive(Clone, Debug)]
pub struct Outcomes {
    /// What was said to each.
    replies: Vec<Option<Response>>,
    /// What was said of each behind the message, over LMTP.
    delivered: Vec<Option<Response>>,
    done: Option<Response>,
    failure: Option<Failure>,
}

/// What became of a message for one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// The server has the message, and answers for it from now on (RFC 5321 §6.1).
    Accepted(&'a Response),
    /// The server does not take this recipient, or not the message. The status says whether trying again may help.
    Refused(&'a Response, Status),
    /// The transaction came to its end before that was answered, by this failure if it is known. Where the message had ended, the
    /// server may have it all the same (RFC 1047).
    Unanswered(Option<&'a Failure>),
}

impl Outcomes {
    /// Of a message to so many recipients, of which nothing is known.
    pub fn new(recipients: usize) -> Self {
        Outcomes { replies: vec![None; recipients], delivered: vec![None; recipients], done: None, failure: None }
    }

    /// Takes note of an event; of those that say nothing of a message, too. The first failure is the one that counts.
    pub fn note(&mut self, event: &Event) {
        let keep = |places: &mut Vec<Option<Response>>, index: usize, response: &Response| {
            if let Some(place) = places.get_mut(index) {
                *place = Some(response.clone());
            }
        };
        match event {
            Event::Recipient(index, response) => keep(&mut self.replies, *index, response),
            Event::Delivered(index, response) => keep(&mut self.delivered, *index, response),
            Event::Done(response) => self.done = Some(response.clone()),
            Event::Failed(failure) if self.failure.is_none() => self.failure = Some(failure.clone()),
            _ => {}
        }
    }

    /// Whether the server has said anything of a recipient or of the message.
    pub fn is_answered(&self) -> bool {
        self.done.is_some() || self.replies.iter().any(Option::is_some)
    }

    /// The recipients that RCPT was accepted of: who gets the message if it is accepted, too.
    pub fn recipients(&self) -> impl Iterator<Item = usize> + '_ {
        self.replies.iter().enumerate().filter(|(_, reply)| is_yes(reply)).map(|(index, _)| index)
    }

    /// What became of it for the recipient with this index in the envelope.
    pub fn of(&self, index: usize) -> Outcome<'_> {
        let reply = self.replies.get(index).and_then(Option::as_ref);
        let last = self.delivered.get(index).and_then(Option::as_ref).or(self.done.as_ref());
        match (reply, last) {
            (Some(no), _) if !no.is_positive() => {
                let accepted = self.replies.iter().take(index).any(is_yes);
                Outcome::Refused(no, Status::of_recipient(no, usize::from(accepted)))
            }
            (Some(_), Some(yes)) if yes.is_positive() => Outcome::Accepted(yes),
            (Some(_), Some(no)) => Outcome::Refused(no, Status::of(no)),
            _ => Outcome::Unanswered(self.failure.as_ref()),
        }
    }

    /// Likewise, of all in the envelope's order.
    pub fn iter(&self) -> impl Iterator<Item = Outcome<'_>> {
        (0..self.replies.len()).map(|index| self.of(index))
    }
}

fn is_yes(reply: &Option<Response>) -> bool {
    reply.as_ref().is_some_and(Response::is_positive)
}
