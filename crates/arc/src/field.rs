//! The three header fields of an ARC Set (RFC 8617 §4.1).

use gatepost_dkim::Limits;
use gatepost_dkim::signature::{Core, Signature, SignatureError};
use gatepost_syntax::{Field, TagList, TagListError, cfws};
use thiserror::Error;

/// The highest instance that there can be (RFC 8617 §4.2.1).
pub const MAX_INSTANCE: u8 = 50;

/// Which field of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// ARC-Authentication-Results (RFC 8617 §4.1.1).
    AuthenticationResults,
    /// ARC-Message-Signature (RFC 8617 §4.1.2).
    MessageSignature,
    /// ARC-Seal (RFC 8617 §4.1.3).
    Seal,
}

impl Kind {
    /// All kinds, in the order in which a seal covers them (RFC 8617 §5.1.1).
    pub const ALL: [Kind; 3] = [Kind::AuthenticationResults, Kind::MessageSignature, Kind::Seal];

    /// The name of the field.
    pub fn name(self) -> &'static str {
        match self {
            Kind::AuthenticationResults => "ARC-Authentication-Results",
            Kind::MessageSignature => "ARC-Message-Signature",
            Kind::Seal => "ARC-Seal",
        }
    }

    /// The kind of a header field, if it is one of ARC's.
    pub fn of(field: Field<'_>) -> Option<Self> {
        Kind::ALL.into_iter().find(|kind| field.is(kind.name()))
    }

    pub(crate) fn section(self) -> &'static str {
        match self {
            Kind::AuthenticationResults => "4.1.1",
            Kind::MessageSignature => "4.1.2",
            Kind::Seal => "4.1.3",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What a sealer found of the chain before it: the `cv=` tag (RFC 8617 §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChainStatus {
    /// There was no chain.
    None,
    /// The chain was broken.
    Fail,
    /// The chain was whole.
    Pass,
}

impl ChainStatus {
    /// The word of the tag.
    pub fn word(self) -> &'static str {
        match self {
            ChainStatus::None => "none",
            ChainStatus::Fail => "fail",
            ChainStatus::Pass => "pass",
        }
    }

    /// `chain-status = ("none" / "fail" / "pass")`; tag values are case-sensitive (RFC 6376 §3.2).
    fn from_word(word: &str) -> Option<Self> {
        [ChainStatus::None, ChainStatus::Fail, ChainStatus::Pass].into_iter().find(|status| status.word() == word)
    }
}

/// Why a field is not one of a set.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The field is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Longer than [`Limits::field_bytes`].
    #[error("the field is too long")]
    Long,
    /// `i=` is missing, malformed or not between 1 and [`MAX_INSTANCE`] (RFC 8617 §4.2.1).
    #[error("i= is not a number from 1 to {MAX_INSTANCE}")]
    Instance,
    /// The tag-list is malformed.
    #[error(transparent)]
    TagList(#[from] TagListError),
    /// A tag that DKIM defines is missing or malformed.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// `cv=` is missing or none of `none`, `fail`, `pass`.
    #[error("cv= is missing or malformed")]
    Status,
    /// A seal with `h=` or `bh=` (RFC 8617 §4.1.3).
    #[error("{0}= has no place in a seal")]
    Forbidden(&'static str),
    /// A message signature whose `h=` covers ARC-Seal (RFC 8617 §4.1.2).
    #[error("h= covers ARC-Seal")]
    SealCovered,
}

/// An ARC-Seal that follows the grammar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    pub(crate) core: Core,
    pub(crate) status: ChainStatus,
}

/// What a field holds.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    AuthenticationResults,
    MessageSignature(Box<Signature>),
    Seal(Box<Seal>),
}

/// A field as far as it could be read.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) kind: Kind,
    /// `i=`, readable even if other tags are not.
    pub(crate) instance: Option<u8>,
    /// Whether it is a seal that says `cv=fail`, whatever its other tags are.
    pub(crate) marked: bool,
    pub(crate) content: Result<Content, FieldError>,
}

