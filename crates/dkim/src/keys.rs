//! From a signature to its verdict: the key is asked for, then tried (RFC 6376 §6.1.2, §6.1.3).

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{SystemTime, UNIX_EPOCH};

use gatepost_dns::{Answer, Lookup, LookupError, Name, Question, RecordType, Resolver};
use gatepost_results::{Defect, Excerpt};
use gatepost_syntax::{Domain, Field, HeaderBlock};
use smallvec::SmallVec;

use crate::diagnose::{Diagnosis, Failed};
use crate::hashes::BodyDigests;
use crate::limits::Limits;
use crate::outcome::{Fail, PermError, Policy, Verdict};
use crate::record::{KeyRecord, PublicKey};
use crate::signature::{Algorithm, Core, Signature};
use crate::squeeze::Text;

/// Verifies the signatures of one message; each key name is asked for once.
pub struct Keys<'a> {
    dns: &'a dyn Resolver,
    limits: &'a Limits,
    /// Unix seconds.
    now: u64,
    known: SmallVec<[Known; 1]>,
}

struct Known {
    domain: Domain,
    selector: Domain,
    answer: Result<Answer, LookupError>,
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
    /// The place in the key record or the field where its grammar is violated, where that is the reason.
    pub place: Option<Excerpt>,
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
        Keys { dns, limits, now, known: SmallVec::new() }
    }

    /// Asks for the keys of these domains and selectors, all at the same time.
    pub async fn ask<'k>(&mut self, keys: impl Iterator<Item = (&'k Domain, &'k Domain)>) {
        let mut asked: SmallVec<[(&Domain, &Domain, Question); 1]> = SmallVec::new();
        for (domain, selector) in keys {
            let again = asked.iter().any(|other| (other.0, other.1) == (domain, selector));
            if let Some(name) = key_name(domain, selector).filter(|_| !again) {
                asked.push((domain, selector, Question::new(name, RecordType::Txt)));
            }
        }
        let (dns, known) = (self.dns, &mut self.known);
        let mut open: SmallVec<[(&Domain, &Domain, Lookup<'_>); 1]> =
            asked.iter().map(|(domain, selector, question)| (*domain, *selector, dns.lookup(question))).collect();
        // every look-up is polled when one of them may have moved: they are few
        std::future::poll_fn(|context| {
            open.retain(|(domain, selector, lookup)| match Pin::new(lookup).poll(context) {
                Poll::Pending => true,
                Poll::Ready(answer) => {
                    known.push(Known { domain: domain.clone(), selector: selector.clone(), answer });
                    false
                }
            });
            if open.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
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
            return Tried { verdict: Verdict::Fail(Fail::Expired { at }), key_bits: None, testing: false, place: None };
        }
        let (limits, now) = (self.limits, self.now);
        let check = |record: &KeyRecord| match record.strict && !signature.identity_is_domain {
            true => Verdict::PermError(PermError::KeyStrict),
            false => match check_body_and_fields(signature, record, field, headers, bodies) {
                Verdict::Pass => unacceptable(signature, bodies, limits, now).map_or(Verdict::Pass, Verdict::Policy),
                wrong => wrong,
            },
        };
        self.try_each(&signature.domain, &signature.selector, signature.algorithm, check).await
    }

    /// Says what would have made a signature pass that failed with a key that was asked for.
    pub(crate) fn diagnose(
        &self,
        fail: Fail,
        signature: &Signature,
        field: Field<'_>,
        headers: &HeaderBlock,
        bodies: &BodyDigests,
    ) -> Option<Diagnosis> {
        let answer = self.known(&signature.domain, &signature.selector)?.answer.as_ref().ok()?;
        let records = answer.texts().filter_map(|txt| KeyRecord::of(txt).ok()).take(self.limits.keys);
        let usable = |record: &Arc<KeyRecord>| unusable(signature.algorithm, record, self.limits).is_none();
        records.filter(usable).find_map(|record| {
            let failed = Failed { signature, record: &record, headers, field, bodies, checks: self.limits.diagnoses };
            failed.diagnose(fail)
        })
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
        let mut tried =
            Tried { verdict: Verdict::PermError(PermError::NoKey), key_bits: None, testing: false, place: None };
        if !self.allows(algorithm) {
            tried.verdict = Verdict::Policy(Policy::Sha1);
            return tried;
        }
        let answer = match self.answer(domain, selector).await {
            Ok(answer) => answer,
            Err(verdict) => return Tried { verdict, ..tried },
        };
        let mut left = self.limits.keys;
        for txt in answer.texts() {
            match KeyRecord::of(txt) {
                // what is no key is passed over (RFC 6376 §6.1.2), and is the reason if there is nothing else
                Err(reason) if tried.key_bits.is_none() => {
                    tried.place = txt.as_str().and_then(|text| Some(Excerpt::new(text, reason.place(text)?)));
                    tried.verdict = Verdict::PermError(PermError::Record(reason));
                }
                Ok(record) if left > 0 => {
                    left -= 1;
                    tried = Tried {
                        verdict: unusable(algorithm, &record, self.limits).unwrap_or_else(|| check(&record)),
                        key_bits: Some(record.bits()),
                        testing: record.testing,
                        place: None,
                    };
                    if tried.verdict == Verdict::Pass {
                        break;
                    }
                }
                _ => {}
            }
        }
        tried
    }

    /// RFC 8301 §3.1.
    fn allows(&self, algorithm: Algorithm) -> bool {
        algorithm != Algorithm::RsaSha1 || self.limits.allow_sha1
    }

    async fn answer(&mut self, domain: &Domain, selector: &Domain) -> Result<Answer, Verdict> {
        if self.known(domain, selector).is_none() {
            self.ask(std::iter::once((domain, selector))).await;
        }
        // what was not asked has no name that could be
        let known = self.known(domain, selector).ok_or(Verdict::PermError(PermError::LongName))?;
        known.answer.clone().map_err(Verdict::TempError)
    }

    fn known(&self, domain: &Domain, selector: &Domain) -> Option<&Known> {
        self.known.iter().find(|known| known.domain == *domain && known.selector == *selector)
    }
}

/// Where a key is published (RFC 6376 §3.6.2.1); nothing if DNS can not carry the name.
pub fn key_name(domain: &Domain, selector: &Domain) -> Option<Name> {
    let mut name: SmallVec<[u8; 256]> = SmallVec::new();
    for part in [selector.as_str(), "._domainkey.", domain.as_str()] {
        name.extend_from_slice(part.as_bytes());
    }
    Name::parse(std::str::from_utf8(&name).ok()?).ok()
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
) -> Verdict {
    let Some(hash) = bodies.of(signature) else {
        return Verdict::Policy(Policy::TooMany { limit: bodies.limit });
    };
    if let Some(length) = signature.length.filter(|length| *length > hash.total) {
        return Verdict::PermError(PermError::LongLength { length, total: hash.total });
    }
    if hash.digest.as_ref() != signature.body_hash() {
        return Verdict::Fail(Fail::BodyHash);
    }
    let mut signed = Text::default();
    signature.signed_octets(headers, field, &mut signed);
    match record.verifies(signature.algorithm, signed.as_slice(), signature.signature()) {
        true => Verdict::Pass,
        false => Verdict::Fail(Fail::Signature),
    }
}

/// Why a signature that is right is not acceptable here.
fn unacceptable(signature: &Signature, bodies: &BodyDigests, limits: &Limits, now: u64) -> Option<Policy> {
    let coverage = bodies.coverage(signature)?;
    if coverage.covered < coverage.total && !limits.allow_partial_body {
        return Some(Policy::PartialBody { covered: coverage.covered, total: coverage.total });
    }
    if signature.timestamp.is_some_and(|at| at > now.saturating_add(limits.clock_skew)) && !limits.allow_future {
        return Some(Policy::Future);
    }
    let limit = limits.max_age?;
    let until = signature.timestamp.map(|at| at.saturating_add(limit).saturating_add(limits.clock_skew));
    if until.is_some_and(|until| now <= until) { None } else { Some(Policy::Old { limit }) }
}
