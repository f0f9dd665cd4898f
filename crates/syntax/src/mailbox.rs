//! Mailboxes of the envelope (RFC 5321 §4.1.2, with UTF-8 as in RFC 6531 §3.3).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

use crate::cfws;
use crate::domain::{Domain, DomainError};

/// Where a mailbox lives: a domain or an address literal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A domain.
    Domain(Domain),
    /// `[192.0.2.1]` or `[IPv6:2001:db8::1]`.
    Address(IpAddr),
    /// `[tag:content]` of another kind (RFC 5321 §4.1.3), with its brackets.
    Literal(Box<str>),
}

/// `local-part@domain` or `local-part@[literal]`. The local part is held as content, without quotes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mailbox {
    local: Box<str>,
    host: Host,
}

/// Why a text is not a mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MailboxError {
    /// The local part is neither a dot-string nor a quoted string.
    #[error("a malformed local part")]
    Local,
    /// RFC 5321 §4.5.3.1.1.
    #[error("a local part of more than 64 octets")]
    LongLocal,
    /// RFC 5321 §4.5.3.1.3, without the angle brackets.
    #[error("more than 254 octets")]
    Long,
    /// There is no `@` after the local part.
    #[error("expected `@` at byte {at}")]
    At {
        /// Where it should be.
        at: usize,
    },
    /// The domain is malformed.
    #[error("the domain: {0}")]
    Domain(DomainError),
    /// What stands in brackets is no address literal.
    #[error("a malformed address literal")]
    Literal,
    /// A control character.
    #[error("a control character")]
    Control,
    /// A path without its angle brackets, or with something behind them.
    #[error("expected a path in angle brackets")]
    Brackets,
    /// What stands before the mailbox begins as a source route and is none.
    #[error("a malformed source route")]
    Route,
}

const LOCAL_OCTETS: usize = 64; // RFC 5321 §4.5.3.1.1
const MAILBOX_OCTETS: usize = 254; // RFC 5321 §4.5.3.1.3: a path of 256 with its brackets

impl Mailbox {
    /// Reads a mailbox; nothing may stand before or behind it.
    ///
    /// ```
    /// use gatepost_syntax::Mailbox;
    /// let mailbox = Mailbox::parse(r#""ann lee"@Example.org"#).unwrap();
    /// assert_eq!(mailbox.local(), "ann lee");
    /// assert_eq!(mailbox.to_string(), r#""ann lee"@example.org"#);
    /// assert!(Mailbox::parse("ann@bank.example@evil.example").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, MailboxError> {
        if let Some((mailbox, "")) = Self::split(text) {
            return Ok(mailbox);
        }
        if text.len() > 4 * MAILBOX_OCTETS {
            return Err(MailboxError::Long);
        }
        let (local, rest) = local_part(text)?;
        let Some(host) = rest.strip_prefix('@') else {
            return Err(MailboxError::At { at: text.len() - rest.len() });
        };
        Self::from_parts(local, parse_host(host)?)
    }

    /// Takes a mailbox off the front of a text, if it is an ordinary one: a dot-string of ASCII and a domain in lower case; and
    /// what is behind it. Each octet is looked at once: this stands in front of every transaction.
    pub(crate) fn split(text: &str) -> Option<(Self, &str)> {
        let (local, rest) = text.split_at_checked(cfws::ascii_dot_atom(text.as_bytes()))?;
        let host = rest.strip_prefix('@').filter(|_| (1..=LOCAL_OCTETS).contains(&local.len()))?;
        let (domain, rest) = Domain::split(host)?;
        let fits = local.len() + 1 + domain.as_str().len() <= MAILBOX_OCTETS; // nothing has to be quoted
        fits.then(|| (Mailbox { local: local.into(), host: Host::Domain(domain) }, rest))
    }

    /// A mailbox from the content of its local part and a domain.
    pub fn new(local: &str, domain: Domain) -> Result<Self, MailboxError> {
        if local.chars().any(char::is_control) {
            return Err(MailboxError::Control);
        }
        Self::from_parts(local.to_owned(), Host::Domain(domain))
    }

    /// The local part has no controls.
    fn from_parts(local: String, host: Host) -> Result<Self, MailboxError> {
        if local.len() > LOCAL_OCTETS {
            return Err(MailboxError::LongLocal);
        }
        let mailbox = Mailbox { local: local.into(), host };
        let host = match &mailbox.host {
            Host::Domain(domain) => domain.as_str().len(),
            Host::Address(_) => 47, // `[IPv6:…]` at its longest
            Host::Literal(literal) => literal.len(),
        };
        // quoting at most doubles the local part: what fits in any case need not be written out
        let fits = 2 * mailbox.local.len() + "\"\"@".len() + host <= MAILBOX_OCTETS;
        if fits || mailbox.to_string().len() <= MAILBOX_OCTETS { Ok(mailbox) } else { Err(MailboxError::Long) }
    }

    /// The content of the local part, unquoted. Its case matters.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// What stands behind the `@`.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The domain, unless the host is an address literal.
    pub fn domain(&self) -> Option<&Domain> {
        match &self.host {
            Host::Domain(domain) => Some(domain),
            _ => None,
        }
    }

    /// Whether the mailbox can be named without SMTPUTF8 (RFC 6531 §3.3); domains always can, as A-labels.
    pub fn is_ascii(&self) -> bool {
        self.local.is_ascii()
    }
}

