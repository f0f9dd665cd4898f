//! What verification found, one result a signature.

use gatepost_dns::LookupError;
use gatepost_results::{Explain, Outline, Phrase, ResInfo};
use gatepost_syntax::Domain;
use thiserror::Error;

use crate::record::RecordError;
use crate::signature::{Algorithm, SignatureError};

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
    /// The first characters of `b=` (RFC 6008).
    pub b_prefix: Option<String>,
    /// The names of `h=`.
    pub signed_headers: Vec<String>,
    /// Size of the key in bits, where there was one.
    pub key_bits: Option<usize>,
    /// Whether the key says that the domain is testing.
    pub testing: bool,
}

impl SignatureOutcome {
    /// The entry for Authentication-Results.
    pub fn res_info(&self) -> ResInfo {
        let mut info = ResInfo::new("dkim", self.verdict.word());
        if let Some(reason) = self.verdict.reason() {
            info = info.reason(reason);
        }
        if let Some(domain) = &self.domain {
            info = info.property("header", "d", domain.as_str());
        }
        if let Some(selector) = &self.selector {
            info = info.property("header", "s", selector.as_str());
        }
        if let Some(algorithm) = self.algorithm {
            info = info.property("header", "a", algorithm.word());
        }
        match &self.b_prefix {
            Some(b) => info.property("header", "b", b),
            None => info,
        }
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
    pub fn res_infos(&self) -> Vec<ResInfo> {
        if self.signatures.is_empty() {
            return vec![ResInfo::new("dkim", "none")];
        }
        self.signatures.iter().map(SignatureOutcome::res_info).collect()
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
            let signs = Phrase::Signs.with([&self.signed_headers.join(":")]);
            outline = outline.child(Outline::from(signs).cite(6376, "5.4"));
        }
        let (rfc, section) = self.verdict.section();
        let reason = self.verdict.reason().map(Outline::reason);
        outline.child(reason.unwrap_or(Phrase::SignatureRight.into()).cite(rfc, section))
    }
}
