//! Octets of the peer, cut into lines: only CRLF ends one, and no octet is searched twice.

use std::fmt;

use bytes::{Bytes, BytesMut};
use zeroize::Zeroize;

/// A bounded buffer of what came and was not used yet. There may be a log-in in it: what it leaves behind is wiped.
#[derive(Default)]
pub struct Input {
    buffer: BytesMut,
    /// How much of the buffer holds no line end.
    searched: usize,
    /// A line that is too long is being thrown away, and how it began.
    discarding: Option<Verb>,
}

/// What the buffer holds.
#[derive(Clone, PartialEq, Eq)]
pub enum Line {
    /// A line without its CRLF: the reader's own, so that what is secret in it can be wiped.
    Whole(BytesMut),
    /// A line with a bare CR, a bare LF or a NUL in it. By its first octets the command may be known.
    Malformed(Verb),
    /// A line that was too long; it was thrown away to its end. Likewise.
    TooLong(Verb),
    /// No line end yet.
    Partial,
}

/// The first octets of a line, as many as verbs of commands have; NUL where there were fewer.
pub type Verb = [u8; 4];

/// How much there is: it may be a log-in.
impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Input({} octets)", self.buffer.len())
    }
}

/// Likewise.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Whole(line) => write!(f, "Whole({} octets)", line.len()),
            Line::Malformed(verb) => write!(f, "Malformed({:?})", String::from_utf8_lossy(verb)),
            Line::TooLong(verb) => write!(f, "TooLong({:?})", String::from_utf8_lossy(verb)),
            Line::Partial => f.write_str("Partial"),
        }
    }
}

impl Input {
    /// Nothing yet.
    pub fn new() -> Self {
        Input::default()
    }

    /// Adds octets.
    pub fn feed(&mut self, octets: &[u8]) {
        if let Some(mut left) = self.make_room(octets.len()) {
            left.zeroize();
        }
        self.buffer.extend_from_slice(octets);
    }

    /// Adds octets that are given away: not copied where nothing is left of those before.
    pub fn feed_owned(&mut self, mut octets: BytesMut) {
        if self.buffer.is_empty() {
            self.buffer = octets;
        } else {
            self.feed(&octets);
            octets.zeroize();
        }
    }

    /// Moves to a larger buffer where this one has no room for so many octets; what was moved from, as it was.
    fn make_room(&mut self, more: usize) -> Option<BytesMut> {
        let (length, room) = (self.buffer.len(), self.buffer.capacity());
        if length == 0 || room - length >= more {
            return None;
        }
        let mut larger = BytesMut::with_capacity((length + more).max(2 * length));
        larger.extend_from_slice(&self.buffer);
        Some(std::mem::replace(&mut self.buffer, larger))
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.discarding.is_none()
    }

    /// Whether what is there goes on with a line that is too long, whose beginning was thrown away.
    pub fn is_discarding(&self) -> bool {
        self.discarding.is_some()
    }

    /// Throws everything away.
    pub fn clear(&mut self) {
        *self = Input::default(); // what was there is wiped as it is dropped
    }

    /// Cuts off a line of at most `limit` octets without its CRLF.
    pub fn line(&mut self, limit: usize) -> Line {
        let from = self.searched.saturating_sub(1);
        let found = memchr::memmem::find(self.buffer.get(from..).unwrap_or_default(), b"\r\n").map(|at| from + at);
        let Some(end) = found else {
            self.searched = self.buffer.len();
            if self.buffer.len() > limit + 1 {
                self.discarding.get_or_insert(verb(&self.buffer));
                // keep the last octet: it may be the CR of the line end
                self.buffer.split_to(self.buffer.len() - 1).zeroize();
                self.searched = 0;
            }
            return Line::Partial;
        };
        let mut line = self.buffer.split_to(end + 2);
        line.truncate(end);
        self.searched = 0;
        let refused = match self.discarding.take() {
            Some(verb) => Line::TooLong(verb),
            None if line.len() > limit => Line::TooLong(verb(&line)),
            None if memchr::memchr3(b'\r', b'\n', 0, &line).is_some() => Line::Malformed(verb(&line)),
            None => return Line::Whole(line),
        };
        line.zeroize();
        refused
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

fn verb(line: &[u8]) -> Verb {
    line.first_chunk().copied().unwrap_or_default()
}

impl Drop for Input {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing is ever left where no other code can wipe it: a buffer that grows is given back, and not freed on the way.
    #[test]
    fn what_is_moved_from_can_be_wiped() {
        let mut input = Input::new();
        let (mut kept, mut moves) = (Vec::new(), 0);
        for octet in b"AUTH PLAIN AGFubgBzZWNyZXQ=".repeat(100) {
            if let Some(left) = input.make_room(1) {
                assert_eq!(left, kept);
                moves += 1;
            }
            let (length, room) = (input.buffer.len(), input.buffer.capacity());
            input.feed(&[octet]);
            assert!(length == 0 || input.buffer.capacity() == room, "the buffer grew by itself");
            kept.push(octet);
        }
        assert!((3..30).contains(&moves), "{moves}");
        assert_eq!(input.octets(), kept);
        input.feed_owned(BytesMut::from(&b"\r\nQUIT\r\n"[..]));
        assert!(matches!(input.line(9999), Line::Whole(line) if line == kept));
        assert!(matches!(input.line(9999), Line::Whole(line) if line == "QUIT"));
    }

    #[test]
    fn what_may_be_a_password_is_not_shown() {
        let mut input = Input::new();
        input.feed(b"PASS pencil\r\nPASS pencil");
        let line = input.line(512);
        assert_eq!(format!("{line:?} {input:?}"), "Whole(11 octets) Input(11 octets)");
        input.feed(b"\r\n");
        assert_eq!(format!("{:?} {:?}", input.line(5), input.line(5)), "TooLong(\"PASS\") Partial");
    }
}
