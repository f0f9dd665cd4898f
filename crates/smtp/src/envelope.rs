//! What a client says of itself and of its message.

use gatepost_syntax::{ForwardPath, ReversePath};

/// HELO or EHLO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// What the client calls itself; a stranger's text of printable ASCII without spaces.
    pub name: String,
    /// Whether it said EHLO.
    pub extended: bool,
}

/// `BODY=` (RFC 6152).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// `7BIT`, the default.
    #[default]
    SevenBit,
    /// `8BITMIME`
    EightBitMime,
}

/// MAIL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailFrom {
    /// The reverse-path.
    pub path: ReversePath,
    /// `SIZE=` in octets (RFC 1870).
    pub size: Option<u64>,
    /// `BODY=`
    pub body: Body,
    /// `SMTPUTF8` (RFC 6531).
    pub utf8: bool,
}

/// RCPT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RcptTo {
    /// The forward-path.
    pub path: ForwardPath,
}
