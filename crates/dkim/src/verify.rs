//! Verification (RFC 6376 §6) while the message streams in: headers, then the body in chunks, then the results.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use gatepost_dns::{LookupError, Name, Question, RecordType, Resolver, Txt};
use gatepost_syntax::{HeaderBlock, author};

use crate::body::{BodyHash, Hasher, Need};
use crate::crypto;
use crate::outcome::{Fail, Neutral, Outcome, PermError, Policy, SignatureOutcome, Verdict};
use crate::record::{KeyRecord, PublicKey, RecordError};
use crate::select;
use crate::signature::{Algorithm, Signature, SignatureError};

/// Bounds and policy of verification.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How many signatures are evaluated, those of the author's domain first (default 10). Others get `policy`.
    pub signatures: usize,
    /// How many distinct body hashes are computed (default 8).
    pub body_hashes: usize,
    /// How many key records of one name are tried (default 2).
    pub keys: usize,
    /// The shortest RSA key in bits (default 1024, RFC 8301 §3.2; less can not be verified).
    pub rsa_min_bits: usize,
    /// The longest RSA key in bits (default 8192).
    pub rsa_max_bits: usize,
    /// Seconds that clocks may differ by when `x=` is checked (default 300).
    pub clock_skew: u64,
    /// Whether rsa-sha1 is accepted (default no, RFC 8301 §3.1).
    pub allow_sha1: bool,
    /// Whether a signature that covers only the front of the body (`l=`) passes (default no: what is appended is
    /// anybody's, RFC 6376 §8.2).
    pub allow_partial_body: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            signatures: 10,
            body_hashes: 8,
            keys: 2,
            rsa_min_bits: 1024,
            rsa_max_bits: 8192,
            clock_skew: 300,
            allow_sha1: false,
            allow_partial_body: false,
        }
    }
}

/// Takes the body of a message whose header section is known.
pub struct Verifier {
    headers: Arc<HeaderBlock>,
    limits: Limits,
    candidates: Vec<Candidate>,
    hashers: Vec<Hasher>,
}

/// One DKIM-Signature field.
struct Candidate {
    /// Its place among the fields.
    field: usize,
    parsed: Result<Signature, SignatureError>,
    evaluated: bool,
}

impl Verifier {
    /// Reads the signatures and prepares the body hashes that they need, each once.
    pub fn new(headers: Arc<HeaderBlock>, limits: &Limits) -> Self {
        let mut candidates: Vec<Candidate> = Vec::new();
        for (index, field) in headers.fields().enumerate().filter(|(_, field)| field.is("DKIM-Signature")) {
            // beyond the cap fields are only counted, not read
            let parsed = match field.text() {
                Some(text) if candidates.len() < limits.signatures.saturating_mul(10) => Signature::parse(text),
                Some(_) => Err(SignatureError::Long),
                None => Err(SignatureError::NotUtf8),
            };
            candidates.push(Candidate { field: index, parsed, evaluated: false });
        }
        choose(&headers, &mut candidates, limits);
        let mut hashers: Vec<Hasher> = Vec::new();
        for candidate in &mut candidates {
            let (Ok(signature), true) = (&candidate.parsed, candidate.evaluated) else {
                continue;
            };
            let need = need_of(signature);
            if !hashers.iter().any(|hasher| hasher.need() == need) {
                if hashers.len() == limits.body_hashes {
                    candidate.evaluated = false;
                    continue;
                }
                hashers.push(Hasher::new(need));
            }
        }
        Verifier { headers, limits: limits.clone(), candidates, hashers }
    }

    /// The questions that [`Finished::results`] will ask, each once: a driver may warm its cache while the body arrives.
    pub fn questions(&self) -> Vec<Question> {
        let mut questions = Vec::new();
        for candidate in self.candidates.iter().filter(|candidate| candidate.evaluated) {
            let name = candidate.parsed.as_ref().ok().and_then(key_name);
            let question = name.map(|name| Question::new(name, RecordType::Txt));
            questions.extend(question.filter(|question| !questions.contains(question)));
        }
        questions
    }

    /// Takes the next octets of the body.
    pub fn body(&mut self, chunk: &[u8]) {
        for hasher in &mut self.hashers {
            hasher.feed(chunk);
        }
    }

