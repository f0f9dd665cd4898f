//! Advice on key records and signatures: what is allowed and still not what its author wants.

use std::ops::Range;

use gatepost_results::{Advice, Cite, Defect};
use gatepost_syntax::taglist::{self, TagList};
use thiserror::Error;

use crate::limits::Limits;
use crate::record::{KeyRecord, PublicKey, RecordError};
use crate::sign::OVERSIGNED;
use crate::signature::{Algorithm, Signature, SignatureError};

/// One piece of advice.
pub type Lint = gatepost_results::Lint<Rule>;

/// What there is to say.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rule {
    /// RFC 6376 §3.6.1: "RECOMMENDED".
    #[error("the record should begin with v=DKIM1")]
    NoVersion,
    /// RFC 8301 §3.2.
    #[error("a key of {0} bits: signers should use 2048 or more, verifiers refuse fewer than 1024")]
    ShortKey(usize),
    /// RFC 8301 §3.2.
    #[error("a key of {0} bits: verifiers need not take more than 4096")]
    LongKey(usize),
    /// RFC 6376 §3.6.1.
    #[error("p= is empty: the key is revoked, no signature by it passes")]
    Revoked,
    /// RFC 6376 §3.6.1.
    #[error("t=y: the domain is testing, a failing signature is as none")]
    Testing,
    /// RFC 8301 §3.1.
    #[error("h= does not list sha256: no signature by this key passes")]
    NoSha256,
    /// RFC 6376 §3.6.1.
    #[error("s= is neither * nor email: the key is not for mail")]
    NotForMail,
    /// RFC 4871 had it, RFC 6376 App. C dropped it.
    #[error("g= was dropped from DKIM and is ignored")]
    Granularity,
    /// Tags that nobody knows are ignored (RFC 6376 §3.2).
    #[error("a tag that is not known is ignored")]
    UnknownTag,
    /// RFC 8301 §3.1.
    #[error("rsa-sha1 is not accepted any more")]
    Sha1,
    /// RFC 6376 §8.2.
    #[error("l= lets anybody append to the body")]
    PartialBody,
    /// RFC 6376 §8.15.
    #[error("{0} is not listed once more than it occurs: another one can be added")]
    NotOversigned(&'static str),
    /// RFC 6376 §5.4.
    #[error("{0} changes on the way and should not be signed")]
    Volatile(String),
    /// RFC 6376 §3.3: the hash has 32 octets.
    #[error("bh= is no hash of this algorithm")]
    HashLength,
    /// RFC 6376 §3.5.
    #[error("simple canonicalization does not survive most relays")]
    Simple,
}

impl Advice for Rule {
    fn cite(&self) -> Cite {
        match self {
            Rule::ShortKey(_) | Rule::LongKey(_) => Cite::new(8301, "3.2"),
            Rule::NoSha256 | Rule::Sha1 => Cite::new(8301, "3.1"),
            Rule::NoVersion | Rule::Revoked | Rule::Testing | Rule::NotForMail => Cite::new(6376, "3.6.1"),
            Rule::Granularity => Cite::new(6376, "C"),
            Rule::UnknownTag => Cite::new(6376, "3.2"),
            Rule::PartialBody => Cite::new(6376, "8.2"),
            Rule::NotOversigned(_) => Cite::new(6376, "8.15"),
            Rule::Volatile(_) => Cite::new(6376, "5.4"),
            Rule::HashLength => Cite::new(6376, "3.7"),
            Rule::Simple => Cite::new(6376, "3.4"),
        }
    }
}

/// Collects advice on the tags of one list.
struct Notes<'a> {
    tags: TagList<'a>,
    found: Vec<Lint>,
}

impl Notes<'_> {
    /// Notes a rule at a tag, or at the front where there is none.
    fn push(&mut self, name: &str, rule: Rule) {
        let span = self.tags.get(name).map_or(0..0, |tag| tag.at..tag.value_span.end);
        self.found.push(Lint { rule, span });
    }

    fn unknown(&mut self, known: &[&str]) {
        let unknown = self.tags.iter().filter(|tag| !known.contains(&tag.name));
        let lints = unknown.map(|tag| Lint { rule: Rule::UnknownTag, span: tag.at..tag.value_span.end });
        self.found.extend(lints);
    }

    fn sorted(mut self) -> Vec<Lint> {
        self.found.sort_by_key(|lint| lint.span.start);
        self.found
    }
}

