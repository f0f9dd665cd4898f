//! Signing (RFC 6376 §5) while the message streams: headers, then the body in chunks, then the field.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use gatepost_syntax::{Defect, Domain, Field, HeaderBlock, base64};
use smallvec::SmallVec;
use thiserror::Error;

use crate::body::{Hasher, Need};
use crate::canon::{Canonicalization, Canonicalizations};
use crate::crypto::Hash;
use crate::key::{SigningError, SigningKey};
use crate::limits::Limits;
use crate::select::{self, Stacks};
use crate::signature::Algorithm;
use crate::squeeze::{Text, in_pairs};

/// What to sign as.
#[derive(Clone, Debug)]
pub struct Spec {
    /// `d=`
    pub domain: Domain,
    /// `s=`
    pub selector: Domain,
    /// `h=`; none: [`OVERSIGNED`] and what else is there of [`ALSO_SIGNED`].
    pub headers: Option<Vec<String>>,
    /// `c=`, relaxed/relaxed by default.
    pub canonicalization: Canonicalizations,
    /// `t=`, none: left out.
    pub time: Option<SystemTime>,
    /// Seconds until `x=`, none: left out.
    pub valid_for: Option<u64>,
    /// Whether a message without exactly one From is signed all the same.
    pub allow_any_from: bool,
}

impl Spec {
    /// A spec with the defaults.
    pub fn new(domain: Domain, selector: Domain) -> Self {
        let relaxed = Canonicalizations { header: Canonicalization::Relaxed, body: Canonicalization::Relaxed };
        Spec {
            domain,
            selector,
            headers: None,
            canonicalization: relaxed,
            time: None,
            valid_for: None,
            allow_any_from: false,
        }
    }
}

/// Fields that are listed once more than they occur, so that none can be added (RFC 6376 §8.15).
pub const OVERSIGNED: [&str; 10] = [
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Reply-To",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];
/// Fields that are signed where they occur (RFC 6376 §5.4.1).
pub const ALSO_SIGNED: [&str; 11] = [
    "Sender",
    "In-Reply-To",
    "References",
    "Content-ID",
    "Content-Description",
    "List-Id",
    "List-Help",
    "List-Post",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Autocrypt",
];

/// Why a message can not be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignError {
    /// The header section is malformed.
    #[error("the header section: {0}")]
    Header(Defect),
    /// There is not exactly one From field (RFC 5322 §3.6).
    #[error("{0} From fields")]
    From(usize),
    /// `h=` would not list From (RFC 6376 §5.4).
    #[error("From is not among the fields to sign")]
    FromNotSigned,
    /// A name to sign is none of a field that `h=` can list: it would end the list, the tag or the field itself.
    #[error("name {0} of the fields to sign is no field name")]
    FieldName(usize),
    /// There are more fields to sign than verifiers look at.
    #[error("too many fields to sign")]
    ManyFields,
    /// The body has a CR or LF that is not part of a CRLF: it would be changed on the way (RFC 6376 §5.3).
    #[error("the body has a bare CR or LF")]
    BareLineEnd,
    /// The key could not sign.
    #[error(transparent)]
    Key(#[from] SigningError),
}

/// Which field a [`Signer`] makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// DKIM-Signature.
    #[default]
    Dkim,
    /// ARC-Message-Signature: an instance in place of version and identity (RFC 8617 §4.1.2).
    ArcMessage {
        /// `i=`
        instance: u8,
    },
}

