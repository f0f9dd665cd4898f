//! What verification found, one result a signature.

use gatepost_dns::LookupError;
use gatepost_results::{Excerpt, Explain, Key, Outline, Phrase, ResInfo};
use gatepost_syntax::{Domain, Field, HeaderBlock, base64};
use thiserror::Error;

use crate::diagnose::Diagnosis;
use crate::hashes::{BodyDigests, Coverage};
use crate::keys::Tried;
use crate::record::RecordError;
use crate::select::Stacks;
use crate::signature::{Algorithm, Names, Signature, SignatureError};

/// The results of RFC 8601 §2.7.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The signature is right.
    Pass,
    /// The signature or the body hash is wrong.
    Fail(Fail),
    /// The signature is right, but not acceptable here.
    Policy(Policy),
    /// The signature can not be processed.
    Neutral(Neutral),
    /// The key could not be had for now.
    TempError(LookupError),
    /// The signature can never be verified.
    PermError(PermError),
}

/// What is wrong with the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fail {
    /// The body is not the one that was signed (RFC 6376 §6.1.3).
    #[error("the body hash did not verify")]
    BodyHash,
    /// The header fields are not the ones that were signed, or the key is another one.
    #[error("the signature did not verify")]
    Signature,
    /// `x=` has passed (RFC 6376 §3.5).
    #[error("the signature expired at {at}")]
    Expired {
        /// Unix seconds.
        at: u64,
    },
}

/// Why a signature is not acceptable here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Policy {
    /// `l=` leaves a part of the body unsigned.
    #[error("the signature covers {covered} of {total} octets of the body")]
    PartialBody {
        /// Octets covered.
        covered: u64,
        /// Octets there are.
        total: u64,
    },
    /// RSA with fewer than 1024 bits (RFC 8301 §3.2).
    #[error("an RSA key of {bits} bits is too short")]
    ShortKey {
        /// Its size.
        bits: usize,
    },
    /// RSA with more bits than can be checked in bounded time.
    #[error("an RSA key of {bits} bits is too long")]
    LongKey {
        /// Its size.
        bits: usize,
    },
    /// SHA-1 (RFC 8301 §3.1).
    #[error("rsa-sha1 is not acceptable")]
    Sha1,
    /// Made longer ago than [`crate::Limits::max_age`], or at no time that it tells.
    #[error("the signature is not of the last {limit} seconds")]
    Old {
        /// The limit.
        limit: u64,
    },
    /// `t=` is in the future (RFC 6376 §3.5).
    #[error("the signature was made in the future")]
    Future,
    /// More signatures than [`crate::Limits::signatures`].
    #[error("not evaluated: more than {limit} signatures")]
    TooMany {
        /// The limit.
        limit: usize,
    },
}

/// Why a signature can not be processed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Neutral {
    /// A syntax error (RFC 8601 §2.7.1).
    #[error("{0}")]
    Signature(SignatureError),
}

/// Why a signature can never be verified.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PermError {
    /// There is no key (RFC 6376 §6.1.2).
    #[error("no key for the signature")]
    NoKey,
    /// The record is not a key record.
    #[error("the key record: {0}")]
    Record(RecordError),
    /// `p=` is empty (RFC 6376 §6.1.2).
    #[error("the key was revoked")]
    Revoked,
    /// `k=` and `a=` do not fit.
    #[error("the key is of another type")]
    KeyType,
    /// `h=` of the key does not allow the hash.
    #[error("the key does not allow this hash")]
    KeyHash,
    /// `s=` of the key does not allow e-mail.
    #[error("the key is not for e-mail")]
    KeyService,
    /// `t=s` of the key, and `i=` is below `d=` (RFC 6376 §3.6.1).
    #[error("the key does not allow subdomains in i=")]
    KeyStrict,
    /// `l=` is larger than the body (RFC 6376 §3.5).
    #[error("l={length} is larger than the body of {total} octets")]
    LongLength {
        /// What `l=` says.
        length: u64,
        /// Octets there are.
        total: u64,
    },
    /// Domain and selector make no name that DNS can carry.
    #[error("selector and domain are too long")]
    LongName,
}

