//! The body hashes that a message's signatures need, each computed once however many signatures there are.

use smallvec::SmallVec;

use crate::body::{BodyHash, Hasher, Need};
use crate::signature::Signature;

/// Hashes a body while it arrives. Signatures register what they need before the first chunk.
pub struct BodyHashes {
    hashers: SmallVec<[Hasher; 1]>,
    limit: usize,
    line_ends: usize,
}

impl BodyHashes {
    /// At most `limit` distinct hashes.
    pub fn new(limit: usize) -> Self {
        BodyHashes { hashers: SmallVec::new(), limit, line_ends: 0 }
    }

    /// Keeps what a diagnosis needs: the other canonicalization, and the hashes at so many line ends.
    pub(crate) fn for_diagnosis(limit: usize, line_ends: usize) -> Self {
        BodyHashes { line_ends, ..BodyHashes::new(limit) }
    }

    /// Notes what a signature needs; equal needs share one hash. False: the limit is reached and the hash will not be
    /// computed.
    pub fn register(&mut self, signature: &Signature) -> bool {
        let need = need_of(signature);
        let registered = self.need(need);
        if registered && self.line_ends > 0 {
            self.need(Need { canonicalization: need.canonicalization.other(), ..need });
        }
        registered
    }

    fn need(&mut self, need: Need) -> bool {
        let known = self.hashers.iter().any(|hasher| hasher.need() == need);
        if !known && self.hashers.len() < self.limit {
            self.hashers.push(Hasher::new(need).tracing(self.line_ends));
            return true;
        }
        known
    }

    /// Takes the next octets of the body.
    pub fn body(&mut self, chunk: &[u8]) {
        for hasher in &mut self.hashers {
            hasher.feed(chunk);
        }
    }

    /// The body has ended.
    pub fn finish(mut self) -> BodyDigests {
        BodyDigests { digests: self.hashers.iter_mut().map(Hasher::finish).collect(), limit: self.limit }
    }
}

impl std::fmt::Debug for BodyHashes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BodyHashes").field("hashes", &self.hashers.len()).finish_non_exhaustive()
    }
}

/// The hashes of a whole body.
#[derive(Clone, Debug)]
pub struct BodyDigests {
    digests: SmallVec<[BodyHash; 2]>,
    pub(crate) limit: usize,
}

impl BodyDigests {
    pub(crate) fn of(&self, signature: &Signature) -> Option<&BodyHash> {
        let need = need_of(signature);
        self.digests.iter().find(|hash| hash.need == need)
    }

    /// The hashes that differ in canonicalization at most from what a signature needs.
    pub(crate) fn alike(&self, signature: &Signature) -> impl Iterator<Item = &BodyHash> {
        let wanted = need_of(signature);
        self.digests.iter().filter(move |hash| (hash.need.hash, hash.need.length) == (wanted.hash, wanted.length))
    }

    /// How much of the body a registered signature covers.
    pub fn coverage(&self, signature: &Signature) -> Option<Coverage> {
        let total = self.of(signature)?.total;
        Some(Coverage { covered: signature.length.map_or(total, |length| length.min(total)), total })
    }
}

/// How much of a body a signature covers, in octets of its canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// Octets covered, from the front.
    pub covered: u64,
    /// Octets there are.
    pub total: u64,
}

fn need_of(signature: &Signature) -> Need {
    Need {
        canonicalization: signature.canonicalization.body,
        hash: signature.algorithm.hash(),
        length: signature.length,
    }
}