/// Advice on a key record.
///
/// ```
/// use gatepost_dkim::lint::{Rule, key};
/// let found = key("v=DKIM1; k=ed25519; t=y; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=").unwrap();
/// assert_eq!((&found[0].rule, found[0].span.clone()), (&Rule::Testing, 20..23));
/// ```
pub fn key(record: &str) -> Result<Vec<Lint>, RecordError> {
    let read = KeyRecord::parse(record)?;
    let mut notes = Notes { tags: TagList::parse(record).map_err(RecordError::TagList)?, found: Vec::new() };
    if notes.tags.get("v").is_none() {
        notes.push("v", Rule::NoVersion);
    }
    match &read.key {
        PublicKey::Revoked => notes.push("p", Rule::Revoked),
        PublicKey::Rsa(key) if key.bits < 2048 => notes.push("p", Rule::ShortKey(key.bits)),
        PublicKey::Rsa(key) if key.bits > 4096 => notes.push("p", Rule::LongKey(key.bits)),
        PublicKey::Rsa(_) | PublicKey::Ed25519(_) => {}
    }
    if read.testing {
        notes.push("t", Rule::Testing);
    }
    if !read.allows(Algorithm::RsaSha256) {
        notes.push("h", Rule::NoSha256);
    }
    if !read.serves_email() {
        notes.push("s", Rule::NotForMail);
    }
    if notes.tags.get("g").is_some() {
        notes.push("g", Rule::Granularity);
    }
    notes.unknown(&["v", "g", "h", "k", "n", "p", "s", "t"]);
    Ok(notes.sorted())
}

/// Advice on the body of a DKIM-Signature field.
pub fn signature(body: &str) -> Result<Vec<Lint>, SignatureError> {
    let read = Signature::parse(body, &Limits::default())?;
    let mut notes = Notes { tags: TagList::parse(body).map_err(SignatureError::TagList)?, found: Vec::new() };
    if read.algorithm == Algorithm::RsaSha1 {
        notes.push("a", Rule::Sha1);
    } else if read.body_hash().len() != 32 {
        notes.push("bh", Rule::HashLength);
    }
    if read.canonicalization.header == crate::Canonicalization::Simple {
        notes.push("c", Rule::Simple);
    }
    if read.length.is_some() {
        notes.push("l", Rule::PartialBody);
    }
    let listed = |name: &str| read.headers.iter().filter(|other| other.eq_ignore_ascii_case(name)).count();
    // one field of each is the rule (RFC 5322 §3.6), so that two names cover what is there and what is not
    let open: Vec<&str> = OVERSIGNED.into_iter().take(MATTERING).filter(|name| listed(name) < 2).collect();
    open.into_iter().for_each(|name| notes.push("h", Rule::NotOversigned(name)));
    let volatile = ["Return-Path", "Received", "Authentication-Results"].into_iter().filter(|name| listed(name) > 0);
    volatile.for_each(|name| notes.push("h", Rule::Volatile(name.to_owned())));
    notes.unknown(&["v", "a", "b", "bh", "c", "d", "h", "i", "l", "q", "s", "t", "x", "z"]);
    Ok(notes.sorted())
}

impl Defect for RecordError {
    fn cite(&self) -> Cite {
        Cite::new(6376, "3.6.1")
    }

    fn place(&self, record: &str) -> Option<Range<usize>> {
        let name = match self {
            RecordError::TagList(error) => return error.place(record),
            RecordError::Version => "v",
            RecordError::KeyType => "k",
            RecordError::Key => "p",
            RecordError::NotText | RecordError::NoKey => return None,
        };
        tag_place(record, name)
    }
}

/// Places are those in the field's body.
impl Defect for SignatureError {
    fn cite(&self) -> Cite {
        Cite::new(6376, "3.5")
    }

    fn place(&self, body: &str) -> Option<Range<usize>> {
        let name = match self {
            SignatureError::TagList(error) => return error.place(body),
            SignatureError::Malformed(name) => name,
            SignatureError::Version => "v",
            SignatureError::FromNotSigned | SignatureError::ManyHeaders => "h",
            SignatureError::Identity => "i",
            SignatureError::QueryMethod => "q",
            SignatureError::Expiration => "x",
            SignatureError::NotUtf8 | SignatureError::Long | SignatureError::Missing(_) => return None,
        };
        tag_place(body, name)
    }
}

fn tag_place(list: &str, name: &str) -> Option<Range<usize>> {
    let tag = taglist::split(list).flatten().find(|tag| tag.name == name)?;
    Some(tag.at..tag.value_span.end)
}

/// How many of the fields worth oversigning people look at in every message: From, To, Cc and Subject.
const MATTERING: usize = 4;
