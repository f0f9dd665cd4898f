//! SPF records (RFC 7208 §4.6, §5, §6), parsed whole before anything is evaluated.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::sync::Arc;

use gatepost_dns::{Answer, Txt};
use thiserror::Error;

pub use crate::macros::MacroString;
use crate::macros::Place;
use crate::networks::Networks;

/// A record without a syntax error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    text: Box<str>,
    /// Mechanisms with their qualifiers, in order.
    pub directives: Vec<Directive>,
    /// `redirect=`, and where it stands.
    pub redirect: Option<(MacroString, Range<usize>)>,
    /// `exp=`
    pub exp: Option<MacroString>,
    pub(crate) networks: Networks,
}

/// A mechanism with its qualifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// What a match means.
    pub qualifier: Qualifier,
    /// What is tested.
    pub mechanism: Mechanism,
    /// Where the term stands in the record, in bytes.
    pub span: Range<usize>,
}

/// What a match means (RFC 7208 §4.6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Qualifier {
    Pass,
    Fail,
    SoftFail,
    Neutral,
}

/// What is tested (RFC 7208 §5).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// Always.
    All,
    /// Another domain's record passes.
    Include(MacroString),
    /// An address of the domain.
    A(Option<MacroString>, Prefixes),
    /// An address of a mail exchanger of the domain.
    Mx(Option<MacroString>, Prefixes),
    /// A name of the client below the domain.
    Ptr(Option<MacroString>),
    /// A network.
    Ip(IpAddr, u8),
    /// The name has an A record.
    Exists(MacroString),
}

/// The prefix lengths of `a` and `mx` (RFC 7208 §5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefixes {
    /// For IPv4, 0 to 32.
    pub v4: u8,
    /// For IPv6, 0 to 128.
    pub v6: u8,
}

impl Mechanism {
    /// The domain-spec, where one is given.
    pub fn spec(&self) -> Option<&MacroString> {
        match self {
            Mechanism::Include(spec) | Mechanism::Exists(spec) => Some(spec),
            Mechanism::A(spec, _) | Mechanism::Mx(spec, _) | Mechanism::Ptr(spec) => spec.as_ref(),
            Mechanism::All | Mechanism::Ip(..) => None,
        }
    }

    /// How many leading bits of a client's address it looks at; none where it looks at names.
    pub fn prefix(&self, client: IpAddr) -> Option<u8> {
        match self {
            Mechanism::All => Some(0),
            Mechanism::Ip(_, length) => Some(*length),
            Mechanism::A(_, prefixes) | Mechanism::Mx(_, prefixes) => {
                Some(if client.is_ipv4() { prefixes.v4 } else { prefixes.v6 })
            }
            Mechanism::Include(_) | Mechanism::Ptr(_) | Mechanism::Exists(_) => None,
        }
    }

    /// Whether it causes DNS look-ups (RFC 7208 §4.6.4).
    pub fn asks_dns(&self) -> bool {
        !matches!(self, Mechanism::All | Mechanism::Ip(..))
    }
}

/// Why a record is not one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It does not begin with `v=spf1` and a space or the end.
    #[error("the record does not begin with `v=spf1`")]
    Version,
    /// A character that no record has.
    #[error("a character that is not allowed at byte {at}")]
    Character {
        /// Where.
        at: usize,
    },
    /// No such mechanism.
    #[error("unknown mechanism at byte {at}")]
    UnknownMechanism {
        /// Where.
        at: usize,
    },
    /// A mechanism with an argument that it does not take, or without one that it needs.
    #[error("malformed term at byte {at}")]
    Term {
        /// Where.
        at: usize,
    },
    /// The address of `ip4` or `ip6`.
    #[error("malformed address at byte {at}")]
    Address {
        /// Where.
        at: usize,
    },
    /// A prefix length out of range or with a leading zero.
    #[error("malformed prefix length at byte {at}")]
    Prefix {
        /// Where.
        at: usize,
    },
    /// An octet beyond ASCII (RFC 7208 §3.1).
    #[error("not ASCII at byte {at}")]
    NotAscii {
        /// Where.
        at: usize,
    },
    /// A `%` that begins no macro.
    #[error("malformed macro at byte {at}")]
    Macro {
        /// Where.
        at: usize,
    },
    /// A domain-spec that ends in no top label.
    #[error("malformed domain at byte {at}")]
    DomainSpec {
        /// Where.
        at: usize,
    },
    /// A modifier that may stand once only (RFC 7208 §6).
    #[error("`{modifier}` appears twice, at byte {at}")]
    Repeated {
        /// `redirect` or `exp`.
        modifier: &'static str,
        /// Where the second one stands.
        at: usize,
    },
}

