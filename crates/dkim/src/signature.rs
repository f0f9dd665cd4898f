//! DKIM-Signature fields (RFC 6376 §3.5).

use std::ops::Range;
use std::sync::Arc;

use gatepost_syntax::{Domain, Field, HeaderBlock, TagList, TagListError, base64};
use smallvec::{SmallVec, smallvec};
use thiserror::Error;

use crate::canon::{Canonicalization, Canonicalizations};
use crate::crypto::Hash;
use crate::limits::Limits;
use crate::select::{self, Stacks};
use crate::squeeze::{Text, count_of, pieces};

/// Signature algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// Not acceptable any more (RFC 8301 §3.1).
    RsaSha1,
    /// RFC 6376 §3.3.2.
    RsaSha256,
    /// RFC 8463.
    Ed25519Sha256,
}

impl Algorithm {
    /// The word of the `a=` tag.
    pub fn word(self) -> &'static str {
        match self {
            Algorithm::RsaSha1 => "rsa-sha1",
            Algorithm::RsaSha256 => "rsa-sha256",
            Algorithm::Ed25519Sha256 => "ed25519-sha256",
        }
    }

    /// The algorithm of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::RsaSha1, Self::RsaSha256, Self::Ed25519Sha256].into_iter().find(|algorithm| algorithm.word() == word)
    }

    pub(crate) fn hash(self) -> Hash {
        if self == Algorithm::RsaSha1 { Hash::Sha1 } else { Hash::Sha256 }
    }

    pub(crate) fn hash_word(self) -> &'static str {
        if self == Algorithm::RsaSha1 { "sha1" } else { "sha256" }
    }

    /// The `k=` of its keys.
    pub(crate) fn key_word(self) -> &'static str {
        if self == Algorithm::Ed25519Sha256 { "ed25519" } else { "rsa" }
    }
}

/// What signatures of all kinds have: DKIM-Signature, and the two of ARC (RFC 8617 §4.1.2, §4.1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Core {
    /// `a=`
    pub algorithm: Algorithm,
    /// `d=`
    pub domain: Domain,
    /// `s=`
    pub selector: Domain,
    /// `t=`, Unix seconds.
    pub timestamp: Option<u64>,
    /// `b=`: room for RSA of 2048 bits with the white space of its text.
    pub(crate) signature: SmallVec<[u8; 288]>,
    /// Where the value of `b=` stands in the text of the tags.
    b_span: Range<usize>,
}

impl Core {
    /// Reads the tags that all kinds have.
    pub fn from_tags(tags: &TagList<'_>) -> Result<Self, SignatureError> {
        let need = |name: &'static str| tags.value(name).ok_or(SignatureError::Missing(name));
        let signer = domain(need("d")?, "d")?;
        if signer.label_count() < 2 {
            return Err(SignatureError::Malformed("d"));
        }
        Ok(Core {
            algorithm: Algorithm::from_word(need("a")?).ok_or(SignatureError::Malformed("a"))?,
            signature: octets(need("b")?, "b")?,
            domain: signer,
            selector: domain(need("s")?, "s")?,
            timestamp: number(tags.value("t"), "t")?,
            b_span: tags.get("b").map(|tag| tag.value_span.clone()).unwrap_or_default(),
        })
    }

    /// Appends the relaxed form of the field that the tags were read from, as it is signed: `b=` emptied, without the
    /// final CRLF (RFC 6376 §3.7).
    pub fn unsigned(&self, field: Field<'_>, out: &mut Vec<u8>) {
        select::unsigned_signature(field, &self.b_span, Canonicalization::Relaxed, out);
    }
}

/// A signature that follows the grammar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// `a=`
    pub algorithm: Algorithm,
    /// `c=`
    pub canonicalization: Canonicalizations,
    /// `d=`
    pub domain: Domain,
    /// `s=`
    pub selector: Domain,
    /// `i=` as written; none: `@d`.
    pub identity: Option<String>,
    /// `h=`
    pub headers: Names,
    /// `l=`
    pub length: Option<u64>,
    /// `t=`, Unix seconds.
    pub timestamp: Option<u64>,
    /// `x=`, Unix seconds.
    pub expiration: Option<u64>,
    /// Whether the domain of `i=` is that of `d=`.
    pub(crate) identity_is_domain: bool,
    /// Where the value of `b=` stands in the field's body.
    pub(crate) b_span: Range<usize>,
    pub(crate) signature: SmallVec<[u8; 288]>,
    pub(crate) body_hash: SmallVec<[u8; 40]>,
}

