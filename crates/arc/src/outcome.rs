//! What verification found: the status of the chain, and of each set in it.

use std::net::IpAddr;

use gatepost_dkim::{Algorithm, Tried, Verdict};
use gatepost_results::{Explain, Key, Outline, Phrase, ResInfo};
use gatepost_syntax::Domain;
use thiserror::Error;

use crate::field::{ChainStatus, FieldError, Kind};

/// The Chain Validation Status (RFC 8617 §4.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// The message has no chain.
    #[default]
    None,
    /// The chain is broken: the message is to be treated as one without a chain (RFC 8617 §5.2).
    Fail(Fail),
    /// The chain is whole.
    Pass,
}

/// Why a chain is broken. All of it is permanent, failures of DNS too (RFC 8617 §5.2.1).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fail {
    /// More sets than [`crate::Limits::sets`].
    #[error("more than {limit} ARC Sets")]
    TooMany {
        /// The limit.
        limit: u8,
    },
    /// The newest seal says that the chain was broken already.
    #[error("the seal of i={instance} says cv=fail")]
    Marked {
        /// The newest instance.
        instance: u8,
    },
    /// A field is malformed.
    #[error("{kind}: {error}")]
    Field {
        /// Which.
        kind: Kind,
        /// Its instance, if that could be read.
        instance: Option<u8>,
        /// What is wrong.
        error: FieldError,
    },
    /// A set lacks a field.
    #[error("i={instance} has no {kind}")]
    Missing {
        /// The set.
        instance: u8,
        /// What it lacks.
        kind: Kind,
    },
    /// A set has a field twice.
    #[error("i={instance} has more than one {kind}")]
    Repeated {
        /// The set.
        instance: u8,
        /// What it has twice.
        kind: Kind,
    },
    /// No field at all has an instance below the newest.
    #[error("there is no set i={instance}")]
    Gap {
        /// The set that is missing.
        instance: u8,
    },
    /// `cv=` is not what it must be: `none` in the first set, `pass` in all others.
    #[error("the seal of i={instance} says cv={}", .found.word())]
    ChainStatus {
        /// The set.
        instance: u8,
        /// What it says.
        found: ChainStatus,
    },
    /// The newest message signature does not verify.
    #[error("the message signature of i={instance}: {}", why(.verdict))]
    MessageSignature {
        /// The newest instance.
        instance: u8,
        /// What came of it.
        verdict: Verdict,
    },
    /// A seal does not verify.
    #[error("the seal of i={instance}: {}", why(.verdict))]
    Seal {
        /// The set.
        instance: u8,
        /// What came of it.
        verdict: Verdict,
    },
}

fn why(verdict: &Verdict) -> String {
    verdict.reason().unwrap_or_else(|| verdict.word().to_owned())
}

impl Fail {
    /// The section of RFC 8617 behind it.
    fn section(&self) -> &'static str {
        match self {
            Fail::Field { error: FieldError::Instance, .. } => "4.2.1",
            Fail::Field { kind, .. } => kind.section(),
            Fail::MessageSignature { verdict: Verdict::TempError(_), .. }
            | Fail::Seal { verdict: Verdict::TempError(_), .. } => "5.2.1",
            _ => "5.2",
        }
    }
}

/// One of the two signatures of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// `d=`
    pub domain: Domain,
    /// `s=`
    pub selector: Domain,
    /// `a=`
    pub algorithm: Algorithm,
    /// What came of it; nothing if the chain was decided without it.
    pub tried: Option<Tried>,
}

impl Signed {
    fn outline(&self, kind: Kind) -> Outline {
        let verdict = self.tried.as_ref().map(|tried| &tried.verdict);
        let word = verdict.map_or("-", Verdict::word);
        let root = Outline::new(format!("{kind} d={} s={} → {word}", self.domain, self.selector));
        let bits = self.tried.as_ref().and_then(|tried| tried.key_bits).map(|bits| bits.to_string());
        let key = match &bits {
            Some(bits) => Phrase::KeyBits.with([self.algorithm.word(), bits]),
            None => Phrase::Key.with([self.algorithm.word()]),
        };
        root.cite(8617, kind.section())
            .child(key.into())
            .children(verdict.and_then(Verdict::reason).map(Outline::reason))
    }
}

/// One set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetOutcome {
    /// `i=`
    pub instance: u8,
    /// `cv=` of its seal.
    pub status: ChainStatus,
    /// Its message signature.
    pub message_signature: Signed,
    /// Its seal.
    pub seal: Signed,
}

/// The outcome for a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The result.
    pub status: Status,
    /// The highest instance found; 0 without one.
    pub instances: u8,
    /// The lowest instance down to which all message signatures verify, 0 if all do; only for a chain that is whole, and
    /// only if [`crate::Limits::oldest_pass`] asks for it (RFC 8617 §5.2, step 5).
    pub oldest_pass: Option<u8>,
    /// The sets, oldest first; none if the structure of the chain is broken.
    pub sets: Vec<SetOutcome>,
}

impl Outcome {
    /// The result as it is written in header fields.
    pub fn word(&self) -> &'static str {
        match self.status {
            Status::None => "none",
            Status::Fail(_) => "fail",
            Status::Pass => "pass",
        }
    }

    /// Why the chain is broken.
    pub fn fail(&self) -> Option<&Fail> {
        match &self.status {
            Status::Fail(fail) => Some(fail),
            Status::None | Status::Pass => None,
        }
    }

    /// The domains of the seals of a whole chain, newest first. That they sealed says nothing of whether they are to be
    /// trusted (RFC 8617 §9.4).
    pub fn sealers(&self) -> Vec<&Domain> {
        match self.status {
            Status::Pass => self.sets.iter().rev().map(|set| &set.seal.domain).collect(),
            _ => Vec::new(),
        }
    }

    /// The entry for Authentication-Results; `client` is the server that sent us the message (RFC 8617 §6).
    pub fn res_info(&self, client: Option<IpAddr>) -> ResInfo {
        let mut info = ResInfo::new("arc", self.word());
        if let Status::Fail(fail) = &self.status {
            info = info.reason(fail.to_string());
        }
        if let Some(oldest) = self.oldest_pass {
            info = info.with(Key::HeaderOldestPass, oldest.to_string());
        }
        match client {
            Some(client) if self.status != Status::None => info.with(Key::SmtpRemoteIp, client.to_string()),
            _ => info,
        }
    }
}

impl Explain for Outcome {
    fn explain(&self) -> Outline {
        let root = Outline::new(format!("arc={}", self.word()));
        let root = match (&self.status, self.oldest_pass) {
            (Status::None, _) => root.child(Outline::from(Phrase::NoArcSet).cite(8617, "5.2")),
            (Status::Fail(fail), _) => root.child(Outline::reason(fail).cite(8617, fail.section())),
            (Status::Pass, None) => root,
            (Status::Pass, Some(0)) => root.child(Outline::from(Phrase::ArcUnchanged).cite(8617, "5.2")),
            (Status::Pass, Some(oldest)) => {
                let changed = Phrase::ArcChanged.with([&format!("i={oldest}")]);
                root.child(Outline::from(changed).cite(8617, "5.2"))
            }
        };
        root.children(self.sets.iter().rev().map(|set| {
            let parts = [set.message_signature.outline(Kind::MessageSignature), set.seal.outline(Kind::Seal)];
            Outline::new(format!("i={} cv={}", set.instance, set.status.word())).children(parts)
        }))
    }
}
