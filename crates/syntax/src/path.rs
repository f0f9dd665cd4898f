//! Paths of MAIL and RCPT (RFC 5321 §4.1.2): a mailbox in angle brackets.

use std::fmt;

use crate::domain::Domain;
use crate::mailbox::{Mailbox, MailboxError};

/// What MAIL FROM names: a mailbox, or nobody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReversePath {
    /// `<>`: a message that must not be answered (RFC 5321 §4.5.5).
    Null,
    /// `<local@domain>`; a source route in front of it is ignored (RFC 5321 §4.1.2).
    Mailbox(Mailbox),
}

/// What RCPT TO names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ForwardPath {
    /// `<Postmaster>` without a domain (RFC 5321 §4.1.1.3).
    Postmaster,
    /// `<local@domain>`; a source route in front of it is ignored, too (RFC 5321 §4.1.1.3).
    Mailbox(Mailbox),
}

impl ReversePath {
    /// Reads `<>`, `<mailbox>` or `<@route:mailbox>`.
    pub fn parse(text: &str) -> Result<Self, MailboxError> {
        whole(text, Self::split(text)?)
    }

    /// Reads a path off the front of a text: what it is, and how many octets it takes.
    ///
    /// ```
    /// use gatepost_syntax::ReversePath;
    /// let (path, length) = ReversePath::split(r#"<"a>b"@c.example> SIZE=1"#).unwrap();
    /// assert_eq!((path.to_string().as_str(), length), (r#"<"a>b"@c.example>"#, 17));
    /// ```
    pub fn split(text: &str) -> Result<(Self, usize), MailboxError> {
        if let Some((mailbox, length)) = ordinary(text) {
            return Ok((ReversePath::Mailbox(mailbox), length));
        }
        let inner = inner(text)?;
        let path = match inner {
            "" => ReversePath::Null,
            mailbox => ReversePath::Mailbox(Mailbox::parse(without_route(mailbox)?)?),
        };
        Ok((path, inner.len() + BRACKETS))
    }

    /// The mailbox, unless the path is null.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            ReversePath::Null => None,
            ReversePath::Mailbox(mailbox) => Some(mailbox),
        }
    }
}

impl ForwardPath {
    /// Reads `<mailbox>`, `<@route:mailbox>` or `<Postmaster>`.
    pub fn parse(text: &str) -> Result<Self, MailboxError> {
        whole(text, Self::split(text)?)
    }

    /// Reads a path off the front of a text: what it is, and how many octets it takes.
    pub fn split(text: &str) -> Result<(Self, usize), MailboxError> {
        if let Some((mailbox, length)) = ordinary(text) {
            return Ok((ForwardPath::Mailbox(mailbox), length));
        }
        let inner = inner(text)?;
        let path = match inner.eq_ignore_ascii_case("postmaster") {
            true => ForwardPath::Postmaster,
            false => ForwardPath::Mailbox(Mailbox::parse(without_route(inner)?)?),
        };
        Ok((path, inner.len() + BRACKETS))
    }

    /// The mailbox, unless it is the postmaster without a domain.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            ForwardPath::Postmaster => None,
            ForwardPath::Mailbox(mailbox) => Some(mailbox),
        }
    }
}

/// `A-d-l ":"` in front of a mailbox: `At-domain *( "," At-domain )`. What stands behind it.
pub(crate) fn without_route(text: &str) -> Result<&str, MailboxError> {
    if !text.starts_with('@') {
        return Ok(text);
    }
    let (route, mailbox) = text.split_once(':').ok_or(MailboxError::Route)?;
    for hop in route.split(',') {
        let domain = hop.strip_prefix('@').ok_or(MailboxError::Route)?;
        Domain::parse(domain).map_err(MailboxError::Domain)?;
    }
    Ok(mailbox)
}

const BRACKETS: usize = "<>".len();

fn whole<P>(text: &str, (path, length): (P, usize)) -> Result<P, MailboxError> {
    if length == text.len() { Ok(path) } else { Err(MailboxError::Brackets) }
}

/// A path as nearly all are, in one pass, and how many octets it takes.
fn ordinary(text: &str) -> Option<(Mailbox, usize)> {
    let (mailbox, rest) = Mailbox::split(text.strip_prefix('<')?)?;
    rest.starts_with('>').then(|| (mailbox, text.len() - rest.len() + 1))
}

/// What stands in the angle brackets at the front of a text; a `>` within a quoted local part does not end it.
fn inner(text: &str) -> Result<&str, MailboxError> {
    let text = text.strip_prefix('<').ok_or(MailboxError::Brackets)?;
    let mut quoted = false;
    let mut octets = text.bytes().enumerate(); // none of these is part of a longer character
    while let Some((at, octet)) = octets.next() {
        match octet {
            b'\\' if quoted => {
                octets.next();
            }
            b'"' => quoted = !quoted,
            b'>' if !quoted => return text.get(..at).ok_or(MailboxError::Brackets),
            _ => {}
        }
    }
    Err(MailboxError::Brackets)
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReversePath::Null => f.write_str("<>"),
            ReversePath::Mailbox(mailbox) => write!(f, "<{mailbox}>"),
        }
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ForwardPath::Postmaster => f.write_str("<Postmaster>"),
            ForwardPath::Mailbox(mailbox) => write!(f, "<{mailbox}>"),
        }
    }
}
