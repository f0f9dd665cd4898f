//! Questions and answers that say what DNS says.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::name::Name;
use crate::txt::Txt;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// The owner name.
    pub name: Name,
    /// The record type.
    pub kind: RecordType,
}

impl Question {
    /// A question.
    pub fn new(name: Name, kind: RecordType) -> Self {
        Question { name, kind }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// The record types that mail security asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum RecordType {
    A,
    Aaaa,
    Mx,
    Ptr,
    Txt,
    Tlsa,
    Cname,
}

impl RecordType {
    /// All types.
    pub const ALL: [RecordType; 7] = [Self::A, Self::Aaaa, Self::Mx, Self::Ptr, Self::Txt, Self::Tlsa, Self::Cname];

    /// The mnemonic, `AAAA`.
    pub fn mnemonic(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Mx => "MX",
            Self::Ptr => "PTR",
            Self::Txt => "TXT",
            Self::Tlsa => "TLSA",
            Self::Cname => "CNAME",
        }
    }

    /// The type of a mnemonic, in any case.
    pub fn from_mnemonic(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.mnemonic().eq_ignore_ascii_case(text))
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mnemonic())
    }
}

/// One resource record's data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Record {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Mx(Mx),
    Ptr(Name),
    Txt(Txt),
    Tlsa(Tlsa),
    Cname(Name),
}

impl Record {
    /// The type of the record.
    pub fn kind(&self) -> RecordType {
        match self {
            Record::A(_) => RecordType::A,
            Record::Aaaa(_) => RecordType::Aaaa,
            Record::Mx(_) => RecordType::Mx,
            Record::Ptr(_) => RecordType::Ptr,
            Record::Txt(_) => RecordType::Txt,
            Record::Tlsa(_) => RecordType::Tlsa,
            Record::Cname(_) => RecordType::Cname,
        }
    }
}

/// A mail exchanger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mx {
    /// Lower is tried first.
    pub preference: u16,
    /// The host; the root in a null MX (RFC 7505).
    pub exchange: Name,
}

/// A TLSA record (RFC 6698 §2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tlsa {
    /// Certificate usage, 0 to 3.
    pub usage: u8,
    /// Selector: 0 the certificate, 1 its public key.
    pub selector: u8,
    /// Matching type: 0 exact, 1 SHA-256, 2 SHA-512.
    pub matching: u8,
    /// The association data.
    pub data: Arc<[u8]>,
}

/// What a look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Records, or which kind of nothing.
    pub found: Found,
    /// Whether DNSSEC proves it.
    pub security: Security,
    /// How long it may be kept.
    pub ttl: Duration,
}

impl Answer {
    /// The records; empty when there is none.
    pub fn records(&self) -> &[Record] {
        match &self.found {
            Found::Records(records) => records,
            Found::NoData | Found::NxDomain => &[],
        }
    }

    /// The TXT records.
    pub fn texts(&self) -> impl Iterator<Item = &Txt> {
        self.records().iter().filter_map(|record| match record {
            Record::Txt(txt) => Some(txt),
            _ => None,
        })
    }

    /// The addresses, of both families.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.records().iter().filter_map(|record| match record {
            Record::A(address) => Some(IpAddr::V4(*address)),
            Record::Aaaa(address) => Some(IpAddr::V6(*address)),
            _ => None,
        })
    }

    /// The mail exchangers, in the order of the answer.
    pub fn mail_exchangers(&self) -> impl Iterator<Item = &Mx> {
        self.records().iter().filter_map(|record| match record {
            Record::Mx(mx) => Some(mx),
            _ => None,
        })
    }

    /// The names that PTR records give.
    pub fn pointers(&self) -> impl Iterator<Item = &Name> {
        self.records().iter().filter_map(|record| match record {
            Record::Ptr(name) => Some(name),
            _ => None,
        })
    }

    /// The TLSA records.
    pub fn tlsas(&self) -> impl Iterator<Item = &Tlsa> {
        self.records().iter().filter_map(|record| match record {
            Record::Tlsa(tlsa) => Some(tlsa),
            _ => None,
        })
    }
}

/// Records, or which kind of nothing (RFC 2308 §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// At least one record of the asked type. Shared, so that a cached answer is cloned for nothing.
    Records(Arc<[Record]>),
    /// The name exists, without records of this type.
    NoData,
    /// The name does not exist, nor does anything below it (RFC 8020).
    NxDomain,
}

/// Whether DNSSEC proves an answer. A proof that fails is [`LookupError::Bogus`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Validated.
    Secure,
    /// Not signed, or not validated here.
    Insecure,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LookupError {
    /// Nobody answered in time.
    #[error("timed out")]
    Timeout,
    /// SERVFAIL, or another response code that is a failure.
    #[error("server failure")]
    ServerFailure,
    /// REFUSED.
    #[error("refused")]
    Refused,
    /// DNSSEC validation failed.
    #[error("DNSSEC validation failed")]
    Bogus,
    /// The answer made no sense, or aliases led nowhere.
    #[error("malformed answer")]
    Malformed,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.found {
            Found::Records(records) => {
                write!(f, "{} record{}", records.len(), if records.len() == 1 { "" } else { "s" })
            }
            Found::NoData => f.write_str("no data"),
            Found::NxDomain => f.write_str("no such name"),
        }
    }
}