impl Verdict {
    /// The result as it is written in header fields.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail(_) => "fail",
            Verdict::Policy(_) => "policy",
            Verdict::Neutral(_) => "neutral",
            Verdict::TempError(_) => "temperror",
            Verdict::PermError(_) => "permerror",
        }
    }

    /// Why, unless it passed.
    pub fn reason(&self) -> Option<String> {
        match self {
            Verdict::Pass => None,
            Verdict::Fail(reason) => Some(reason.to_string()),
            Verdict::Policy(reason) => Some(reason.to_string()),
            Verdict::Neutral(reason) => Some(reason.to_string()),
            Verdict::TempError(reason) => Some(reason.to_string()),
            Verdict::PermError(reason) => Some(reason.to_string()),
        }
    }

    /// Better ones first.
    fn rank(&self) -> u8 {
        match self {
            Verdict::Pass => 0,
            Verdict::Policy(_) => 1,
            Verdict::TempError(_) => 2,
            Verdict::Fail(_) => 3,
            Verdict::PermError(_) => 4,
            Verdict::Neutral(_) => 5,
        }
    }

    fn section(&self) -> (u16, &'static str) {
        match self {
            Verdict::Pass | Verdict::Fail(_) => (6376, "6.1.3"),
            Verdict::Policy(Policy::Sha1) => (8301, "3.1"),
            Verdict::Policy(Policy::ShortKey { .. } | Policy::LongKey { .. }) => (8301, "3.2"),
            Verdict::Policy(_) => (6376, "6.3"),
            Verdict::Neutral(_) => (6376, "6.1.1"),
            Verdict::TempError(_) | Verdict::PermError(_) => (6376, "6.1.2"),
        }
    }
}

/// One signature's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureOutcome {
    /// The result.
    pub verdict: Verdict,
    /// `d=`, where the field could be read.
    pub domain: Option<Domain>,
    /// `s=`
    pub selector: Option<Domain>,
    /// `i=` as written; a stranger's text.
    pub identity: Option<String>,
    /// `a=`
    pub algorithm: Option<Algorithm>,
    /// The names of `h=`.
    pub signed_headers: Option<Names>,
    /// How much of the body is covered.
    pub coverage: Option<Coverage>,
    /// `t=`, Unix seconds.
    pub timestamp: Option<u64>,
    /// `x=`, Unix seconds.
    pub expiration: Option<u64>,
    /// The first octets of the signature, which tell it from any other: one that is seen again and again is replayed
    /// (RFC 6376 §8.6).
    pub fingerprint: [u8; 12],
    /// Size of the key in bits, where there was one.
    pub key_bits: Option<usize>,
    /// Whether the key says that the domain is testing (RFC 6376 §3.6.1: a failing signature is then as none).
    pub testing: bool,
    /// What would have made it pass, where it failed and [`crate::Limits::diagnoses`] allows to look.
    pub diagnosis: Option<Diagnosis>,
    /// The place in the field or in the key record where its grammar is violated, where that is the reason.
    pub place: Option<Excerpt>,
}

impl SignatureOutcome {
    pub(crate) fn new(signature: Option<&Signature>, tried: Tried, bodies: &BodyDigests) -> Self {
        let mut fingerprint = [0; 12];
        let octets = signature.map(Signature::signature).unwrap_or_default();
        fingerprint.iter_mut().zip(octets).for_each(|(to, octet)| *to = *octet);
        SignatureOutcome {
            verdict: tried.verdict,
            domain: signature.map(|s| s.domain.clone()),
            selector: signature.map(|s| s.selector.clone()),
            identity: signature.and_then(|s| s.identity.clone()),
            algorithm: signature.map(|s| s.algorithm),
            signed_headers: signature.map(|s| s.headers.clone()),
            coverage: signature.and_then(|s| bodies.coverage(s)),
            timestamp: signature.and_then(|s| s.timestamp),
            expiration: signature.and_then(|s| s.expiration),
            fingerprint,
            key_bits: tried.key_bits,
            testing: tried.testing,
            diagnosis: None,
            place: tried.place,
        }
    }

    /// The first eight characters of `b=` (RFC 6008), where the field could be read.
    pub fn b_prefix(&self) -> Option<String> {
        self.front_of_b().map(base64::encode)
    }

    /// The octets that these characters stand for.
    fn front_of_b(&self) -> Option<&[u8; 6]> {
        self.algorithm.and_then(|_| self.fingerprint.first_chunk())
    }

