//! An envelope in the queue, and its form on disk.

use std::fmt;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gatepost_smtp::client::Response;
use gatepost_smtp::report::Returned;
use gatepost_smtp::{EnvelopeId, Notify, OriginalRecipient, RcptTo, Status};
use gatepost_syntax::{Mailbox, ReversePath};
use serde_json::{Value, json};
use thiserror::Error;

/// A message in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the queue.
    pub id: String,
    /// When it was accepted.
    pub arrived: SystemTime,
    /// The reverse-path.
    pub from: ReversePath,
    /// `ENVID=` (RFC 3461 §4.4).
    pub envelope_id: Option<EnvelopeId>,
    /// `RET=` as it was given: a next hop is told nothing else (RFC 3461 §5.2.1).
    pub returned: Option<Returned>,
    /// Octets.
    pub size: u64,
    /// Whether there are octets beyond ASCII.
    pub eight_bit: bool,
    /// Whether it was submitted with SMTPUTF8.
    pub utf8: bool,
    /// The recipients, those who have it, too.
    pub recipients: Vec<Recipient>,
}

/// A recipient, and what became of the message for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Whom.
    pub to: Mailbox,
    /// `ORCPT=` (RFC 3461 §4.2).
    pub original: Option<OriginalRecipient>,
    /// `NOTIFY=` as it was given, likewise.
    pub notify: Option<Notify>,
    /// How far it has come.
    pub state: State,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next: SystemTime,
    /// Whether the sender knows of the delay.
    pub warned: bool,
    /// Whether the sender knows how it ended.
    pub reported: bool,
    /// What was heard last.
    pub last: Option<Said>,
}

impl Recipient {
    /// What is reported where `NOTIFY=` says nothing (RFC 3461 §4.1).
    pub const NOTIFY: Notify = Notify { success: false, failure: true, delay: true };

    /// One to be tried at once.
    pub fn new(to: Mailbox, now: SystemTime) -> Self {
        let (notify, state) = (None, State::Pending);
        Recipient {
            to,
            original: None,
            notify,
            state,
            attempts: 0,
            next: now,
            warned: false,
            reported: false,
            last: None,
        }
    }
}

impl Recipient {
    /// What is queued for a recipient of the envelope: all for one elsewhere; for one who is here and has the message by
    /// then only the report that was wanted.
    pub fn addressed(to: &Mailbox, wanted: &RcptTo, here: bool, now: SystemTime) -> Option<Self> {
        let mut recipient = Recipient::new(to.clone(), now);
        recipient.original.clone_from(&wanted.original);
        recipient.notify = wanted.notify;
        if here {
            recipient.state = State::Delivered;
        }
        Some(recipient).filter(|recipient| !here || recipient.wants().success)
    }

    /// On what a report is wanted.
    pub fn wants(&self) -> Notify {
        self.notify.unwrap_or(Self::NOTIFY)
    }
}

/// How far a recipient has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It will be tried.
    Pending,
    /// A server has taken the message.
    Delivered,
    /// It was given up.
    Failed,
}

impl State {
    const ALL: [State; 3] = [State::Pending, State::Delivered, State::Failed];

    /// A word for it.
    pub fn word(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Delivered => "delivered",
            State::Failed => "failed",
        }
    }
}

/// What was heard about a recipient, or is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// When.
    pub at: SystemTime,
    /// What it means.
    pub status: Status,
    /// Which server it is about.
    pub host: Option<String>,
    /// What that server said.
    pub reply: Option<Response>,
    /// What is known where no server said anything.
    pub reason: Option<String>,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            write!(f, "{}: ", gatepost_syntax::escape(host))?;
        }
        match (&self.reply, &self.reason) {
            (Some(reply), _) => write!(f, "{reply}"),
            (None, Some(reason)) => write!(f, "{} {}", self.status, gatepost_syntax::escape(reason)),
            (None, None) => write!(f, "{}", self.status),
        }
    }
}

/// An envelope that is not one of ours, or is damaged. It is left alone.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{id}.json: {why}")]
pub struct Unreadable {
    /// Which message.
    pub id: String,
    /// Where it fails.
    pub why: String,
}