impl RecordError {
    /// The octet of the record that is wrong, where there is one.
    pub fn at(&self) -> Option<usize> {
        match self {
            RecordError::Version => None,
            RecordError::Character { at }
            | RecordError::UnknownMechanism { at }
            | RecordError::Term { at }
            | RecordError::Address { at }
            | RecordError::Prefix { at }
            | RecordError::NotAscii { at }
            | RecordError::Macro { at }
            | RecordError::DomainSpec { at }
            | RecordError::Repeated { at, .. } => Some(*at),
        }
    }
}

/// Whether a TXT record is an SPF record: it begins with `v=spf1` and a space or the end (RFC 7208 §4.5).
#[inline]
pub fn is_spf(record: &[u8]) -> bool {
    matches!(record, [b'v' | b'V', b'=', b's' | b'S', b'p' | b'P', b'f' | b'F', b'1', rest @ ..]
        if rest.is_empty() || rest.starts_with(b" "))
}

/// The text of the SPF record in an answer, if there is one; an error, their count, if there are several
/// (RFC 7208 §4.5).
#[inline]
pub(crate) fn spf_text(answer: &Answer) -> Result<Option<&Txt>, usize> {
    let (mut found, mut count) = (None, 0);
    for text in answer.texts().filter(|text| is_spf(text.as_bytes())) {
        found = Some(text);
        count += 1;
    }
    if count > 1 { Err(count) } else { Ok(found) }
}

/// The record of a text: parsed once for as long as a cache holds the text.
pub(crate) fn read(text: &Txt) -> Result<Arc<Record>, RecordError> {
    text.reading(|octets| Record::from_octets(octets).map(Arc::new))
}

impl Record {
    /// Reads a whole record; an error anywhere makes it no record (RFC 7208 §4.6).
    pub fn parse(text: &str) -> Result<Self, RecordError> {
        if !is_spf(text.as_bytes()) {
            return Err(RecordError::Version);
        }
        let (directives, networks) = (Vec::new(), Networks::default());
        let mut record = Record { text: text.into(), directives, redirect: None, exp: None, networks };
        let mut at = "v=spf1".len();
        for term in text.get(at..).unwrap_or_default().split(' ') {
            if !term.is_empty() {
                record.add(term, at)?;
            }
            at += term.len() + 1;
        }
        Ok(record)
    }

    /// Reads the octets of a TXT record.
    pub fn from_octets(octets: &[u8]) -> Result<Self, RecordError> {
        match octets.iter().position(|octet| !octet.is_ascii()) {
            Some(at) => Err(RecordError::NotAscii { at }),
            None => Record::parse(std::str::from_utf8(octets).unwrap_or_default()),
        }
    }

    /// The record as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The term that stands at a place of the record.
    pub fn term(&self, span: &Range<usize>) -> &str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    fn add(&mut self, term: &str, at: usize) -> Result<(), RecordError> {
        let name_end = term.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(term.len());
        let is_modifier = term.get(name_end..).is_some_and(|rest| rest.starts_with('='))
            && term.starts_with(|c: char| c.is_ascii_alphabetic());
        if is_modifier {
            return self.add_modifier(term, name_end, at);
        }
        let (qualifier, mechanism) = match term.split_at_checked(1) {
            Some(("+", rest)) => (Qualifier::Pass, rest),
            Some(("-", rest)) => (Qualifier::Fail, rest),
            Some(("~", rest)) => (Qualifier::SoftFail, rest),
            Some(("?", rest)) => (Qualifier::Neutral, rest),
            _ => (Qualifier::Pass, term),
        };
        let mechanism = parse_mechanism(mechanism, at + term.len() - mechanism.len())?;
        self.networks.add(&mechanism);
        self.directives.push(Directive { qualifier, mechanism, span: at..at + term.len() });
        Ok(())
    }