    /// The body has ended.
    pub fn finish(self) -> Finished {
        let hashes = self.hashers.into_iter().map(Hasher::finish).collect();
        Finished { headers: self.headers, limits: self.limits, candidates: self.candidates, hashes }
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("signatures", &self.candidates.len()).finish_non_exhaustive()
    }
}

/// Marks the signatures to evaluate: those of an author's domain first, then from the top.
fn choose(headers: &HeaderBlock, candidates: &mut [Candidate], limits: &Limits) {
    let authors = author::authors(headers).ok();
    let aligned = |candidate: &Candidate| {
        let domains = authors.as_ref().map(author::Authors::domains).unwrap_or_default();
        let signer = candidate.parsed.as_ref().ok().map(|signature| &signature.domain);
        signer.is_some_and(|signer| domains.iter().any(|a| a.is_or_below(signer) || signer.is_or_below(a)))
    };
    let mut left = limits.signatures;
    for wanted in [true, false] {
        for candidate in candidates.iter_mut().filter(|candidate| candidate.parsed.is_ok()) {
            if left > 0 && !candidate.evaluated && aligned(candidate) == wanted {
                candidate.evaluated = true;
                left -= 1;
            }
        }
    }
}

fn need_of(signature: &Signature) -> Need {
    Need {
        canonicalization: signature.canonicalization.body,
        hash: signature.algorithm.hash(),
        length: signature.length,
    }
}

fn key_name(signature: &Signature) -> Option<Name> {
    Name::parse(&format!("{}._domainkey.{}", signature.selector, signature.domain)).ok()
}

/// A message that has been read; what is left to do is to ask for keys and to check.
pub struct Finished {
    headers: Arc<HeaderBlock>,
    limits: Limits,
    candidates: Vec<Candidate>,
    hashes: Vec<BodyHash>,
}

impl std::fmt::Debug for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Finished").field("signatures", &self.candidates.len()).finish_non_exhaustive()
    }
}

impl Finished {
    /// Asks for the keys, each name once, and checks every signature. Total.
    pub async fn results(&self, dns: &dyn Resolver, now: SystemTime) -> Outcome {
        let mut known: Vec<(Name, Result<Vec<Txt>, LookupError>)> = Vec::new();
        let mut signatures = Vec::with_capacity(self.candidates.len());
        for candidate in &self.candidates {
            let mut outcome = describe(candidate);
            outcome.verdict = match &candidate.parsed {
                Err(error) => Verdict::Neutral(Neutral::Signature(error.clone())),
                Ok(_) if !candidate.evaluated => Verdict::Policy(Policy::TooMany { limit: self.limits.signatures }),
                Ok(signature) => match self.before_the_key(signature, now) {
                    Some(verdict) => verdict,
                    None => {
                        let keys = keys_of(dns, signature, &mut known).await;
                        self.with_keys(candidate.field, signature, keys, &mut outcome)
                    }
                },
            };
            signatures.push(outcome);
        }
        Outcome { signatures }
    }

    /// What can be said without the key.
    fn before_the_key(&self, signature: &Signature, now: SystemTime) -> Option<Verdict> {
        if signature.algorithm == Algorithm::RsaSha1 && !self.limits.allow_sha1 {
            return Some(Verdict::Policy(Policy::Sha1));
        }
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let at = signature.expiration?;
        (at.saturating_add(self.limits.clock_skew) < now).then_some(Verdict::Fail(Fail::Expired { at }))
    }

    fn with_keys(
        &self,
        field: usize,
        signature: &Signature,
        keys: Result<Vec<Txt>, Verdict>,
        outcome: &mut SignatureOutcome,
    ) -> Verdict {
        let keys = match keys {
            Ok(keys) => keys,
            Err(verdict) => return verdict,
        };
        let mut error = PermError::NoKey;
        let mut records = Vec::new();
        for txt in &keys {
            match txt.as_str().map_or(Err(RecordError::NotText), KeyRecord::parse) {
                Ok(record) => records.push(record),
                Err(reason) => error = PermError::Record(reason),
            }
        }
        let mut verdict = Verdict::PermError(error);
        for record in records.iter().take(self.limits.keys) {
            outcome.key_bits = Some(record.bits());
            outcome.testing = record.testing;
            verdict = self.with_key(field, signature, record);
            if verdict == Verdict::Pass {
                break;
            }
        }
        verdict
    }

