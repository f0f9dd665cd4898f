//! Verification (RFC 8617 §5.2) while the message streams in: headers, then the body in chunks, then the results.

use std::sync::Arc;
use std::time::SystemTime;

use gatepost_dkim::{Algorithm, BodyDigests, BodyHashes, Canonicalization, Keys, Verdict, canon, key_name};
use gatepost_dns::{Question, RecordType, Resolver};
use gatepost_syntax::{Domain, Field, HeaderBlock};

use crate::chain::{Chain, Limits, Set};
use crate::outcome::{Fail, Outcome, SetOutcome, Signed, Status};

/// Takes the body of a message whose header section is known.
#[derive(Debug)]
pub struct Verifier {
    chain: Chain,
    bodies: BodyHashes,
}

impl Verifier {
    /// Collects the sets and prepares the body hashes that they need, each once.
    pub fn new(headers: Arc<HeaderBlock>, limits: &Limits) -> Self {
        let chain = Chain::new(headers, limits);
        let mut bodies = BodyHashes::new(limits.signatures.body_hashes);
        chain.register(&mut bodies);
        Verifier { chain, bodies }
    }

    /// See [`Chain::questions`].
    pub fn questions(&self) -> Vec<Question> {
        self.chain.questions()
    }

    /// Takes the next octets of the body.
    pub fn body(&mut self, chunk: &[u8]) {
        self.bodies.body(chunk);
    }

    /// The body has ended.
    pub fn finish(self) -> Finished {
        Finished { chain: self.chain, bodies: self.bodies.finish() }
    }
}

/// A message that has been read; what is left to do is to ask for keys and to check.
#[derive(Debug)]
pub struct Finished {
    chain: Chain,
    bodies: BodyDigests,
}

impl Finished {
    /// See [`Chain::results`].
    pub async fn results(&self, dns: &dyn Resolver, now: SystemTime) -> Outcome {
        self.chain.results(&self.bodies, dns, now).await
    }
}

impl Chain {
    /// The questions that will be asked for certain or almost so, those of the newest set: a driver may warm its cache
    /// while the body arrives. Older keys are only asked for when the newer ones fit (RFC 8617 §9.2).
    pub fn questions(&self) -> Vec<Question> {
        let newest = self.sets.iter().flatten().next_back();
        let names = newest.map(|Set { message, seal, .. }| {
            [key_name(&message.domain, &message.selector), key_name(&seal.core.domain, &seal.core.selector)]
        });
        let mut questions: Vec<Question> = Vec::new();
        for name in names.into_iter().flatten().flatten() {
            let question = Question::new(name, RecordType::Txt);
            if !questions.contains(&question) {
                questions.push(question);
            }
        }
        questions
    }

    /// Asks for the keys, each name once and only as far as the chain holds, and checks it. Total.
    ///
    /// `bodies` are the hashes that the chain was registered with.
    pub async fn results(&self, bodies: &BodyDigests, dns: &dyn Resolver, now: SystemTime) -> Outcome {
        let mut outcome = Outcome { instances: self.instances, ..Outcome::default() };
        let sets = match &self.sets {
            Ok(sets) => sets,
            Err(fail) => {
                outcome.status = Status::Fail(fail.clone());
                return outcome;
            }
        };
        outcome.sets = sets.iter().map(describe).collect();
        let fields: Vec<Field<'_>> = self.headers.fields().collect();
        let mut check = Check { fields, bodies, keys: Keys::new(dns, &self.limits.signatures, now) };
        outcome.status = match self.check(sets, &mut check, &mut outcome).await {
            Err(fail) => Status::Fail(fail),
            Ok(()) if sets.is_empty() => Status::None, // RFC 8617 §5.2, step 1
            Ok(()) => Status::Pass,
        };
        outcome
    }