/// The names of an `h=` list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Names {
    text: Arc<str>,
    /// Whether one of them is empty.
    empty: bool,
}

impl Names {
    /// The names as written, from the first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.octets().map(|name| std::str::from_utf8(name).unwrap_or_default())
    }

    /// Whether a name is listed, in any case.
    pub fn contains(&self, name: &str) -> bool {
        self.octets().any(|listed| listed.eq_ignore_ascii_case(name.as_bytes()))
    }

    pub(crate) fn octets(&self) -> impl Iterator<Item = &[u8]> {
        names(&self.text)
    }

    /// RFC 6376 §3.5, §6.1.1.
    fn parse(value: &str, limit: usize) -> Result<Self, SignatureError> {
        let (mut from, mut empty, mut named) = (false, false, 0);
        for (index, name) in names(value).enumerate() {
            if index >= limit {
                return Err(SignatureError::ManyHeaders);
            }
            named += name.len() + 1;
            from |= name.len() == 4 && name.eq_ignore_ascii_case(b"from");
            empty |= name.is_empty();
        }
        // a value of a tag-list has no other octets than these: what is not beside a name is within one
        if !value.is_ascii() || value.len() + 1 != named + count_of(value.as_bytes(), *b" \t\r\n") {
            return Err(SignatureError::Malformed("h"));
        }
        if from { Ok(Names { text: value.into(), empty }) } else { Err(SignatureError::FromNotSigned) }
    }
}

fn names(list: &str) -> impl Iterator<Item = &[u8]> {
    pieces(list.as_bytes(), b':').map(without_fws)
}

fn without_fws(mut name: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] | [rest @ .., b' ' | b'\t' | b'\r' | b'\n'] = name {
        name = rest;
    }
    name
}

const FWS: [char; 4] = [' ', '\t', '\r', '\n'];

