//! Body hashes: each distinct need once, however many signatures there are.

use crate::canon::{Body, Canonicalization};
use crate::crypto::{Digest, Hash};

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
    pub(crate) digest: Vec<u8>,
    pub(crate) total: u64,
}

/// One need's canonicalizer and digest. Short runs are gathered so that the digest is called in large pieces.
pub(crate) struct Hasher {
    need: Need,
    body: Body,
    sink: Sink,
}

struct Sink {
    digest: Digest,
    buffer: Vec<u8>,
    left: u64,
    total: u64,
}

const BUFFER: usize = 8 << 10;

impl Sink {
    fn write(&mut self, run: &[u8]) {
        let length = u64::try_from(run.len()).unwrap_or(u64::MAX);
        self.total = self.total.saturating_add(length);
        let take = usize::try_from(self.left).unwrap_or(usize::MAX).min(run.len());
        self.left -= u64::try_from(take).unwrap_or(0).min(self.left);
        let run = run.get(..take).unwrap_or_default();
        if self.buffer.len() + run.len() > BUFFER {
            self.digest.update(&self.buffer);
            self.buffer.clear();
        }
        if run.len() >= BUFFER / 4 {
            self.digest.update(&self.buffer);
            self.buffer.clear();
            self.digest.update(run);
        } else {
            self.buffer.extend_from_slice(run);
        }
    }
}

impl Hasher {
    pub(crate) fn new(need: Need) -> Self {
        let left = need.length.unwrap_or(u64::MAX);
        let sink = Sink { digest: Digest::new(need.hash), buffer: Vec::with_capacity(BUFFER), left, total: 0 };
        Hasher { need, body: Body::new(need.canonicalization), sink }
    }

    pub(crate) fn need(&self) -> Need {
        self.need
    }

    pub(crate) fn feed(&mut self, chunk: &[u8]) {
        let sink = &mut self.sink;
        self.body.feed(chunk, &mut |run| sink.write(run));
    }

    pub(crate) fn finish(mut self) -> BodyHash {
        let sink = &mut self.sink;
        self.body.finish(&mut |run| sink.write(run));
        self.sink.digest.update(&self.sink.buffer);
        BodyHash { need: self.need, digest: self.sink.digest.finish(), total: self.sink.total }
    }
}
