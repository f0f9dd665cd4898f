//! Octets of the peer, cut into lines: only CRLF ends one, and no octet is searched twice.

use bytes::{Bytes, BytesMut};

/// A bounded buffer of what came and was not used yet.
#[derive(Debug, Default)]
pub struct Input {
    buffer: BytesMut,
    /// How much of the buffer holds no line end.
    searched: usize,
    /// A line that is too long is being thrown away.
    discarding: bool,
}

/// What the buffer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A line without its CRLF: the reader's own, so that what is secret in it can be wiped.
    Whole(BytesMut),
    /// A line with a bare CR, a bare LF or a NUL in it.
    Malformed,
    /// A line that was too long; it was thrown away to its end.
    TooLong,
    /// No line end yet.
    Partial,
}

impl Input {
    /// Nothing yet.
    pub fn new() -> Self {
        Input::default()
    }

    /// Adds octets.
    pub fn feed(&mut self, octets: &[u8]) {
        self.buffer.extend_from_slice(octets);
    }

    /// Adds octets that are given away: not copied where nothing is left of those before, or where they lie together.
    pub fn feed_owned(&mut self, octets: BytesMut) {
        if self.buffer.is_empty() { self.buffer = octets } else { self.buffer.unsplit(octets) }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty() && !self.discarding
    }

    /// Throws everything away.
    pub fn clear(&mut self) {
        *self = Input::default();
    }

    /// Cuts off a line of at most `limit` octets without its CRLF.
    pub fn line(&mut self, limit: usize) -> Line {
        let from = self.searched.saturating_sub(1);
        let found = memchr::memmem::find(self.buffer.get(from..).unwrap_or_default(), b"\r\n").map(|at| from + at);
        let Some(end) = found else {
            self.searched = self.buffer.len();
            if self.buffer.len() > limit + 1 {
                // keep the last octet: it may be the CR of the line end
                let _ = self.buffer.split_to(self.buffer.len() - 1);
                self.searched = 0;
                self.discarding = true;
            }
            return Line::Partial;
        };
        let mut line = self.buffer.split_to(end + 2);
        line.truncate(end);
        self.searched = 0;
        if std::mem::take(&mut self.discarding) || line.len() > limit {
            return Line::TooLong;
        }
        match memchr::memchr3(b'\r', b'\n', 0, &line) {
            Some(_) => Line::Malformed,
            None => Line::Whole(line),
        }
    }

    /// Takes at most `limit` octets as they are.
    pub fn take(&mut self, limit: usize) -> Bytes {
        self.searched = 0;
        if limit >= self.buffer.len() {
            return std::mem::take(&mut self.buffer).freeze(); // nothing holds on to it but who takes it
        }
        self.buffer.split_to(limit).freeze()
    }

    /// All that is there, to be used in part; see [`Input::take`].
    pub fn octets(&self) -> &[u8] {
        &self.buffer
    }
}