/// Why a field is no signature.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The field is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Longer than the limit.
    #[error("the field is too long")]
    Long,
    /// The tag-list is malformed.
    #[error("{0}")]
    TagList(TagListError),
    /// A tag that must be there is not.
    #[error("{0}= is missing")]
    Missing(&'static str),
    /// `v=` is not 1.
    #[error("v= is not 1")]
    Version,
    /// A value does not follow its grammar.
    #[error("{0}= is malformed")]
    Malformed(&'static str),
    /// `h=` does not cover From (RFC 6376 §6.1.1).
    #[error("h= does not list From")]
    FromNotSigned,
    /// `h=` has more names than the limit.
    #[error("h= lists too many fields")]
    ManyHeaders,
    /// The domain of `i=` is neither that of `d=` nor below it.
    #[error("i= is not within d=")]
    Identity,
    /// No query method of `q=` is known.
    #[error("q= names no known query method")]
    QueryMethod,
    /// `x=` is not after `t=` (RFC 6376 §3.5).
    #[error("x= is not after t=")]
    Expiration,
}

impl Signature {
    /// Reads the body of a DKIM-Signature field.
    pub fn parse(body: &str, limits: &Limits) -> Result<Self, SignatureError> {
        if body.len() > limits.field_bytes {
            return Err(SignatureError::Long);
        }
        let tags = TagList::parse_at_most(body, limits.tags).map_err(SignatureError::TagList)?;
        match tags.value("v") {
            None => return Err(SignatureError::Missing("v")),
            Some("1") => {}
            Some(_) => return Err(SignatureError::Version),
        }
        let mut signature = Self::from_tags(&tags, limits)?;
        if signature.headers.empty {
            return Err(SignatureError::Malformed("h"));
        }
        signature.identity = tags.value("i").map(str::to_owned);
        if let Some(identity) = &signature.identity {
            signature.identity_is_domain = identity_domain(identity, &signature.domain)? == signature.domain;
        }
        Ok(signature)
    }

    /// `b=`: the signature.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// `bh=`: the body hash.
    pub fn body_hash(&self) -> &[u8] {
        &self.body_hash
    }

    /// Reads the tags of a signature that has neither version nor identity: an ARC-Message-Signature, whose `i=` is another
    /// one and whose `v=` is ignored (RFC 8617 §4.1.2). An empty name in `h=` selects nothing.
    pub fn from_tags(tags: &TagList<'_>, limits: &Limits) -> Result<Self, SignatureError> {
        let core = Core::from_tags(tags)?;
        let need = |name: &'static str| tags.value(name).ok_or(SignatureError::Missing(name));
        let canonicalization = tags.value("c").map_or(Some(Canonicalizations::default()), Canonicalizations::parse);
        let methods = tags.value("q").unwrap_or("dns/txt");
        if !methods.split(':').any(|method| method.trim_matches(FWS) == "dns/txt") {
            return Err(SignatureError::QueryMethod);
        }
        let (timestamp, expiration) = (core.timestamp, number(tags.value("x"), "x")?);
        if timestamp.zip(expiration).is_some_and(|(t, x)| x <= t) {
            return Err(SignatureError::Expiration);
        }
        Ok(Signature {
            algorithm: core.algorithm,
            signature: core.signature,
            body_hash: octets(need("bh")?, "bh")?,
            canonicalization: canonicalization.ok_or(SignatureError::Malformed("c"))?,
            identity_is_domain: true,
            domain: core.domain,
            selector: core.selector,
            identity: None,
            headers: Names::parse(need("h")?, limits.signed_names)?,
            length: number(tags.value("l"), "l")?,
            timestamp,
            expiration,
            b_span: core.b_span,
        })
    }

    /// Appends the octets that are signed: the fields of `h=`, then the signature's own `field` with `b=` emptied.
    pub(crate) fn signed_octets(&self, headers: &HeaderBlock, field: Field<'_>, signed: &mut Text) {
        let stacks = Stacks::new(headers, Some(field));
        select::signed_fields(stacks, self.headers.octets(), self.canonicalization.header, signed);
        select::unsigned_signature(field, &self.b_span, self.canonicalization.header, signed);
    }
}

fn octets<const N: usize>(value: &str, name: &'static str) -> Result<SmallVec<[u8; N]>, SignatureError>
where
    [u8; N]: smallvec::Array<Item = u8>,
{
    let mut octets: SmallVec<[u8; N]> = smallvec![0; value.len() / 4 * 3 + 3];
    match base64::decode_fws_into(value, &mut octets) {
        Ok(length @ 1..) => octets.truncate(length),
        Ok(0) | Err(_) => return Err(SignatureError::Malformed(name)),
    }
    Ok(octets)
}

/// A domain without a trailing dot; what DNS would misread was never one (RFC 6376 §3.5).
fn domain(value: &str, name: &'static str) -> Result<Domain, SignatureError> {
    let domain = if value.ends_with('.') { None } else { Domain::parse(value).ok() };
    domain.ok_or(SignatureError::Malformed(name))
}

fn identity_domain(identity: &str, domain: &Domain) -> Result<Domain, SignatureError> {
    let (_, host) = identity.rsplit_once('@').ok_or(SignatureError::Malformed("i"))?;
    let host = Domain::parse(host).map_err(|_| SignatureError::Malformed("i"))?;
    if host.is_or_below(domain) { Ok(host) } else { Err(SignatureError::Identity) }
}

/// Digits; what is larger than any clock or message is taken as the largest number (RFC 6376 §3.5).
fn number(value: Option<&str>, name: &'static str) -> Result<Option<u64>, SignatureError> {
    let Some(value) = value else { return Ok(None) };
    let digits = (1..=76).contains(&value.len()) && value.bytes().all(|octet| octet.is_ascii_digit());
    if digits { Ok(Some(value.parse().unwrap_or(u64::MAX))) } else { Err(SignatureError::Malformed(name)) }
}
