//! Body hashes: each distinct need once, however many signatures there are.

use std::collections::VecDeque;

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
    /// What the hash was, and of how many octets, at the last line ends before the end: see [`Hasher::tracing`].
    pub(crate) line_ends: Vec<(Sum, u64)>,
}

/// One need's canonicalizer and digest.
pub(crate) struct Hasher {
    need: Need,
    body: Body,
    gathered: Gathered,
}

/// Short runs are gathered, so that the digest is called with larger ones.
struct Gathered {
    hashing: Hashing,
    /// In a box: hashers are moved, and this is large.
    buffer: Box<[u8; BUFFER]>,
    filled: usize,
}

/// A digest that stops where `l=` does.
struct Hashing {
    digest: Digest,
    /// What `l=` still covers.
    left: u64,
    total: u64,
    trace: Option<Trace>,
}

/// Where the hash was at line ends, the last few of them.
struct Trace {
    most: usize,
    ends: VecDeque<(Digest, u64)>,
    /// The octet before the next run.
    previous: u8,
    /// Whether the line has octets besides its end: canonical bodies do not end in empty lines.
    text: bool,
}

const BUFFER: usize = 2 << 10;
/// Runs from here on are hashed from where they lie.
const LONG: usize = 256;

impl Gathered {
    fn flush(&mut self) {
        let filled = std::mem::take(&mut self.filled);
        self.hashing.take(self.buffer.get(..filled).unwrap_or_default());
    }
}

impl Hashing {
    fn take(&mut self, run: &[u8]) {
        match self.trace.take() {
            None => self.hash(run),
            Some(mut trace) => {
                for piece in run.split_inclusive(|octet| *octet == b'\n') {
                    self.hash(piece);
                    if trace.ends_line(piece) {
                        trace.ends.push_back((self.digest.clone(), self.total));
                        if trace.ends.len() > trace.most {
                            trace.ends.pop_front();
                        }
                    }
                }
                self.trace = Some(trace);
            }
        }
    }

    /// Hashes a run as far as `l=` goes.
    fn hash(&mut self, run: &[u8]) {
        self.total = self.total.saturating_add(u64::try_from(run.len()).unwrap_or(u64::MAX));
        let covered = usize::try_from(self.left).unwrap_or(usize::MAX).min(run.len());
        self.left = self.left.saturating_sub(u64::try_from(covered).unwrap_or(u64::MAX));
        self.digest.update(run.get(..covered).unwrap_or_default());
    }
}

impl Trace {
    /// Whether a line that is not empty ends with this piece.
    fn ends_line(&mut self, piece: &[u8]) -> bool {
        let before = piece.len().checked_sub(2).and_then(|at| piece.get(at)).copied().unwrap_or(self.previous);
        let ends = piece.ends_with(b"\n") && before == b'\r';
        self.text |= piece.iter().any(|octet| !matches!(octet, b'\r' | b'\n'));
        self.previous = piece.last().copied().unwrap_or(self.previous);
        ends && std::mem::take(&mut self.text)
    }
}

impl Sink for Gathered {
    fn write(&mut self, run: &[u8]) {
        if run.len() >= LONG || self.filled + run.len() > BUFFER {
            self.flush();
        }
        if run.len() >= LONG {
            return self.hashing.take(run);
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
        let hashing = Hashing { digest, left, total: 0, trace: None };
        let gathered = Gathered { hashing, buffer: Box::new([0; BUFFER]), filled: 0 };
        Hasher { need, body: Body::new(need.canonicalization), gathered }
    }

    /// Remembers the hash at so many line ends.
    pub(crate) fn tracing(mut self, most: usize) -> Self {
        let trace = Trace { most, ends: VecDeque::new(), previous: 0, text: false };
        self.gathered.hashing.trace = Some(trace).filter(|_| most > 0 && self.need.length.is_none());
        self
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
        let ends = self.gathered.hashing.trace.take().map(|trace| trace.ends).unwrap_or_default();
        let line_ends = ends.into_iter().map(|(digest, total)| (digest.finish(), total)).collect();
        let digest = self.gathered.hashing.digest.clone().finish();
        BodyHash { need: self.need, digest, total: self.gathered.hashing.total, line_ends }
    }
}
