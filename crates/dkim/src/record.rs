//! Key records (RFC 6376 §3.6.1).

use std::sync::Arc;

use gatepost_dns::Txt;
use gatepost_syntax::{TagList, TagListError, base64};
use thiserror::Error;

use crate::crypto;
use crate::der::{self, RsaKey};
use crate::signature::Algorithm;

/// A key record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    pub(crate) key: PublicKey,
    /// `h=`: hash algorithms that may be used; none: all.
    pub hashes: Option<Vec<String>>,
    /// `s=`: service types, `*` by default.
    pub services: Vec<String>,
    /// `t=y`: the domain is testing.
    pub testing: bool,
    /// `t=s`: the domain of `i=` must be that of `d=`.
    pub strict: bool,
    /// `n=`, for people.
    pub notes: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublicKey {
    Rsa(RsaKey),
    Ed25519(Vec<u8>),
    Revoked,
}

/// Why a record is not a key record.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Not UTF-8, or no tag-list.
    #[error("not a tag-list")]
    NotText,
    /// The tag-list is malformed.
    #[error("{0}")]
    TagList(TagListError),
    /// `v=` is not first or not `DKIM1`.
    #[error("v= is not `DKIM1` or not the first tag")]
    Version,
    /// No `p=`.
    #[error("p= is missing")]
    NoKey,
    /// `k=` names a type that is not known.
    #[error("unknown key type")]
    KeyType,
    /// `p=` is not base64, or no key of its type.
    #[error("p= holds no key of its type")]
    Key,
}

impl KeyRecord {
    /// Reads a record.
    pub fn parse(record: &str) -> Result<Self, RecordError> {
        let tags = TagList::parse(record).map_err(RecordError::TagList)?;
        if let Some(version) = tags.get("v") {
            let first = tags.iter().next().is_some_and(|tag| tag.name == "v");
            if version.value != "DKIM1" || !first {
                return Err(RecordError::Version);
            }
        }
        let list = |name: &str| -> Option<Vec<String>> {
            tags.value(name).map(|value| value.split(':').map(|item| item.trim().to_owned()).collect())
        };
        let flags = list("t").unwrap_or_default();
        Ok(KeyRecord {
            key: public_key(tags.value("k").unwrap_or("rsa"), tags.value("p").ok_or(RecordError::NoKey)?)?,
            hashes: list("h"),
            services: list("s").unwrap_or_else(|| vec!["*".to_owned()]),
            testing: flags.iter().any(|flag| flag == "y"),
            strict: flags.iter().any(|flag| flag == "s"),
            notes: tags.value("n").map(str::to_owned),
        })
    }

    /// The record in a TXT record, which keeps what was read: while an answer is cached, a key is parsed once.
    pub fn of(txt: &Txt) -> Result<Arc<Self>, RecordError> {
        txt.reading(|octets| {
            let text = std::str::from_utf8(octets).map_err(|_| RecordError::NotText)?;
            KeyRecord::parse(text).map(Arc::new)
        })
    }

    /// Whether `p=` is empty: the key was withdrawn.
    pub fn is_revoked(&self) -> bool {
        self.key == PublicKey::Revoked
    }

    /// `rsa` or `ed25519`; nothing for a revoked key.
    pub fn key_type(&self) -> Option<&'static str> {
        match &self.key {
            PublicKey::Rsa(_) => Some("rsa"),
            PublicKey::Ed25519(_) => Some("ed25519"),
            PublicKey::Revoked => None,
        }
    }

    /// The size of the key in bits; 0 for a revoked one.
    pub fn bits(&self) -> usize {
        match &self.key {
            PublicKey::Rsa(key) => key.bits,
            PublicKey::Ed25519(_) => 256,
            PublicKey::Revoked => 0,
        }
    }

    /// Whether the record is for e-mail (`s=`).
    pub fn serves_email(&self) -> bool {
        self.services.iter().any(|service| service == "*" || service.eq_ignore_ascii_case("email"))
    }

    /// Whether `signature` is that of `message` (the canonical header fields) by this key.
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match &self.key {
            _ if self.key_type() != Some(algorithm.key_word()) => false,
            PublicKey::Rsa(key) => crypto::verify_rsa(algorithm.hash(), &key.pkcs1, message, signature),
            PublicKey::Ed25519(key) => crypto::verify_ed25519(key, message, signature),
            PublicKey::Revoked => false,
        }
    }

    /// Whether `h=` lets an algorithm's hash be used.
    pub fn allows(&self, algorithm: Algorithm) -> bool {
        self.hashes.as_ref().is_none_or(|hashes| hashes.iter().any(|hash| hash == algorithm.hash_word()))
    }
}

fn public_key(kind: &str, p: &str) -> Result<PublicKey, RecordError> {
    if !["rsa", "ed25519"].contains(&kind) {
        return Err(RecordError::KeyType);
    }
    if p.is_empty() {
        return Ok(PublicKey::Revoked);
    }
    let key = base64::decode_fws(p).map_err(|_| RecordError::Key)?;
    if kind == "rsa" {
        return der::rsa_key(&key).map(PublicKey::Rsa).ok_or(RecordError::Key);
    }
    // RFC 8463 §4.2: the raw 32 octets
    if key.len() == 32 { Ok(PublicKey::Ed25519(key)) } else { Err(RecordError::Key) }
}