impl Read {
    pub(crate) fn new(kind: Kind, field: Field<'_>, limits: &Limits) -> Self {
        let mut read = Read { kind, instance: None, marked: false, content: Err(FieldError::NotUtf8) };
        read.content = match field.text() {
            None => Err(FieldError::NotUtf8),
            // the results of many hops are longer than tags; the header section has its own limits
            Some(text) if kind == Kind::AuthenticationResults => read.authentication_results(text),
            Some(text) if text.len() > limits.field_bytes => Err(FieldError::Long),
            Some(text) => read.tags(text, limits),
        };
        read
    }

    /// `arc-info = instance [CFWS] ";" authres-payload`; what the payload says does not matter here (RFC 8617 §3.4).
    fn authentication_results(&mut self, text: &str) -> Result<Content, FieldError> {
        self.instance = instance(text).filter(|(_, rest)| rest.starts_with(';')).map(|(number, _)| number);
        self.instance.map(|_| Content::AuthenticationResults).ok_or(FieldError::Instance)
    }

    fn tags(&mut self, text: &str, limits: &Limits) -> Result<Content, FieldError> {
        let tags = TagList::parse_at_most(text, limits.tags)?;
        self.instance =
            tags.value("i").and_then(position).filter(|(_, rest)| rest.is_empty()).map(|(number, _)| number);
        let status = tags.value("cv").and_then(ChainStatus::from_word);
        self.marked = self.kind == Kind::Seal && status == Some(ChainStatus::Fail);
        if self.instance.is_none() {
            return Err(FieldError::Instance);
        }
        if self.kind == Kind::MessageSignature {
            let signature = Signature::from_tags(&tags, limits)?;
            if signature.headers.contains(Kind::Seal.name()) {
                return Err(FieldError::SealCovered);
            }
            return Ok(Content::MessageSignature(Box::new(signature)));
        }
        // RFC 8617 §4.1.3: "the DKIM "h" tag is NOT allowed and, if found, MUST result in a cv status of "fail"", and
        // "there is no "bh" tag"
        if let Some(name) = ["h", "bh"].into_iter().find(|name| tags.get(name).is_some()) {
            return Err(FieldError::Forbidden(name));
        }
        let seal = Seal { core: Core::from_tags(&tags)?, status: status.ok_or(FieldError::Status)? };
        Ok(Content::Seal(Box::new(seal)))
    }
}

/// `instance = [CFWS] %s"i" [CFWS] "=" [CFWS] position`, and what follows it and further white space.
pub(crate) fn instance(text: &str) -> Option<(u8, &str)> {
    let rest = cfws::skip(text).ok()?.strip_prefix('i')?;
    position(cfws::skip(rest).ok()?.strip_prefix('=')?)
}

/// `position = 1*2DIGIT ; 1 - 50`, without a leading zero, so that a number has one spelling.
fn position(text: &str) -> Option<(u8, &str)> {
    let text = cfws::skip(text).ok()?;
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    let number: u8 = digits.parse().ok()?;
    let ok = !digits.starts_with('0') && number <= MAX_INSTANCE;
    ok.then_some((number, cfws::skip(rest).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_have_one_spelling() {
        let read = |text: &str| {
            let field = format!("{}:{text}", Kind::AuthenticationResults);
            Read::new(Kind::AuthenticationResults, Field::new(field.as_bytes()), &Limits::default()).instance
        };
        let wrong = "|i|i=|i=1|;i=1|i=0;|i=01;|i=51;|i=100;|i=1x;|I=1;|j=1;|i=-1;|i=+1;|i=1 2;|i=(1;|i=(1;)";
        assert!(wrong.split('|').all(|text| read(text).is_none()));
        for (text, number) in [("i=1; x", 1), (" (c;) i (c(d)) = (e)\r\n 50 (f) ;", 50), ("i=9;", 9)] {
            assert_eq!(read(text), Some(number));
        }
    }
}
