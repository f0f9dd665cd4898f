//! From a signature to its verdict: the key is asked for, then tried (RFC 6376 §6.1.2, §6.1.3).

use std::time::{SystemTime, UNIX_EPOCH};

use gatepost_dns::{LookupError, Name, Resolver, Txt};
use gatepost_syntax::{Domain, Field, HeaderBlock};

use crate::hashes::BodyDigests;
use crate::outcome::{Fail, PermError, Policy, Verdict};
use crate::record::{KeyRecord, PublicKey, RecordError};
use crate::signature::{Algorithm, Core, Signature};
use crate::verify::Limits;

/// Verifies the signatures of one message; each key name is asked for once.
pub struct Keys<'a> {
    dns: &'a dyn Resolver,
    limits: &'a Limits,
    /// Unix seconds.
    now: u64,
    known: Vec<(Name, Result<Vec<Txt>, LookupError>)>,
}

/// What came of one signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The result.
    pub verdict: Verdict,
    /// Size of the key in bits, where there was one.
    pub key_bits: Option<usize>,
    /// Whether the key says that the domain is testing.
    pub testing: bool,
}

impl std::fmt::Debug for Keys<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

impl<'a> Keys<'a> {
    /// No key is known yet.
    pub fn new(dns: &'a dyn Resolver, limits: &'a Limits, now: SystemTime) -> Self {
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Keys { dns, limits, now, known: Vec::new() }
    }

    /// Verifies a signature over header fields and body: `field` of `headers` is where it was read.
    pub async fn verify(
        &mut self,
        signature: &Signature,
        field: Field<'_>,
        headers: &HeaderBlock,
        bodies: &BodyDigests,
    ) -> Tried {
        let expired = |at: &u64| at.saturating_add(self.limits.clock_skew) < self.now;
        if let Some(at) = signature.expiration.filter(expired).filter(|_| self.allows(signature.algorithm)) {
            return Tried { verdict: Verdict::Fail(Fail::Expired { at }), key_bits: None, testing: false };
        }
        let limits = self.limits;
        let check = |record: &KeyRecord| match record.strict && !signature.identity_is_domain {
            true => Verdict::PermError(PermError::KeyStrict),
            false => check_body_and_fields(signature, record, field, headers, bodies, limits),
        };
        self.try_each(&signature.domain, &signature.selector, signature.algorithm, check).await
    }

    /// Verifies a signature over octets that are known already: an ARC-Seal (RFC 8617 §5.1.1).
    pub async fn verify_octets(&mut self, core: &Core, signed: &[u8]) -> Tried {
        let check = |record: &KeyRecord| match record.verifies(core.algorithm, signed, &core.signature) {
            true => Verdict::Pass,
            false => Verdict::Fail(Fail::Signature),
        };
        self.try_each(&core.domain, &core.selector, core.algorithm, check).await
    }

    /// Tries the keys of a name until one passes.
    async fn try_each(
        &mut self,
        domain: &Domain,
        selector: &Domain,
        algorithm: Algorithm,
        check: impl Fn(&KeyRecord) -> Verdict,
    ) -> Tried {
        let mut tried = Tried { verdict: Verdict::PermError(PermError::NoKey), key_bits: None, testing: false };
        if !self.allows(algorithm) {
            tried.verdict = Verdict::Policy(Policy::Sha1);
            return tried;
        }
        let keys = match self.records(domain, selector).await {
            Ok(keys) => keys,
            Err(verdict) => return Tried { verdict, ..tried },
        };
        let mut records = Vec::new();
        for txt in &keys {
            match txt.as_str().map_or(Err(RecordError::NotText), KeyRecord::parse) {
                Ok(record) => records.push(record),
                Err(reason) => tried.verdict = Verdict::PermError(PermError::Record(reason)),
            }
        }
        for record in records.iter().take(self.limits.keys) {
            tried = Tried {
                verdict: unusable(algorithm, record, self.limits).unwrap_or_else(|| check(record)),
                key_bits: Some(record.bits()),
                testing: record.testing,
            };
            if tried.verdict == Verdict::Pass {
                break;
            }
        }
        tried
    }

    /// RFC 8301 §3.1.
    fn allows(&self, algorithm: Algorithm) -> bool {
        algorithm != Algorithm::RsaSha1 || self.limits.allow_sha1
    }

    async fn records(&mut self, domain: &Domain, selector: &Domain) -> Result<Vec<Txt>, Verdict> {
        let name = key_name(domain, selector).ok_or(Verdict::PermError(PermError::LongName))?;
        let kept = self.known.iter().find(|(kept, _)| *kept == name).map(|(_, keys)| keys.clone());
        let keys = match kept {
            Some(keys) => keys,
            None => {
                let keys = self.dns.txt(&name).await.map(|found| found.records);
                self.known.push((name, keys.clone()));
                keys
            }
        };
        keys.map_err(Verdict::TempError)
    }
}

/// Where a key is published (RFC 6376 §3.6.2.1); nothing if DNS can not carry the name.
pub fn key_name(domain: &Domain, selector: &Domain) -> Option<Name> {
    Name::parse(&format!("{selector}._domainkey.{domain}")).ok()
}

/// Why a key is not for signatures of this algorithm (RFC 6376 §6.1.2), or not acceptable.
fn unusable(algorithm: Algorithm, record: &KeyRecord, limits: &Limits) -> Option<Verdict> {
    let error = if record.is_revoked() {
        PermError::Revoked
    } else if record.key_type() != Some(algorithm.key_word()) {
        PermError::KeyType
    } else if !record.allows(algorithm) {
        PermError::KeyHash
    } else if !record.serves_email() {
        PermError::KeyService
    } else {
        let PublicKey::Rsa(key) = &record.key else { return None };
        return match key.bits {
            bits if bits < limits.rsa_min_bits => Some(Verdict::Policy(Policy::ShortKey { bits })),
            bits if bits > limits.rsa_max_bits => Some(Verdict::Policy(Policy::LongKey { bits })),
            _ => None,
        };
    };
    Some(Verdict::PermError(error))
}

/// RFC 6376 §6.1.3, with a key that fits.
fn check_body_and_fields(
    signature: &Signature,
    record: &KeyRecord,
    field: Field<'_>,
    headers: &HeaderBlock,
    bodies: &BodyDigests,
    limits: &Limits,
) -> Verdict {
    let Some(hash) = bodies.of(signature) else {
        return Verdict::Policy(Policy::TooMany { limit: bodies.limit });
    };
    let covered = signature.length.unwrap_or(hash.total);
    if covered > hash.total {
        return Verdict::PermError(PermError::LongLength { length: covered, total: hash.total });
    }
    if hash.digest != signature.body_hash {
        return Verdict::Fail(Fail::BodyHash);
    }
    if !record.verifies(signature.algorithm, &signature.signed_octets(headers, field), &signature.signature) {
        return Verdict::Fail(Fail::Signature);
    }
    if covered < hash.total && !limits.allow_partial_body {
        return Verdict::Policy(Policy::PartialBody { covered, total: hash.total });
    }
    Verdict::Pass
}