    /// The fields of a header section that the signature does not cover: anybody may have added them.
    pub fn unsigned<'a>(&self, headers: &'a HeaderBlock) -> Vec<Field<'a>> {
        let mut stacks = Stacks::new(headers, None);
        for name in self.signed_headers.iter().flat_map(Names::octets) {
            let _ = stacks.pop(name);
        }
        stacks.rest()
    }

    /// The entry for Authentication-Results.
    pub fn res_info(&self) -> ResInfo {
        let mut info = ResInfo::new("dkim", self.verdict.word());
        if let Some(reason) = self.verdict.reason() {
            info = info.reason(reason);
        }
        if let Some(domain) = &self.domain {
            info.add_domain(Key::HeaderD, domain);
        }
        // without the tag it would say no more than header.d
        if let Some(identity) = &self.identity {
            info = info.property("header", "i", identity);
        }
        if let Some(selector) = &self.selector {
            info.add_domain(Key::HeaderS, selector);
        }
        if let Some(algorithm) = self.algorithm {
            info.add(Key::HeaderA, algorithm.word());
        }
        let mut room = [0; 8];
        if let Some(b) = self.front_of_b().and_then(|front| base64::encode_into(front, &mut room)) {
            info.add(Key::HeaderB, b);
        }
        info
    }
}

/// The outcome for a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// One a signature, from top to bottom.
    pub signatures: Vec<SignatureOutcome>,
}

impl Outcome {
    /// The best result; `none` without a signature.
    pub fn word(&self) -> &'static str {
        self.signatures
            .iter()
            .map(|one| &one.verdict)
            .min_by_key(|verdict| verdict.rank())
            .map_or("none", Verdict::word)
    }

    /// The domains whose signatures passed.
    pub fn passed(&self) -> Vec<Domain> {
        let passed = self.signatures.iter().filter(|one| one.verdict == Verdict::Pass);
        passed.filter_map(|one| one.domain.clone()).collect()
    }

    /// The domains of signatures that could not be decided for now.
    pub fn undecided(&self) -> Vec<Domain> {
        let undecided = self.signatures.iter().filter(|one| matches!(one.verdict, Verdict::TempError(_)));
        undecided.filter_map(|one| one.domain.clone()).collect()
    }

    /// The entries for Authentication-Results; `dkim=none` without a signature.
    pub fn res_infos(&self) -> impl Iterator<Item = ResInfo> {
        let none = self.signatures.is_empty().then(|| ResInfo::new("dkim", "none"));
        none.into_iter().chain(self.signatures.iter().map(SignatureOutcome::res_info))
    }
}

impl Explain for Outcome {
    fn explain(&self) -> Outline {
        let root = Outline::new(format!("dkim={}", self.word()));
        if self.signatures.is_empty() {
            return root.child(Outline::from(Phrase::NoSignature).cite(6376, "6.1"));
        }
        root.children(self.signatures.iter().map(SignatureOutcome::outline))
    }
}

impl SignatureOutcome {
    fn outline(&self) -> Outline {
        let name = |name: &Option<Domain>| name.as_ref().map_or("?".to_owned(), Domain::to_string);
        let line = format!("d={} s={} → {}", name(&self.domain), name(&self.selector), self.verdict.word());
        let mut outline = Outline::new(line);
        if let Some(algorithm) = self.algorithm {
            let key = match self.key_bits {
                Some(bits) => Phrase::KeyBits.with([algorithm.word(), &bits.to_string()]),
                None => Phrase::Key.with([algorithm.word()]),
            };
            outline = outline.child(Outline::from(key).cite(6376, "3.3"));
            let names: Vec<&str> = self.signed_headers.iter().flat_map(Names::iter).collect();
            let signs = Phrase::Signs.with([&names.join(":")]);
            outline = outline.child(Outline::from(signs).cite(6376, "5.4"));
        }
        if let Some(Coverage { covered, total }) = self.coverage.filter(|coverage| coverage.covered < coverage.total) {
            let covers = Phrase::CoversPart.with([&covered.to_string(), &total.to_string()]);
            outline = outline.child(Outline::from(covers).cite(6376, "8.2"));
        }
        if self.testing {
            outline = outline.child(Outline::from(Phrase::KeyTesting).cite(6376, "3.6.1"));
        }
        let (rfc, section) = self.verdict.section();
        let reason = self.verdict.reason().map(Outline::reason).unwrap_or(Phrase::SignatureRight.into());
        let diagnosis = self.diagnosis.iter().map(Outline::reason);
        outline.child(reason.cite(rfc, section).excerpt(self.place.clone()).children(diagnosis))
    }
}