/// `Local-part = Dot-string / Quoted-string`: its content and the rest.
fn local_part(text: &str) -> Result<(String, &str), MailboxError> {
    if text.starts_with('"') {
        // RFC 5321 §4.1.2: qtextSMTP and quoted-pairSMTP know no line ends
        let (content, rest) = cfws::quoted_string(text).map_err(|_| MailboxError::Local)?;
        let written = text.get(..text.len() - rest.len()).unwrap_or_default();
        return if written.chars().any(char::is_control) { Err(MailboxError::Control) } else { Ok((content, rest)) };
    }
    let (atom, rest) = cfws::dot_atom(text).map_err(|_| MailboxError::Local)?;
    Ok((atom.to_owned(), rest))
}

fn parse_host(text: &str) -> Result<Host, MailboxError> {
    let Some(inner) = text.strip_prefix('[') else {
        // RFC 5321 §4.1.2: the domain of a mailbox has no trailing dot
        let trailing = text.ends_with('.');
        let error = MailboxError::Domain(DomainError::EmptyLabel { at: text.len() });
        return if trailing { Err(error) } else { Domain::parse(text).map(Host::Domain).map_err(MailboxError::Domain) };
    };
    let inner = inner.strip_suffix(']').ok_or(MailboxError::Literal)?;
    if let Ok(address) = inner.parse::<Ipv4Addr>() {
        return Ok(Host::Address(address.into()));
    }
    let (tag, content) = inner.split_once(':').ok_or(MailboxError::Literal)?;
    if tag.eq_ignore_ascii_case("IPv6") {
        return content
            .parse::<Ipv6Addr>()
            .map(|address| Host::Address(address.into()))
            .map_err(|_| MailboxError::Literal);
    }
    // an IPv6 address without its tag would be a literal of a tag `2001`, which nobody standardized
    if inner.parse::<Ipv6Addr>().is_ok() {
        return Err(MailboxError::Literal);
    }
    // General-address-literal = Standardized-tag ":" 1*dcontent (RFC 5321 §4.1.3)
    let tag_ok = tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && tag.ends_with(|c: char| c.is_ascii_alphanumeric());
    let content_ok = !content.is_empty() && content.chars().all(|c| c.is_ascii_graphic() && !"[\\]".contains(c));
    if tag_ok && content_ok { Ok(Host::Literal(text.into())) } else { Err(MailboxError::Literal) }
}

impl FromStr for Mailbox {
    type Err = MailboxError;
    fn from_str(text: &str) -> Result<Self, MailboxError> {
        Mailbox::parse(text)
    }
}

/// `domain` or `[literal]`, as behind the `@` of a mailbox and behind EHLO (RFC 5321 §4.1.1.1).
impl FromStr for Host {
    type Err = MailboxError;

    fn from_str(text: &str) -> Result<Self, MailboxError> {
        parse_host(text)
    }
}

impl From<Domain> for Host {
    fn from(domain: Domain) -> Self {
        Host::Domain(domain)
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        Host::Address(address)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Domain(domain) => f.write_str(domain.as_str()),
            Host::Address(IpAddr::V4(address)) => write!(f, "[{address}]"),
            Host::Address(IpAddr::V6(address)) => write!(f, "[IPv6:{address}]"),
            Host::Literal(literal) => f.write_str(literal),
        }
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match cfws::dot_atom(&self.local) {
            Ok((_, "")) => write!(f, "{}@{}", self.local, self.host),
            _ => write!(f, "{}@{}", cfws::quote(&self.local), self.host),
        }
    }
}