    fn with_key(&self, field: usize, signature: &Signature, record: &KeyRecord) -> Verdict {
        if let Some(error) = unusable(signature, record) {
            return Verdict::PermError(error);
        }
        if let PublicKey::Rsa(key) = &record.key {
            let bits = key.bits;
            if bits < self.limits.rsa_min_bits {
                return Verdict::Policy(Policy::ShortKey { bits });
            }
            if bits > self.limits.rsa_max_bits {
                return Verdict::Policy(Policy::LongKey { bits });
            }
        }
        let need = need_of(signature);
        let Some(hash) = self.hashes.iter().find(|hash| hash.need == need) else {
            return Verdict::Policy(Policy::TooMany { limit: self.limits.body_hashes });
        };
        let covered = signature.length.unwrap_or(hash.total);
        if covered > hash.total {
            return Verdict::PermError(PermError::LongLength { length: covered, total: hash.total });
        }
        if hash.digest != signature.body_hash {
            return Verdict::Fail(Fail::BodyHash);
        }
        if !self.signature_is_right(field, signature, &record.key) {
            return Verdict::Fail(Fail::Signature);
        }
        if covered < hash.total && !self.limits.allow_partial_body {
            return Verdict::Policy(Policy::PartialBody { covered, total: hash.total });
        }
        Verdict::Pass
    }

    fn signature_is_right(&self, field: usize, signature: &Signature, key: &PublicKey) -> bool {
        let Some(field) = self.headers.fields().nth(field) else {
            return false;
        };
        let mut signed = Vec::with_capacity(4096);
        let names = signature.headers.iter().map(String::as_str);
        let canonicalization = signature.canonicalization.header;
        select::signed_fields(&self.headers, names, canonicalization, &mut signed);
        select::unsigned_signature(field, &signature.b_span, canonicalization, &mut signed);
        match key {
            PublicKey::Rsa(key) => {
                crypto::verify_rsa(signature.algorithm.hash(), &key.pkcs1, &signed, &signature.signature)
            }
            PublicKey::Ed25519(key) => crypto::verify_ed25519(key, &signed, &signature.signature),
            PublicKey::Revoked => false,
        }
    }
}

/// Why a key is not for this signature (RFC 6376 §6.1.2).
fn unusable(signature: &Signature, record: &KeyRecord) -> Option<PermError> {
    if record.is_revoked() {
        Some(PermError::Revoked)
    } else if record.key_type() != Some(signature.algorithm.key_word()) {
        Some(PermError::KeyType)
    } else if !record.allows(signature.algorithm) {
        Some(PermError::KeyHash)
    } else if !record.serves_email() {
        Some(PermError::KeyService)
    } else if record.strict && !signature.identity_is_domain {
        Some(PermError::KeyStrict)
    } else {
        None
    }
}

async fn keys_of(
    dns: &dyn Resolver,
    signature: &Signature,
    known: &mut Vec<(Name, Result<Vec<Txt>, LookupError>)>,
) -> Result<Vec<Txt>, Verdict> {
    let name = key_name(signature).ok_or(Verdict::PermError(PermError::LongName))?;
    let kept = known.iter().find(|(kept, _)| *kept == name).map(|(_, keys)| keys.clone());
    let keys = match kept {
        Some(keys) => keys,
        None => {
            let keys = dns.txt(&name).await.map(|found| found.records);
            known.push((name, keys.clone()));
            keys
        }
    };
    keys.map_err(Verdict::TempError)
}

fn describe(candidate: &Candidate) -> SignatureOutcome {
    let signature = candidate.parsed.as_ref().ok();
    SignatureOutcome {
        verdict: Verdict::PermError(PermError::NoKey),
        domain: signature.map(|s| s.domain.clone()),
        selector: signature.map(|s| s.selector.clone()),
        identity: signature.and_then(|s| s.identity.clone()),
        algorithm: signature.map(|s| s.algorithm),
        b_prefix: signature.map(|s| s.b_prefix.clone()),
        signed_headers: signature.map(|s| s.headers.clone()).unwrap_or_default(),
        key_bits: None,
        testing: false,
    }
}
