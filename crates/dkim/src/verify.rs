//! Verification (RFC 6376 §6) while the message streams in: headers, then the body in chunks, then the results.

use std::sync::Arc;
use std::time::SystemTime;

use gatepost_dns::{Question, RecordType, Resolver};
use gatepost_results::{Defect, Excerpt};
use gatepost_syntax::{HeaderBlock, author};
use smallvec::SmallVec;

use crate::hashes::{BodyDigests, BodyHashes};
use crate::keys::{Keys, Tried, key_name};
use crate::limits::Limits;
use crate::outcome::{Neutral, Outcome, PermError, Policy, SignatureOutcome, Verdict};
use crate::signature::{Signature, SignatureError};

/// Takes the body of a message whose header section is known.
pub struct Verifier {
    headers: Arc<HeaderBlock>,
    limits: Limits,
    candidates: Candidates,
    hashes: BodyHashes,
}

type Candidates = SmallVec<[Candidate; 1]>;

/// One DKIM-Signature field.
struct Candidate {
    /// Its place among the fields.
    field: usize,
    /// In a box: it is large, and moved with the verifier.
    parsed: Result<Box<Signature>, SignatureError>,
    evaluated: bool,
}

impl Verifier {
    /// Reads the signatures and prepares the body hashes that they need, each once.
    pub fn new(headers: Arc<HeaderBlock>, limits: &Limits) -> Self {
        let mut candidates = Candidates::new();
        for (index, field) in headers.fields().enumerate().filter(|(_, field)| field.is("DKIM-Signature")) {
            // beyond the cap fields are only counted, not read
            let parsed = match field.text() {
                Some(text) if candidates.len() < limits.fields => Signature::parse(text, limits).map(Box::new),
                Some(_) => Err(SignatureError::Long),
                None => Err(SignatureError::NotUtf8),
            };
            candidates.push(Candidate { field: index, parsed, evaluated: false });
        }
        choose(&headers, &mut candidates, limits);
        let mut hashes = BodyHashes::for_diagnosis(limits.body_hashes, limits.diagnoses);
        for candidate in candidates.iter_mut().filter(|candidate| candidate.evaluated) {
            candidate.evaluated = candidate.parsed.as_ref().is_ok_and(|signature| hashes.register(signature));
        }
        Verifier { headers, limits: limits.clone(), candidates, hashes }
    }

    /// The questions that [`Finished::results`] will ask, each once: a driver may warm its cache while the body arrives.
    pub fn questions(&self) -> Vec<Question> {
        let mut questions = Vec::new();
        for candidate in self.candidates.iter().filter(|candidate| candidate.evaluated) {
            let signature = candidate.parsed.as_ref().ok();
            let name = signature.and_then(|signature| key_name(&signature.domain, &signature.selector));
            let question = name.map(|name| Question::new(name, RecordType::Txt));
            questions.extend(question.filter(|question| !questions.contains(question)));
        }
        questions
    }

    /// Takes the next octets of the body.
    pub fn body(&mut self, chunk: &[u8]) {
        self.hashes.body(chunk);
    }

    /// The hashes of the body that is to come, for what else needs some: see [`BodyHashes::register`].
    pub fn body_hashes(&mut self) -> &mut BodyHashes {
        &mut self.hashes
    }

    /// The body has ended.
    pub fn finish(self) -> Finished {
        let digests = self.hashes.finish();
        Finished { headers: self.headers, limits: self.limits, candidates: self.candidates, digests }
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("signatures", &self.candidates.len()).finish_non_exhaustive()
    }
}

/// Marks the signatures to evaluate: those of an author's domain first, then from the top.
fn choose(headers: &HeaderBlock, candidates: &mut [Candidate], limits: &Limits) {
    if candidates.len() <= limits.signatures {
        return candidates.iter_mut().for_each(|candidate| candidate.evaluated = candidate.parsed.is_ok());
    }
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

/// A message that has been read; what is left to do is to ask for keys and to check.
pub struct Finished {
    headers: Arc<HeaderBlock>,
    limits: Limits,
    candidates: Candidates,
    digests: BodyDigests,
}

impl std::fmt::Debug for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Finished").field("signatures", &self.candidates.len()).finish_non_exhaustive()
    }
}

impl Finished {
    /// The hashes of the body, those that others registered among them.
    pub fn body_digests(&self) -> &BodyDigests {
        &self.digests
    }

    /// Asks for the keys, each name once, and checks every signature. Total.
    pub async fn results(&self, dns: &dyn Resolver, now: SystemTime) -> Outcome {
        let mut keys = Keys::new(dns, &self.limits, now);
        let evaluated = self.candidates.iter().filter(|candidate| candidate.evaluated);
        let signatures = evaluated.filter_map(|candidate| candidate.parsed.as_ref().ok());
        keys.ask(signatures.map(|signature| (&signature.domain, &signature.selector))).await;
        let mut signatures = Vec::with_capacity(self.candidates.len());
        for candidate in &self.candidates {
            let field = self.headers.get(candidate.field);
            let mut diagnosis = None;
            let mut tried =
                Tried { verdict: Verdict::PermError(PermError::NoKey), key_bits: None, testing: false, place: None };
            match (&candidate.parsed, field) {
                (Err(error), field) => {
                    tried.verdict = Verdict::Neutral(Neutral::Signature(error.clone()));
                    tried.place = field
                        .and_then(|field| field.text())
                        .and_then(|text| Some(Excerpt::new(text, error.place(text)?)));
                }
                (Ok(signature), Some(field)) if candidate.evaluated => {
                    tried = keys.verify(signature, field, &self.headers, &self.digests).await;
                    if let (Verdict::Fail(fail), 1..) = (&tried.verdict, self.limits.diagnoses) {
                        diagnosis = keys.diagnose(*fail, signature, field, &self.headers, &self.digests);
                    }
                }
                (Ok(_), _) => tried.verdict = Verdict::Policy(Policy::TooMany { limit: self.limits.signatures }),
            };
            let outcome = SignatureOutcome::new(candidate.parsed.as_deref().ok(), tried, &self.digests);
            signatures.push(SignatureOutcome { diagnosis, ..outcome });
        }
        Outcome { signatures }
    }
}
