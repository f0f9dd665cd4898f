//! Body hashes: each distinct need once, however many signatures there are.

use crate::canon::{Body, Canonicalization};
use crate::crypto::{Digest, Hash, Sum};
use crate::squeeze::Sink;

/// What a signature needs of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) canonicalization: Canonicalization,
    pub(crate) hash: Hash,
    /// `l=`
    pub(crate) length: Option<u64>,
}

/// A hash with how many canonical octets there were.
#[derive(Clone, Debug)]
pub(crate) struct BodyHash {
    pub(crate) need: Need,
    pub(crate) digest: Sum,
    pub(crate) total: u64,
}

/// One need's canonicalizer and digest.
pub(crate) struct Hasher {
    need: Need,
    body: Body,
    gathered: Gathered,
}

/// Short runs are gathered, so that the digest is called with larger ones.
struct Gathered {
    digest: Digest,
    /// What `l=` still covers.
    left: u64,
    total: u64,
    buffer: [u8; BUFFER],
    filled: usize,
}

const BUFFER: usize = 2 << 10;
/// Runs from here on are hashed from where they lie.
const LONG: usize = 256;

impl Gathered {
    fn flush(&mut self) {
        let filled = std::mem::take(&mut self.filled);
        let (digest, left, total) = (&mut self.digest, &mut self.left, &mut self.total);
        take(digest, left, total, self.buffer.get(..filled).unwrap_or_default());
    }
}

/// Hashes a run as far as `l=` goes.
fn take(digest: &mut Digest, left: &mut u64, total: &mut u64, run: &[u8]) {
    *total = total.saturating_add(u64::try_from(run.len()).unwrap_or(u64::MAX));
    let covered = usize::try_from(*left).unwrap_or(usize::MAX).min(run.len());
    *left = left.saturating_sub(u64::try_from(covered).unwrap_or(u64::MAX));
    digest.update(run.get(..covered).unwrap_or_default());
}

impl Sink for Gathered {
    fn write(&mut self, run: &[u8]) {
        if run.len() >= LONG || self.filled + run.len() > BUFFER {
            self.flush();
        }
        if run.len() >= LONG {
            return take(&mut self.digest, &mut self.left, &mut self.total, run);
        }
        if let Some(to) = self.buffer.get_mut(self.filled..self.filled + run.len()) {
            to.copy_from_slice(run);
            self.filled += run.len();
        }
    }

    fn fill<const N: usize>(&mut self, fill: impl FnOnce(&mut [u8; N]) -> usize) {
        if self.filled + N > BUFFER {
            self.flush();
        }
        let room = self.buffer.get_mut(self.filled..).and_then(|room| room.first_chunk_mut());
        self.filled += room.map_or(0, fill);
    }
}

impl Hasher {
    pub(crate) fn new(need: Need) -> Self {
        let (digest, left) = (Digest::new(need.hash), need.length.unwrap_or(u64::MAX));
        let gathered = Gathered { digest, left, total: 0, buffer: [0; BUFFER], filled: 0 };
        Hasher { need, body: Body::new(need.canonicalization), gathered }
    }

    pub(crate) fn need(&self) -> Need {
        self.need
    }

    pub(crate) fn feed(&mut self, chunk: &[u8]) {
        self.body.feed_to(chunk, &mut self.gathered);
    }

    pub(crate) fn finish(&mut self) -> BodyHash {
        self.body.finish_to(&mut self.gathered);
        self.gathered.flush();
        BodyHash { need: self.need, digest: self.gathered.digest.clone().finish(), total: self.gathered.total }
    }
}
