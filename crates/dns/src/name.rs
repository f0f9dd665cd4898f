//! Owner names of DNS: labels of any octets, unlike [`Domain`].

use std::borrow::Borrow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use gatepost_syntax::{Domain, DomainRef};
use thiserror::Error;

/// A DNS name: labels of 1 to 63 octets of any value but the dot, lower case in ASCII, 253 octets of text at most.
/// The root is the empty name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// Why a text is not a DNS name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// Two dots in a row, or one at the front.
    #[error("an empty label")]
    EmptyLabel,
    /// RFC 1035 §2.3.4.
    #[error("a label of more than 63 octets")]
    LongLabel,
    /// RFC 1035 §2.3.4.
    #[error("a name of more than 253 octets")]
    Long,
}

const LABEL_OCTETS: usize = 63; // RFC 1035 §2.3.4
const NAME_OCTETS: usize = 253; // RFC 1035 §2.3.4: 255 with length octets and root

/// Whether a text without a trailing dot is a name, and in lower case already. One pass: this stands in front of look-ups.
fn check(text: &str) -> Result<bool, NameError> {
    if text.len() > NAME_OCTETS {
        return Err(NameError::Long);
    }
    let (mut length, mut lower) = (0, true);
    for octet in text.bytes() {
        lower &= !octet.is_ascii_uppercase();
        if octet != b'.' {
            length += 1;
        } else if length == 0 {
            return Err(NameError::EmptyLabel);
        } else if length > LABEL_OCTETS {
            return Err(NameError::LongLabel);
        } else {
            length = 0;
        }
    }
    match length {
        0 if !text.is_empty() => Err(NameError::EmptyLabel),
        0..=LABEL_OCTETS => Ok(lower),
        _ => Err(NameError::LongLabel),
    }
}

/// Puts two texts and a dot between them together, without an allocation.
fn with_joined<T>(front: &str, back: &str, use_it: impl FnOnce(&str) -> T) -> Result<T, NameError> {
    let mut room = [0; NAME_OCTETS + 1];
    let mut free = room.as_mut_slice();
    for part in [front, ".", back] {
        let (place, rest) = free.split_at_mut_checked(part.len()).ok_or(NameError::Long)?;
        place.copy_from_slice(part.as_bytes());
        free = rest;
    }
    let free = free.len();
    // two texts and a dot between them are a text
    let text = room.get(..room.len() - free).and_then(|text| std::str::from_utf8(text).ok());
    text.map(use_it).ok_or(NameError::Long)
}

impl Name {
    /// Reads a name; one trailing dot is ignored, and `.` alone is the root.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let lower = check(text)?;
        Ok(Name(if lower { text.into() } else { text.to_ascii_lowercase().into() }))
    }

    /// The name of `labels` in front of those of `below`, as in `_dmarc` before `example.org`. Takes one allocation.
    pub fn joined(labels: &str, below: &str) -> Result<Self, NameError> {
        if below.is_empty() {
            return Name::parse(labels);
        }
        with_joined(labels, below, Name::parse)?
    }

    /// The name of one label in front of a domain. What a domain is made of was looked at when it was read: this is what a walk
    /// up the tree asks for.
    ///
    /// ```
    /// # use gatepost_dns::Name;
    /// # use gatepost_syntax::Domain;
    /// let domain = Domain::parse("mail.example.org").unwrap();
    /// assert_eq!(Name::above("_dmarc", &domain).unwrap().as_str(), "_dmarc.mail.example.org");
    /// ```
    pub fn above<'a>(label: &str, domain: impl Into<DomainRef<'a>>) -> Result<Self, NameError> {
        let below = domain.into().as_str();
        let plain = |octet| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        let fits = (1..=LABEL_OCTETS).contains(&label.len()) && label.len() + 1 + below.len() <= NAME_OCTETS;
        match fits && label.bytes().all(plain) {
            true => with_joined(label, below, |text| Name(text.into())),
            false => Name::joined(label, below),
        }
    }

    /// The name without its left-most label; `None` for a single label and the root.
    pub fn parent(&self) -> Option<Self> {
        self.0.split_once('.').map(|(_, rest)| Name(rest.into()))
    }

    /// This name with labels in front of it.
    pub fn prefixed(&self, labels: &str) -> Result<Self, NameError> {
        Name::joined(labels, self.as_str())
    }

    /// The name under `in-addr.arpa` or `ip6.arpa` (RFC 1035 §3.5, RFC 3596 §2.5).
    pub fn for_reverse(address: IpAddr) -> Self {
        let text = match address {
            IpAddr::V4(v4) => {
                let [a, b, c, d] = v4.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa")
            }
            IpAddr::V6(v6) => {
                let nibbles: String =
                    v6.octets().iter().rev().map(|octet| format!("{:x}.{:x}.", octet & 15, octet >> 4)).collect();
                nibbles + "ip6.arpa"
            }
        };
        Name(text.into())
    }

    /// The name as text without the trailing dot; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The labels from left to right.
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('.').filter(|label| !label.is_empty())
    }

    /// Whether this is `other` or a name below it, on a label boundary.
    pub fn is_or_below(&self, other: &Name) -> bool {
        let front = self.0.strip_suffix(other.as_str());
        front.is_some_and(|front| front.is_empty() || front.ends_with('.') || other.is_root())
    }

    /// Whether this is the root, which a null MX names (RFC 7505).
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The name as a mail domain, where it is one.
    pub fn to_domain(&self) -> Option<Domain> {
        Domain::try_from(Arc::clone(&self.0)).ok()
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&Domain> for Name {
    fn from(domain: &Domain) -> Self {
        Name(domain.into())
    }
}

impl From<Domain> for Name {
    fn from(domain: Domain) -> Self {
        Name::from(&domain)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() { f.write_str(".") } else { f.write_str(&gatepost_syntax::escape(self.as_str())) }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}
