//! From header fields to a chain of sets: collecting, and the structure that it must have (RFC 8617 §5.2, steps 1 to 3).

use std::sync::Arc;

use gatepost_dkim::BodyHashes;
use gatepost_dkim::signature::Signature;
use gatepost_syntax::HeaderBlock;

use crate::field::{ChainStatus, Content, Kind, MAX_INSTANCE, Read, Seal};
use crate::outcome::Fail;

/// Bounds and policy of verification.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How many sets a chain may have (default 50, the most that RFC 8617 §4.2.1 allows). A chain with more fails without
    /// a question to DNS.
    pub sets: u8,
    /// Whether the message signatures of older sets are verified, too, to say down to which the message is unchanged
    /// (default yes; optional in RFC 8617 §5.2, step 5). Only for a chain that is otherwise whole, so that a stranger can
    /// make us ask for one key that is not his at most (§9.2).
    pub oldest_pass: bool,
    /// Bounds of keys and body hashes, as for DKIM signatures.
    pub signatures: gatepost_dkim::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { sets: MAX_INSTANCE, oldest_pass: true, signatures: gatepost_dkim::Limits::default() }
    }
}

/// The ARC Sets of a header section. [`crate::Verifier`] is one with its own body hashes; who verifies DKIM signatures as
/// well lets the chain share theirs: [`Chain::register`] before the body, [`Chain::results`] after it.
#[derive(Clone, Debug)]
pub struct Chain {
    pub(crate) headers: Arc<HeaderBlock>,
    pub(crate) limits: Limits,
    /// The highest instance found.
    pub(crate) instances: u8,
    /// The sets, oldest first; none: there is no chain.
    pub(crate) sets: Result<Vec<Set>, Fail>,
}

/// The fields of one instance.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    pub(crate) instance: u8,
    /// Where its fields stand in the header section, in the order of [`Kind::ALL`].
    pub(crate) fields: [usize; 3],
    pub(crate) message: Signature,
    pub(crate) seal: Seal,
}

impl Chain {
    /// Collects the sets.
    pub fn new(headers: Arc<HeaderBlock>, limits: &Limits) -> Self {
        let most = usize::from(limits.sets) * Kind::ALL.len();
        let fields = headers.fields().enumerate().filter_map(|(index, field)| Some((index, Kind::of(field)?, field)));
        // one more than there may be shows that there are too many; the rest is not read
        let found: Vec<(usize, Read)> = fields
            .take(most + 1)
            .map(|(index, kind, field)| (index, Read::new(kind, field, &limits.signatures)))
            .collect();
        let instances = found.iter().filter_map(|(_, read)| read.instance).max().unwrap_or(0);
        let sets = structure(found, instances, limits);
        Chain { headers, limits: limits.clone(), instances, sets }
    }

    /// Notes which hashes of the body the message signatures need; the newest first, in case that there is room for few;
    /// without room for that one the chain fails.
    pub fn register(&self, bodies: &mut BodyHashes) {
        let sets = self.sets.iter().flatten().rev();
        let wanted = if self.limits.oldest_pass { usize::MAX } else { 1 };
        for set in sets.take(wanted) {
            bodies.register(&set.message);
        }
    }
}

fn structure(found: Vec<(usize, Read)>, newest: u8, limits: &Limits) -> Result<Vec<Set>, Fail> {
    // RFC 8617 §5.2, step 1: "If more than the maximum number exist"
    if newest > limits.sets || found.len() > usize::from(limits.sets) * Kind::ALL.len() {
        return Err(Fail::TooMany { limit: limits.sets });
    }
    // RFC 8617 §5.2, step 2: a chain that was marked as broken is not looked at any further
    if found.iter().any(|(_, read)| read.marked && read.instance == Some(newest)) {
        return Err(Fail::Marked { instance: newest });
    }
    let mut slots: Vec<Slots> = (1..=newest).map(Slots::new).collect();
    for (index, Read { kind, instance, content, .. }) in found {
        let content = content.map_err(|error| Fail::Field { kind, instance, error })?;
        let slot = instance.and_then(|instance| slots.get_mut(usize::from(instance) - 1));
        // step 3.A: "exactly one each of the three ARC header fields"
        slot.map_or(Ok(()), |slot| slot.put(index, content))?;
    }
    slots.into_iter().map(Slots::complete).collect()
}

/// A set that is being collected.
struct Slots {
    instance: u8,
    results: Option<usize>,
    message: Option<(usize, Signature)>,
    seal: Option<(usize, Seal)>,
}

impl Slots {
    fn new(instance: u8) -> Self {
        Slots { instance, results: None, message: None, seal: None }
    }

    fn put(&mut self, index: usize, content: Content) -> Result<(), Fail> {
        let (kind, repeated) = match content {
            Content::AuthenticationResults => (Kind::AuthenticationResults, self.results.replace(index).is_some()),
            Content::MessageSignature(message) => {
                (Kind::MessageSignature, self.message.replace((index, *message)).is_some())
            }
            Content::Seal(seal) => (Kind::Seal, self.seal.replace((index, *seal)).is_some()),
        };
        if repeated { Err(Fail::Repeated { instance: self.instance, kind }) } else { Ok(()) }
    }

    fn complete(self) -> Result<Set, Fail> {
        let Slots { instance, results, message, seal } = self;
        if results.is_none() && message.is_none() && seal.is_none() {
            return Err(Fail::Gap { instance }); // step 3.B: "a continuous sequence from 1..N"
        }
        let missing = |kind| Fail::Missing { instance, kind };
        let results = results.ok_or_else(|| missing(Kind::AuthenticationResults))?;
        let (message_field, message) = message.ok_or_else(|| missing(Kind::MessageSignature))?;
        let (seal_field, seal) = seal.ok_or_else(|| missing(Kind::Seal))?;
        // step 3.C
        let wanted = if instance == 1 { ChainStatus::None } else { ChainStatus::Pass };
        if seal.status != wanted {
            return Err(Fail::ChainStatus { instance, found: seal.status });
        }
        Ok(Set { instance, fields: [results, message_field, seal_field], message, seal })
    }
}
