//! Enhanced status codes (RFC 3463) as values: read from replies, and given to what a client ran into.

use std::fmt;

use crate::client::{Failure, Response};

/// The first digit (RFC 3463 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// `2`: done.
    Success,
    /// `4`: trying again may help.
    Transient,
    /// `5`: trying again is of no use.
    Permanent,
}

/// `class.subject.detail`.
///
/// ```
/// use gatepost_smtp::{Class, Status, client::Response};
/// let reply = Response { code: 550, lines: vec!["5.1.1 nobody here".into()] };
/// assert_eq!(Status::of(&reply), Status::new(Class::Permanent, 1, 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status {
    /// What it means for trying again.
    pub class: Class,
    subject: u16,
    detail: u16,
}

impl Status {
    /// A code; subject and detail have three digits at most (RFC 3463 §2) and become 0 otherwise.
    pub const fn new(class: Class, subject: u16, detail: u16) -> Self {
        let fits = subject < 1000 && detail < 1000;
        if fits { Status { class, subject, detail } } else { Status { class, subject: 0, detail: 0 } }
    }

    /// What a reply means: the code in front of its text where that is of the reply's class (RFC 2034 §4), or `x.0.0`. A 3yz
    /// means that something is still to come, and is no success.
    pub fn of(response: &Response) -> Self {
        let class = match response.code / 100 {
            5 => Class::Permanent,
            2 => Class::Success,
            _ => Class::Transient,
        };
        let word = response.lines.first().and_then(|line| line.split(' ').next()).unwrap_or_default();
        let written = Self::parse(word).filter(|status| status.class == class);
        written.unwrap_or(Status::new(class, 0, 0))
    }

    /// What a reply to RCPT means behind so many recipients that were accepted. There were servers that said 552 where they
    /// had enough of them, and 452 is meant (RFC 5321 §4.5.3.1.10); a code that says something else is believed.
    pub fn of_recipient(response: &Response, accepted: usize) -> Self {
        match (response.code, Self::of(response)) {
            (552, Status { subject: 0 | 5, .. }) if accepted > 0 => Status::new(Class::Transient, 5, 3),
            (_, status) => status,
        }
    }

    /// `status-code = ("2" / "4" / "5") "." 1*3digit "." 1*3digit` (RFC 3463 §2).
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let class = match parts.next()? {
            "2" => Class::Success,
            "4" => Class::Transient,
            "5" => Class::Permanent,
            _ => return None,
        };
        let number = |part: &str| {
            let digits = (1..=3).contains(&part.len()) && part.bytes().all(|octet| octet.is_ascii_digit());
            if digits { part.parse().ok() } else { None }
        };
        let (subject, detail) = (number(parts.next()?)?, number(parts.next()?)?);
        if parts.next().is_some() { None } else { Some(Status { class, subject, detail }) }
    }

    /// Whether trying again is of no use.
    pub fn is_permanent(self) -> bool {
        self.class == Class::Permanent
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = match self.class {
            Class::Success => 2,
            Class::Transient => 4,
            Class::Permanent => 5,
        };
        write!(f, "{class}.{}.{}", self.subject, self.detail)
    }
}

impl Failure {
    /// What is told to the sender of a message that came to this.
    pub fn status(&self) -> Status {
        let (class, subject, detail) = match self {
            Failure::Refused(response) if !response.is_positive() => return Status::of(response),
            Failure::Refused(_) => (Class::Transient, 5, 0), // a yes to something else than what was asked
            Failure::Timeout | Failure::Closed => (Class::Transient, 4, 2),
            Failure::Malformed | Failure::Unasked => (Class::Transient, 5, 0),
            Failure::Injected | Failure::Authentication(_) | Failure::BoundBefore => (Class::Transient, 7, 5),
            Failure::TlsNotOffered | Failure::TlsRequired => (Class::Transient, 7, 4),
            Failure::MechanismNotOffered(_) | Failure::NoMechanism(_) => (Class::Transient, 7, 4),
            Failure::RequireTlsNotOffered => (Class::Permanent, 7, 30), // RFC 8689 §4.2.2
            Failure::EightBitNotOffered | Failure::BinaryNotOffered => (Class::Permanent, 6, 3),
            Failure::Utf8NotOffered => (Class::Permanent, 6, 7), // RFC 6531 §4
            Failure::TooLarge { .. } => (Class::Permanent, 3, 4),
            Failure::NoRecipient => (Class::Permanent, 5, 4),
            Failure::Limit { .. } => (Class::Transient, 5, 3),
            Failure::BareLineEnd | Failure::EightBit => (Class::Permanent, 6, 0),
        };
        Status::new(class, subject, detail)
    }
}