impl Unreadable {
    pub(crate) fn of(id: &str, error: io::Error) -> Self {
        Unreadable { id: id.to_owned(), why: error.to_string() }
    }
}

/// The form that is written.
const VERSION: u64 = 1;

impl Entry {
    /// A message for these; the queue gives it its name and its size.
    pub fn new(from: ReversePath, recipients: Vec<Recipient>, now: SystemTime) -> Self {
        Entry {
            id: String::new(),
            arrived: now,
            from,
            envelope_id: None,
            returned: None,
            size: 0,
            eight_bit: false,
            utf8: false,
            recipients,
        }
    }

    /// As it is written.
    pub fn to_json(&self) -> String {
        let recipients: Vec<Value> = self.recipients.iter().map(recipient_json).collect();
        let value = json!({
            "version": VERSION,
            "arrived": seconds(self.arrived),
            "from": self.from.to_string(),
            "envelope_id": self.envelope_id.as_ref().map(EnvelopeId::as_str),
            "return": self.returned.map(|returned| if returned == Returned::Full { "full" } else { "headers" }),
            "size": self.size,
            "eight_bit": self.eight_bit,
            "utf8": self.utf8,
            "recipients": recipients,
        });
        format!("{value:#}\n")
    }

    /// Reads what [`Entry::to_json`] wrote, under the name that it has in the queue. What is damaged or foreign is refused.
    pub fn parse(id: &str, text: &str) -> Result<Self, Unreadable> {
        let bad = |why: &str| Unreadable { id: id.to_owned(), why: why.to_owned() };
        let value: Value = serde_json::from_str(text).map_err(|error| bad(&error.to_string()))?;
        if number(&value, "/version") != Some(VERSION) {
            return Err(bad("not version 1"));
        }
        let recipients = value.pointer("/recipients").and_then(Value::as_array);
        let recipients = recipients.and_then(|all| all.iter().map(read_recipient).collect());
        let from = text_at(&value, "/from").and_then(|path| ReversePath::parse(path).ok());
        let returned = match text_at(&value, "/return") {
            Some("full") => Some(Returned::Full),
            Some("headers") => Some(Returned::Headers),
            _ => None,
        };
        Ok(Entry {
            id: id.to_owned(),
            arrived: time(&value, "/arrived").ok_or_else(|| bad("`arrived`"))?,
            from: from.ok_or_else(|| bad("`from`"))?,
            envelope_id: text_at(&value, "/envelope_id").and_then(EnvelopeId::new),
            returned,
            size: number(&value, "/size").ok_or_else(|| bad("`size`"))?,
            eight_bit: flag(&value, "/eight_bit").ok_or_else(|| bad("`eight_bit`"))?,
            utf8: flag(&value, "/utf8").ok_or_else(|| bad("`utf8`"))?,
            recipients: recipients.ok_or_else(|| bad("`recipients`"))?,
        })
    }

    /// Whether nothing is left to be done.
    pub fn is_finished(&self) -> bool {
        self.recipients.iter().all(|recipient| recipient.state != State::Pending && !self.owes(recipient))
    }

    /// Whether the sender is to be told how it ended. Nobody is told of a message without a sender (RFC 5321 §4.5.5).
    pub fn owes(&self, recipient: &Recipient) -> bool {
        let wanted = match recipient.state {
            State::Pending => false,
            State::Delivered => recipient.wants().success,
            State::Failed => recipient.wants().failure,
        };
        wanted && !recipient.reported && self.from != ReversePath::Null
    }
}

fn recipient_json(recipient: &Recipient) -> Value {
    let Notify { success, failure, delay } = recipient.wants();
    let said = recipient.last.as_ref().map(|said| {
        json!({
            "at": seconds(said.at),
            "status": said.status.to_string(),
            "host": said.host,
            "code": said.reply.as_ref().map(|reply| reply.code),
            "lines": said.reply.as_ref().map(|reply| &reply.lines),
            "reason": said.reason,
        })
    });
    json!({
        "to": recipient.to.to_string(),
        "original": recipient.original.as_ref().map(|original| [original.kind(), original.address()]),
        "notify": { "success": success, "failure": failure, "delay": delay, "given": recipient.notify.is_some() },
        "state": recipient.state.word(),
        "attempts": recipient.attempts,
        "next": seconds(recipient.next),
        "warned": recipient.warned,
        "reported": recipient.reported,
        "last": said,
    })
}

