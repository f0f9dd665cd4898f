//! DKIM-Signature fields (RFC 6376 §3.5).

use std::ops::Range;

use gatepost_syntax::{Domain, TagList, TagListError, base64};
use thiserror::Error;

use crate::canon::Canonicalizations;
use crate::crypto::Hash;

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

    fn from_word(word: &str) -> Option<Self> {
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
/// How long a field may be.
pub(crate) const MAX_FIELD: usize = 16 << 10;

impl Signature {
    /// Reads the body of a DKIM-Signature field.
    pub fn parse(body: &str) -> Result<Self, SignatureError> {
        if body.len() > MAX_FIELD {
            return Err(SignatureError::Long);
        }
        let tags = TagList::parse(body).map_err(SignatureError::TagList)?;
        let need = |name: &'static str| tags.value(name).ok_or(SignatureError::Missing(name));
        if need("v")? != "1" {
            return Err(SignatureError::Version);
        }
        let algorithm = Algorithm::from_word(need("a")?).ok_or(SignatureError::Malformed("a"))?;
        let b = need("b")?;
        let signature = octets(b, "b")?;
        let body_hash = octets(need("bh")?, "bh")?;
        let domain = domain(need("d")?, "d").filter(|d| d.label_count() > 1).ok_or(SignatureError::Malformed("d"))?;
        let headers = header_names(need("h")?)?;
        let selector = domain_of_selector(need("s")?)?;
        let canonicalization = tags.value("c").map_or(Some(Canonicalizations::default()), Canonicalizations::parse);
        let identity = tags.value("i").map(str::to_owned);
        let identity_domain = identity.as_deref().map(|i| identity_domain(i, &domain)).transpose()?;
        let methods = tags.value("q").unwrap_or("dns/txt");
        if !methods.split(':').any(|method| method.trim() == "dns/txt") {
            return Err(SignatureError::QueryMethod);
        }
        let (timestamp, expiration) = (number(tags.value("t"), "t")?, number(tags.value("x"), "x")?);
        if timestamp.zip(expiration).is_some_and(|(t, x)| x <= t) {
            return Err(SignatureError::Expiration);
        }
        Ok(Signature {
            algorithm,
            signature,
            body_hash,
            canonicalization: canonicalization.ok_or(SignatureError::Malformed("c"))?,
            identity_is_domain: identity_domain.is_none_or(|i| i == domain),
            domain,
            selector,
            identity,
            headers,
            length: number(tags.value("l"), "l")?,
            timestamp,
            expiration,
            b_span: tags.get("b").map(|tag| tag.value_span.clone()).unwrap_or_default(),
            b_prefix: b.chars().filter(|c| !c.is_whitespace()).take(8).collect(),
        })
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
    if names.iter().any(|name| name.is_empty() || !name.bytes().all(|octet| octet.is_ascii_graphic())) {
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