    /// Steps 4 to 6, the fifth last: it changes nothing about the others and needs not be taken for a broken chain.
    async fn check(&self, sets: &[Set], check: &mut Check<'_>, outcome: &mut Outcome) -> Result<(), Fail> {
        // step 4: the newest message signature
        if let Some((set, said)) = sets.iter().zip(&mut outcome.sets).next_back() {
            let verdict = check.message(&self.headers, set, said).await;
            if verdict != Verdict::Pass {
                return Err(Fail::MessageSignature { instance: set.instance, verdict });
            }
        }
        // step 6: all seals, newest first
        let mut covered = self.covered(sets, &check.fields);
        for (set, said) in sets.iter().zip(&mut outcome.sets).rev() {
            let verdict = check.seal(&mut covered, set, said).await;
            if verdict != Verdict::Pass {
                return Err(Fail::Seal { instance: set.instance, verdict });
            }
        }
        // step 5: the older message signatures
        if self.limits.oldest_pass && !sets.is_empty() {
            outcome.oldest_pass = Some(0);
            for (set, said) in sets.iter().zip(&mut outcome.sets).rev().skip(1) {
                if check.message(&self.headers, set, said).await != Verdict::Pass {
                    outcome.oldest_pass = Some(set.instance + 1);
                    break;
                }
            }
        }
        Ok(())
    }

    /// What the seals cover: the fields of all sets, canonical, oldest set first (RFC 8617 §5.1.1).
    fn covered(&self, sets: &[Set], fields: &[Field<'_>]) -> Covered {
        let mut covered = Covered { octets: Vec::with_capacity(4096), seals: Vec::with_capacity(sets.len()) };
        for set in sets {
            // RFC 8617 §5.1.1: ARC-Authentication-Results, ARC-Message-Signature, ARC-Seal; §4.1.3: only "relaxed" is used
            let [results, message, seal] = set.fields.map(|place| field(fields, place));
            canon::header(results, Canonicalization::Relaxed, &mut covered.octets);
            canon::header(message, Canonicalization::Relaxed, &mut covered.octets);
            covered.seals.push(covered.octets.len());
            canon::header(seal, Canonicalization::Relaxed, &mut covered.octets);
        }
        covered
    }

    /// The canonical fields of all sets, which the next seal covers.
    #[cfg(feature = "seal")]
    pub(crate) fn sealed_octets(&self) -> Vec<u8> {
        let fields: Vec<Field<'_>> = self.headers.fields().collect();
        self.sets.as_ref().map(|sets| self.covered(sets, &fields).octets).unwrap_or_default()
    }
}

/// The canonical fields of all sets, and where in them the seals begin.
struct Covered {
    octets: Vec<u8>,
    seals: Vec<usize>,
}

/// What verification of one message goes with.
struct Check<'a> {
    fields: Vec<Field<'a>>,
    bodies: &'a BodyDigests,
    keys: Keys<'a>,
}

impl Check<'_> {
    async fn message(&mut self, headers: &HeaderBlock, set: &Set, said: &mut SetOutcome) -> Verdict {
        let [_, place, _] = set.fields;
        let tried = self.keys.verify(&set.message, field(&self.fields, place), headers, self.bodies).await;
        let verdict = tried.verdict.clone();
        said.message_signature.tried = Some(tried);
        verdict
    }

    /// Verifies the newest seal in `covered`, and cuts it off.
    async fn seal(&mut self, covered: &mut Covered, set: &Set, said: &mut SetOutcome) -> Verdict {
        let [_, _, place] = set.fields;
        covered.octets.truncate(covered.seals.pop().unwrap_or(0));
        // RFC 8617 §5.1.1: the seal itself comes last, as a DKIM-Signature does (RFC 6376 §3.7)
        set.seal.core.unsigned(field(&self.fields, place), &mut covered.octets);
        let tried = self.keys.verify_octets(&set.seal.core, &covered.octets).await;
        let verdict = tried.verdict.clone();
        said.seal.tried = Some(tried);
        verdict
    }
}

fn field<'a>(fields: &[Field<'a>], place: usize) -> Field<'a> {
    fields.get(place).copied().unwrap_or(Field::new(b""))
}

fn describe(set: &Set) -> SetOutcome {
    let signed = |domain: &Domain, selector: &Domain, algorithm: Algorithm| Signed {
        domain: domain.clone(),
        selector: selector.clone(),
        algorithm,
        tried: None,
    };
    let (message, seal) = (&set.message, &set.seal.core);
    SetOutcome {
        instance: set.instance,
        status: set.seal.status,
        message_signature: signed(&message.domain, &message.selector, message.algorithm),
        seal: signed(&seal.domain, &seal.selector, seal.algorithm),
    }
}