fn read_recipient(value: &Value) -> Option<Recipient> {
    let word = text_at(value, "/state")?;
    let original = text_at(value, "/original/0").zip(text_at(value, "/original/1"));
    let notify = Notify {
        success: flag(value, "/notify/success")?,
        failure: flag(value, "/notify/failure")?,
        delay: flag(value, "/notify/delay")?,
    };
    // those that were written before it was told apart were given what is not the default
    let given = flag(value, "/notify/given").unwrap_or(notify != Recipient::NOTIFY);
    Some(Recipient {
        to: Mailbox::parse(text_at(value, "/to")?).ok()?,
        original: original.and_then(|(kind, address)| OriginalRecipient::new(kind, address)),
        notify: given.then_some(notify),
        state: State::ALL.into_iter().find(|state| state.word() == word)?,
        attempts: number(value, "/attempts")?.try_into().ok()?,
        next: time(value, "/next")?,
        warned: flag(value, "/warned")?,
        reported: flag(value, "/reported")?,
        last: match value.pointer("/last")? {
            Value::Null => None,
            said => Some(read_said(said)?),
        },
    })
}

fn read_said(value: &Value) -> Option<Said> {
    let lines = value.pointer("/lines").and_then(Value::as_array).into_iter().flatten();
    let lines = lines.filter_map(|line| line.as_str().map(str::to_owned)).collect();
    let code = number(value, "/code").and_then(|code| u16::try_from(code).ok());
    Some(Said {
        at: time(value, "/at")?,
        status: Status::parse(text_at(value, "/status")?)?,
        host: text_at(value, "/host").map(str::to_owned),
        reply: code.map(|code| Response { code, lines }),
        reason: text_at(value, "/reason").map(str::to_owned),
    })
}

fn text_at<'v>(value: &'v Value, place: &str) -> Option<&'v str> {
    value.pointer(place)?.as_str()
}

fn flag(value: &Value, place: &str) -> Option<bool> {
    value.pointer(place)?.as_bool()
}

fn number(value: &Value, place: &str) -> Option<u64> {
    value.pointer(place)?.as_u64()
}

fn time(value: &Value, place: &str) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(number(value, place)?))
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let reply = Some(Response { code: 451, lines: vec!["4.2.0 \u{202e}later\"".into(), String::new()] });
        let said =
            Said { at: at(3), status: Status::parse("4.2.0").unwrap(), host: Some("h".into()), reply, reason: None };
        let mut one = Recipient::new(Mailbox::parse("\"a b\"@else.test").unwrap(), at(1));
        (one.last, one.attempts, one.original) = (Some(said), 2, OriginalRecipient::new("rfc822", "x@y"));
        let mut two = Recipient::new(Mailbox::parse("bob@[192.0.2.1]").unwrap(), at(1));
        (two.state, two.reported) = (State::Failed, true);
        let mut entry = Entry::new(ReversePath::Null, vec![one, two], at(0));
        (entry.id, entry.envelope_id) = ("1-2-3".into(), EnvelopeId::new("e"));
        assert_eq!(Entry::parse("1-2-3", &entry.to_json()), Ok(entry.clone()));
        // as it was before `given` was written
        let older = entry.to_json().replace(",\n        \"given\": false", "").replace("\"given\": false,", "");
        assert!(!older.contains("given"), "{older}");
        assert_eq!(Entry::parse("1-2-3", &older), Ok(entry.clone()));
        for returned in [Some(Returned::Full), Some(Returned::Headers)] {
            entry.returned = returned;
            entry.recipients.iter_mut().for_each(|recipient| recipient.notify = Some(Recipient::NOTIFY));
            assert_eq!(Entry::parse("1-2-3", &entry.to_json()), Ok(entry.clone()));
        }
        for damaged in [
            String::new(),
            "{}".into(),
            entry.to_json().replace("\"size\": 0", "\"size\": -1"),
            entry.to_json().replace("bob@", "@"),
        ] {
            assert!(Entry::parse("1-2-3", &damaged).is_err(), "{damaged}");
        }
    }
}