type FieldNames = SmallVec<[Cow<'static, str>; 32]>;

/// Takes the body of a message to sign.
pub struct Signer {
    kind: Kind,
    spec: Spec,
    names: FieldNames,
    headers: Arc<HeaderBlock>,
    hasher: Hasher,
    previous: u8,
    bare: bool,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Signer {
    /// Checks the header section and chooses the fields to sign.
    pub fn new(spec: Spec, headers: impl Into<Arc<HeaderBlock>>) -> Result<Self, SignError> {
        Signer::of_kind(Kind::Dkim, spec, headers)
    }

    /// Like [`Signer::new`], for any kind of field.
    pub fn of_kind(kind: Kind, spec: Spec, headers: impl Into<Arc<HeaderBlock>>) -> Result<Self, SignError> {
        let headers = headers.into();
        if let Some(defect) = headers.defect() {
            return Err(SignError::Header(defect));
        }
        let authors = headers.named("From").count();
        if authors != 1 && !spec.allow_any_from {
            return Err(SignError::From(authors));
        }
        let names = match &spec.headers {
            Some(names) => names.iter().cloned().map(Cow::Owned).collect(),
            None => default_names(kind, &headers),
        };
        if !names.iter().any(|name| name.eq_ignore_ascii_case("From")) {
            return Err(SignError::FromNotSigned);
        }
        // RFC 6376 §3.5: hdr-name = field-name; a colon or semicolon could not be told from those around it
        let is_name = |octet: u8| octet.is_ascii_graphic() && !b":;".contains(&octet);
        if let Some(wrong) = names.iter().position(|name| name.is_empty() || !name.bytes().all(is_name)) {
            return Err(SignError::FieldName(wrong + 1));
        }
        let verifier = Limits::default(); // as ours is, others are
        let octets: usize = names.iter().map(|name| name.len() + 1).sum();
        if names.len() > verifier.signed_names || octets > verifier.field_bytes / 2 {
            return Err(SignError::ManyFields);
        }
        let need = Need { canonicalization: spec.canonicalization.body, hash: Hash::Sha256, length: None };
        Ok(Signer { kind, spec, names, headers, hasher: Hasher::new(need), previous: 0, bare: false })
    }

    /// Takes the next octets of the body.
    pub fn body(&mut self, chunk: &[u8]) {
        self.bare |= !in_pairs(self.previous, chunk);
        self.previous = chunk.last().copied().unwrap_or(self.previous);
        self.hasher.feed(chunk);
    }

    /// The body has ended. The draft can be signed by several keys, see [`Draft::under`].
    pub fn finish(mut self) -> Result<Draft, SignError> {
        if self.bare || self.previous == b'\r' {
            return Err(SignError::BareLineEnd);
        }
        let body_hash = base64::encode(self.hasher.finish().digest);
        Ok(Draft { kind: self.kind, spec: self.spec, names: self.names, headers: self.headers, body_hash })
    }
}

fn default_names(kind: Kind, headers: &HeaderBlock) -> FieldNames {
    let fields = Stacks::new(headers, None);
    let count = |name: &str| fields.count(name.as_bytes());
    let mut names = FieldNames::new();
    let mut list = |name: &'static str, times| names.extend(std::iter::repeat_n(Cow::Borrowed(name), times));
    if kind != Kind::Dkim {
        // RFC 8617 §4.1.2: the DKIM signatures that are there should be covered
        list("DKIM-Signature", count("DKIM-Signature"));
    }
    OVERSIGNED.into_iter().for_each(|name| list(name, count(name) + 1));
    ALSO_SIGNED.into_iter().for_each(|name| list(name, count(name)));
    names
}

/// Octets of a field besides its names, RSA of 2048 bits and all.
const FIELD: usize = 640;

/// All but the signature.
#[derive(Clone, Debug)]
pub struct Draft {
    kind: Kind,
    spec: Spec,
    names: FieldNames,
    headers: Arc<HeaderBlock>,
    body_hash: String,
}

impl Draft {
    /// The same draft under another selector, for a second key: the body was hashed once (RFC 8463 §3 advises to sign with
    /// both algorithms).
    pub fn under(&self, selector: Domain) -> Draft {
        let mut draft = self.clone();
        draft.spec.selector = selector;
        draft
    }

    /// Signs with a key: the whole header field with its CRLF.
    pub fn sign(&self, key: &dyn SigningKey) -> Result<String, SignError> {
        let mut field = self.field(key.algorithm());
        let signature = key.sign(self.octets(&field).as_slice())?;
        push_signature(&mut field, &signature);
        Ok(field)
    }

    /// The octets to sign, for a key that is elsewhere; RSA signs their SHA-256, Ed25519 signs that hash as its message
    /// (RFC 8463 §3).
    pub fn to_sign(&self, algorithm: Algorithm) -> Vec<u8> {
        self.octets(&self.field(algorithm)).as_slice().to_vec()
    }

    fn octets(&self, unsigned: &str) -> Text {
        let mut out = Text::default();
        let canonicalization = self.spec.canonicalization.header;
        let names = self.names.iter().map(|name| name.as_bytes());
        select::signed_fields(Stacks::new(&self.headers, None), names, canonicalization, &mut out);
        // the draft has no b= value: nothing is to be emptied
        select::unsigned_signature(Field::new(unsigned.as_bytes()), &(0..0), canonicalization, &mut out);
        out
    }

    /// The header field with a signature that was made elsewhere.
    pub fn sealed(&self, algorithm: Algorithm, signature: &[u8]) -> String {
        let mut field = self.field(algorithm);
        push_signature(&mut field, signature);
        field
    }

    /// The field up to and with `b=`, its last tag. Lines are folded at about 76 octets.
    fn field(&self, algorithm: Algorithm) -> String {
        let spec = &self.spec;
        let c = spec.canonicalization;
        let names: usize = self.names.iter().map(|name| name.len() + 4).sum();
        let mut out = String::with_capacity(FIELD + names);
        match self.kind {
            Kind::Dkim => out += "DKIM-Signature: v=1",
            Kind::ArcMessage { instance } => out += &format!("ARC-Message-Signature: i={instance}"),
        }
        let (header, body) = (c.header.word(), c.body.word());
        let (domain, selector) = (spec.domain.as_str(), spec.selector.as_str());
        let tags =
            ["; a=", algorithm.word(), "; c=", header, "/", body, ";\r\n\td=", domain, "; s=", selector, ";\r\n\t"];
        out.extend(tags);
        if let Some(time) = spec.time {
            let time = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            out += &format!("t={time}; ");
            if let Some(valid_for) = spec.valid_for {
                out += &format!("x={}; ", time.saturating_add(valid_for));
            }
        }
        let mut width = 20;
        out += "h=";
        for (index, name) in self.names.iter().enumerate() {
            if width + name.len() > 72 {
                out += "\r\n\t ";
                width = 2;
            }
            out += name;
            out += if index + 1 == self.names.len() { ";" } else { ":" };
            width += name.len() + 1;
        }
        out.extend(["\r\n\tbh=", &self.body_hash, ";\r\n\tb="]);
        out
    }
}

/// Ends a field that ends in `b=` with its value, in folded base64, and CRLF.
pub fn push_signature(field: &mut String, signature: &[u8]) {
    for (index, piece) in base64::encode(signature).as_bytes().chunks(72).enumerate() {
        if index > 0 {
            field.push_str("\r\n\t ");
        }
        field.push_str(&String::from_utf8_lossy(piece));
    }
    field.push_str("\r\n");
}
