//! Domains as mail protocols exchange them: A-labels, lower case, no trailing dot.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

/// A domain name: one or more labels of 1 to 63 letters, digits, hyphens or underscores, at most 253 octets in all,
/// in lower case, with U-labels turned into A-labels and without a trailing dot.
///
/// Underscores are accepted since real host names and DKIM selectors have them.
///
/// ```
/// use gatepost_syntax::Domain;
/// let domain = Domain::parse("MX.Bücher.example.").unwrap();
/// assert_eq!(domain.as_str(), "mx.xn--bcher-kva.example");
/// assert!(domain.is_or_below(&Domain::parse("example").unwrap()));
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(Arc<str>);

/// Why a text is not a domain.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DomainError {
    /// There is no label at all.
    #[error("the domain is empty")]
    Empty,
    /// Two dots in a row, or one at the front.
    #[error("an empty label at byte {at}")]
    EmptyLabel {
        /// Where the label should begin.
        at: usize,
    },
    /// RFC 1035 §2.3.4.
    #[error("a label of more than 63 octets at byte {at}")]
    LongLabel {
        /// Where the label begins.
        at: usize,
    },
    /// RFC 1035 §2.3.4, less the length octets.
    #[error("more than 253 octets")]
    Long,
    /// A character that no host name has.
    #[error("a character that is not allowed in a domain at byte {at}")]
    Character {
        /// Where it stands.
        at: usize,
    },
    /// RFC 1123 §2.1.
    #[error("a label begins or ends with a hyphen at byte {at}")]
    Hyphen {
        /// Where the label begins.
        at: usize,
    },
    /// The U-label has no A-label (RFC 5891).
    #[error("not a valid internationalized domain")]
    Idna,
}

const LABEL_OCTETS: usize = 63; // RFC 1035 §2.3.4
const DOMAIN_OCTETS: usize = 253; // RFC 1035 §2.3.4: 255 with length octets and root

impl Domain {
    /// Reads a domain; one trailing dot is ignored, U-labels become A-labels (RFC 5891 §4), letters lower case.
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if is_domain(text) {
            return Ok(Domain(text.into()));
        }
        if text.is_ascii() {
            let lower = text.to_ascii_lowercase();
            return check(&lower).map(|()| Domain(lower.into()));
        }
        // A bound before the Unicode tables see the text: no valid name needs more.
        if text.len() > 4 * DOMAIN_OCTETS {
            return Err(DomainError::Long);
        }
        let ascii = idna::uts46::Uts46::new()
            .to_ascii(
                text.as_bytes(),
                idna::AsciiDenyList::EMPTY,
                idna::uts46::Hyphens::Allow,
                idna::uts46::DnsLength::Ignore,
            )
            .map_err(|_| DomainError::Idna)?;
        check(&ascii).map(|()| Domain(ascii.as_ref().into()))
    }

    /// Takes a domain off the front of a text, if it stands there as it is held; and what is behind it.
    pub(crate) fn split(text: &str) -> Option<(Domain, &str)> {
        let (domain, rest) = text.split_at_checked(front(text.as_bytes()))?;
        (!domain.is_empty()).then(|| (Domain(domain.into()), rest))
    }

    /// The domain as text, `mail.example.org`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The labels from left to right.
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('.')
    }

    /// How many labels there are, at least one.
    pub fn label_count(&self) -> usize {
        self.borrowed().label_count()
    }

    /// The domain without its left-most label; `None` for a single label.
    pub fn parent(&self) -> Option<Domain> {
        self.0.split_once('.').map(|(_, rest)| Domain(rest.into()))
    }

    /// The domain without a copy, to go up the tree from.
    pub fn borrowed(&self) -> DomainRef<'_> {
        DomainRef(&self.0)
    }

    /// The domain of its `count` right-most labels; the domain itself where there are no more.
    ///
    /// ```
    /// # use gatepost_syntax::Domain;
    /// let domain = Domain::parse("a.b.example.org").unwrap();
    /// assert_eq!(domain.last(2).as_str(), "example.org");
    /// assert_eq!(domain.last(9), domain);
    /// ```
    #[must_use]
    pub fn last(&self, count: usize) -> Domain {
        match self.borrowed().last(count) {
            all if all.0.len() == self.0.len() => self.clone(),
            some => Domain(some.0.into()),
        }
    }

    /// Whether this is `other` or a subdomain of it, on a label boundary.
    pub fn is_or_below(&self, other: &Domain) -> bool {
        match self.0.strip_suffix(other.as_str()) {
            Some(front) => front.is_empty() || front.ends_with('.'),
            None => false,
        }
    }
}