    fn add_modifier(&mut self, term: &str, name_end: usize, at: usize) -> Result<(), RecordError> {
        let (name, value) = (term.get(..name_end).unwrap_or_default(), term.get(name_end + 1..).unwrap_or_default());
        let value_at = at + name_end + 1;
        match name.to_ascii_lowercase().as_str() {
            "redirect" if self.redirect.is_some() => Err(RecordError::Repeated { modifier: "redirect", at }),
            "redirect" => {
                self.redirect = Some((MacroString::parse_domain_spec(value, value_at)?, at..at + term.len()));
                Ok(())
            }
            "exp" if self.exp.is_some() => Err(RecordError::Repeated { modifier: "exp", at }),
            "exp" => {
                self.exp = Some(MacroString::parse_domain_spec(value, value_at)?);
                Ok(())
            }
            // RFC 7208 §6: unknown modifiers are ignored, but their syntax counts
            _ => MacroString::parse(value, value_at, Place::Record).map(drop),
        }
    }

    /// The `redirect` that counts: none where there is an `all` anywhere in the record (RFC 7208 §6.1).
    pub fn effective_redirect(&self) -> Option<&(MacroString, Range<usize>)> {
        self.redirect.as_ref().filter(|_| !self.has_all())
    }

    /// Whether `all` is anywhere in the record: then `redirect` is ignored (RFC 7208 §6.1).
    pub fn has_all(&self) -> bool {
        self.directives.iter().any(|directive| directive.mechanism == Mechanism::All)
    }
}

fn parse_mechanism(text: &str, at: usize) -> Result<Mechanism, RecordError> {
    let name_end = text.find([':', '/']).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(name_end).unwrap_or((text, ""));
    let argument_at = at + name_end + 1;
    let argument = rest.strip_prefix(':');
    let needed = || argument.filter(|a| !a.is_empty()).ok_or(RecordError::Term { at });
    match name.to_ascii_lowercase().as_str() {
        "all" if rest.is_empty() => Ok(Mechanism::All),
        "include" => Ok(Mechanism::Include(MacroString::parse_domain_spec(needed()?, argument_at)?)),
        "exists" => Ok(Mechanism::Exists(MacroString::parse_domain_spec(needed()?, argument_at)?)),
        "ptr" if rest.is_empty() => Ok(Mechanism::Ptr(None)),
        "ptr" => Ok(Mechanism::Ptr(Some(MacroString::parse_domain_spec(needed()?, argument_at)?))),
        "ip4" => parse_network::<Ipv4Addr>(needed()?, argument_at, 32),
        "ip6" => parse_network::<Ipv6Addr>(needed()?, argument_at, 128),
        "a" => host_and_prefixes(rest, at + name_end).map(|(host, prefixes)| Mechanism::A(host, prefixes)),
        "mx" => host_and_prefixes(rest, at + name_end).map(|(host, prefixes)| Mechanism::Mx(host, prefixes)),
        "all" => Err(RecordError::Term { at }),
        _ => Err(RecordError::UnknownMechanism { at }),
    }
}

fn parse_network<A: std::str::FromStr + Into<IpAddr>>(
    text: &str,
    at: usize,
    bits: u8,
) -> Result<Mechanism, RecordError> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, prefix(length, at + address.len() + 1, bits)?),
        None => (text, bits),
    };
    let address = address.parse::<A>().map_err(|_| RecordError::Address { at })?;
    Ok(Mechanism::Ip(address.into(), length))
}

/// `[ ":" domain-spec ] [ dual-cidr-length ]`. A slash may also stand in the domain-spec, so lengths are taken from the end.
fn host_and_prefixes(rest: &str, at: usize) -> Result<(Option<MacroString>, Prefixes), RecordError> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    let mut prefixes = Prefixes { v4: 32, v6: 128 };
    let mut host = rest;
    if let Some((front, length)) = host.rsplit_once("//").filter(|(_, length)| is_number(length)) {
        prefixes.v6 = prefix(length, at + front.len() + 2, 128)?;
        host = front;
    }
    if let Some((front, length)) = host.rsplit_once('/').filter(|(_, length)| is_number(length)) {
        prefixes.v4 = prefix(length, at + front.len() + 1, 32)?;
        host = front;
    }
    match host.strip_prefix(':') {
        Some(spec) => Ok((Some(MacroString::parse_domain_spec(spec, at + 1)?), prefixes)),
        None if host.is_empty() => Ok((None, prefixes)),
        None => Err(RecordError::Prefix { at }),
    }
}

/// `"0" / %x31-39 0*2DIGIT` up to `bits` (RFC 7208 §5.6).
fn prefix(text: &str, at: usize, bits: u8) -> Result<u8, RecordError> {
    let digits = !text.is_empty() && text.len() <= 3 && text.bytes().all(|octet| octet.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    let length = text.parse::<u8>().ok().filter(|length| *length <= bits);
    length.filter(|_| digits && !leading_zero).ok_or(RecordError::Prefix { at })
}
