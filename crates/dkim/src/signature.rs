//! DKIM-Signature fields (RFC 6376 §3.5).

use std::ops::Range;

use gatepost_syntax::{Domain, Field, HeaderBlock, TagList, TagListError, base64};
use thiserror::Error;

use crate::canon::{Canonicalization, Canonicalizations};
use crate::crypto::Hash;
use crate::select;

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
    /// `b=`: the signature.
    pub signature: Vec<u8>,
    /// `d=`
    pub domain: Domain,
    /// `s=`
    pub selector: Domain,
    /// `t=`, Unix seconds.
    pub timestamp: Option<u64>,
    /// Where the value of `b=` stands in the text of the tags.
    b_span: Range<usize>,
}

impl Core {
    /// Reads the tags that all kinds have.
    pub fn from_tags(tags: &TagList<'_>) -> Result<Self, SignatureError> {
        let need = |name: &'static str| tags.value(name).ok_or(SignatureError::Missing(name));
        let domain = domain(need("d")?, "d").filter(|d| d.label_count() > 1).ok_or(SignatureError::Malformed("d"))?;
        Ok(Core {
            algorithm: Algorithm::from_word(need("a")?).ok_or(SignatureError::Malformed("a"))?,
            signature: octets(need("b")?, "b")?,
            domain,
            selector: domain_of_selector(need("s")?)?,
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
    /// `b=`: the signature.
    pub signature: Vec<u8>,
    /// `bh=`: the body hash.
    pub body_hash: Vec<u8>,
    /// `c=`
    pub canonicalization: Canonicalizations,
    /// `d=`
    pub domain: Domain,
    /// `s=`
    pub selector: Domain,
    /// `i=` as written; none: `@d`.
    pub identity: Option<String>,
    /// `h=`: names as written.
    pub headers: Vec<String>,
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
    /// The first characters of `b=`, which tell signatures apart (RFC 6008).
    pub(crate) b_prefix: String,
}

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

/// How many names `h=` may list.
pub(crate) const MAX_HEADERS: usize = 1000;
/// How many octets a field of tags may have.
pub const MAX_FIELD: usize = 16 << 10;

impl Signature {
    /// Reads the body of a DKIM-Signature field.
    pub fn parse(body: &str) -> Result<Self, SignatureError> {
        if body.len() > MAX_FIELD {
            return Err(SignatureError::Long);
        }
        let tags = TagList::parse(body).map_err(SignatureError::TagList)?;
        match tags.value("v") {
            None => return Err(SignatureError::Missing("v")),
            Some("1") => {}
            Some(_) => return Err(SignatureError::Version),
        }
        let mut signature = Self::from_tags(&tags)?;
        if signature.headers.iter().any(String::is_empty) {
            return Err(SignatureError::Malformed("h"));
        }
        signature.identity = tags.value("i").map(str::to_owned);
        if let Some(identity) = &signature.identity {
            signature.identity_is_domain = identity_domain(identity, &signature.domain)? == signature.domain;
        }
        Ok(signature)
    }

    /// Reads the tags of a signature that has neither version nor identity: an ARC-Message-Signature, whose `i=` is another
    /// one and whose `v=` is ignored (RFC 8617 §4.1.2). An empty name in `h=` selects nothing.
    pub fn from_tags(tags: &TagList<'_>) -> Result<Self, SignatureError> {
        let core = Core::from_tags(tags)?;
        let need = |name: &'static str| tags.value(name).ok_or(SignatureError::Missing(name));
        let canonicalization = tags.value("c").map_or(Some(Canonicalizations::default()), Canonicalizations::parse);
        let methods = tags.value("q").unwrap_or("dns/txt");
        if !methods.split(':').any(|method| method.trim() == "dns/txt") {
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
            headers: header_names(need("h")?)?,
            length: number(tags.value("l"), "l")?,
            timestamp,
            expiration,
            b_span: core.b_span,
            b_prefix: need("b")?.chars().filter(|c| !c.is_whitespace()).take(8).collect(),
        })
    }

    /// The octets that are signed: the fields of `h=`, then the signature's own `field` with `b=` emptied.
    pub(crate) fn signed_octets(&self, headers: &HeaderBlock, field: Field<'_>) -> Vec<u8> {
        let mut signed = Vec::with_capacity(4096);
        let names = self.headers.iter().map(String::as_str);
        select::signed_fields(headers, names, self.canonicalization.header, &mut signed);
        select::unsigned_signature(field, &self.b_span, self.canonicalization.header, &mut signed);
        signed
    }
}

fn octets(value: &str, name: &'static str) -> Result<Vec<u8>, SignatureError> {
    match base64::decode_fws(value) {
        Ok(octets) if !octets.is_empty() => Ok(octets),
        _ => Err(SignatureError::Malformed(name)),
    }
}

/// A domain without a trailing dot; what DNS would misread was never one (RFC 6376 §3.5).
fn domain(value: &str, _name: &'static str) -> Option<Domain> {
    if value.ends_with('.') { None } else { Domain::parse(value).ok() }
}

fn domain_of_selector(value: &str) -> Result<Domain, SignatureError> {
    domain(value, "s").ok_or(SignatureError::Malformed("s"))
}

fn header_names(value: &str) -> Result<Vec<String>, SignatureError> {
    let names: Vec<String> = value.split(':').take(MAX_HEADERS + 1).map(|name| name.trim().to_owned()).collect();
    if names.len() > MAX_HEADERS {
        return Err(SignatureError::ManyHeaders);
    }
    if !names.iter().flat_map(|name| name.bytes()).all(|octet| octet.is_ascii_graphic()) {
        return Err(SignatureError::Malformed("h"));
    }
    if names.iter().any(|name| name.eq_ignore_ascii_case("from")) {
        Ok(names)
    } else {
        Err(SignatureError::FromNotSigned)
    }
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