/// A domain that is borrowed: a whole one, or the right-most labels of one.
///
/// ```
/// # use gatepost_syntax::Domain;
/// let domain = Domain::parse("a.example.org").unwrap();
/// let above: Vec<&str> = domain.borrowed().up().map(|domain| domain.as_str()).collect();
/// assert_eq!(above, ["a.example.org", "example.org", "org"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomainRef<'a>(&'a str);

impl<'a> DomainRef<'a> {
    /// The domain as text.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The domain without its left-most label; `None` for a single label.
    pub fn parent(self) -> Option<Self> {
        let dot = self.0.bytes().position(|octet| octet == b'.')?;
        self.0.get(dot + 1..).map(DomainRef)
    }

    /// How many labels there are, at least one.
    pub fn label_count(self) -> usize {
        self.0.bytes().filter(|octet| *octet == b'.').count() + 1
    }

    /// The domain itself and all above it.
    pub fn up(self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self), |domain| domain.parent())
    }

    /// Its `count` right-most labels; all of them where there are no more.
    #[must_use]
    pub fn last(self, count: usize) -> Self {
        let mut dots = self.0.bytes().enumerate().rev().filter(|(_, octet)| *octet == b'.').map(|(at, _)| at);
        let dot = count.checked_sub(1).and_then(|before| dots.nth(before));
        dot.and_then(|dot| self.0.get(dot + 1..)).map_or(self, DomainRef)
    }
}

impl<'a> From<&'a Domain> for DomainRef<'a> {
    fn from(domain: &'a Domain) -> Self {
        domain.borrowed()
    }
}

impl From<DomainRef<'_>> for Domain {
    fn from(domain: DomainRef<'_>) -> Self {
        Domain(domain.0.into())
    }
}

/// Whether a text is a domain as it stands, as nearly every one is: this stands in front of every look-up.
fn is_domain(text: &str) -> bool {
    !text.is_empty() && front(text.as_bytes()) == text.len()
}

/// How many octets at the front are a domain as it stands; none if something is odd about it.
fn front(octets: &[u8]) -> usize {
    let mut end = 0;
    loop {
        let label = octets.get(end..).unwrap_or_default();
        let length = label.iter().take_while(|octet| HOST.get(usize::from(**octet)) == Some(&true)).count();
        let edges = (label.first(), label.get(length.wrapping_sub(1)));
        if !(1..=LABEL_OCTETS).contains(&length) || matches!(edges, (Some(b'-'), _) | (_, Some(b'-'))) {
            return 0;
        }
        end += length;
        match octets.get(end) {
            Some(b'.') => end += 1,
            _ => return if end <= DOMAIN_OCTETS { end } else { 0 },
        }
    }
}

/// What labels are made of, in lower case.
#[allow(clippy::as_conversions, clippy::indexing_slicing)] // an octet, when it is compiled
const HOST: [bool; 256] = {
    let (mut table, mut octet) = ([false; 256], 0u8);
    while octet < 0x80 {
        table[octet as usize] = matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        octet += 1;
    }
    table
};

/// What is wrong with a text, if anything is.
fn check(text: &str) -> Result<(), DomainError> {
    if text.is_empty() {
        return Err(DomainError::Empty);
    }
    let mut at = 0;
    for label in text.as_bytes().split(|octet| *octet == b'.') {
        check_label(label, at)?;
        at += label.len() + 1;
    }
    if text.len() > DOMAIN_OCTETS { Err(DomainError::Long) } else { Ok(()) }
}

fn check_label(label: &[u8], at: usize) -> Result<(), DomainError> {
    let is_host = |octet: &u8| matches!(octet, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_');
    if let Some(other) = label.iter().position(|octet| !is_host(octet)) {
        return Err(DomainError::Character { at: at + other });
    }
    match label {
        [] => Err(DomainError::EmptyLabel { at }),
        _ if label.len() > LABEL_OCTETS => Err(DomainError::LongLabel { at }),
        [b'-', ..] | [.., b'-'] => Err(DomainError::Hyphen { at }),
        _ => Ok(()),
    }
}

/// Shares the text.
impl From<&Domain> for Arc<str> {
    fn from(domain: &Domain) -> Self {
        Arc::clone(&domain.0)
    }
}

/// Shares the text where it is a domain as it stands.
impl TryFrom<Arc<str>> for Domain {
    type Error = DomainError;
    fn try_from(text: Arc<str>) -> Result<Self, DomainError> {
        if is_domain(&text) { Ok(Domain(text)) } else { Domain::parse(&text) }
    }
}

impl FromStr for Domain {
    type Err = DomainError;
    fn from_str(text: &str) -> Result<Self, DomainError> {
        Domain::parse(text)
    }
}

impl AsRef<str> for Domain {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Domain {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Domain({})", self.0)
    }
}
