//! Line ends: files of other programs may have LF where POP3 wants CRLF.

use std::io::{self, Read};

use gatepost_pop3::server::SurrogateSize;
use memchr::memchr_iter;

/// Octets with each lone LF made a CRLF, in no more memory than the reader gives.
pub(super) struct Crlf<R> {
    inner: R,
    /// Whether the last octet was a CR.
    cr: bool,
    /// What did not fit into the reader's buffer because it grew.
    grown: Vec<u8>,
    at: usize,
}

impl<R: Read> Crlf<R> {
    pub(super) fn new(inner: R) -> Self {
        Crlf { inner, cr: false, grown: Vec::new(), at: 0 }
    }
}

impl<R: Read> Read for Crlf<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.grown.len() {
            let length = self.inner.read(out)?;
            let octets = out.get(..length).unwrap_or_default();
            let (cr, last) = (self.cr, octets.last());
            self.cr = last.map_or(cr, |last| *last == b'\r');
            if lone(octets, cr).next().is_none() {
                return Ok(length); // nearly always
            }
            self.at = 0;
            self.grown.clear();
            extend_with_crlf(&mut self.grown, octets, cr);
        }
        let length = self.grown.get(self.at..).unwrap_or_default().read(out)?;
        self.at += length;
        Ok(length)
    }
}

/// Where the LFs are that have no CR before them; `cr` tells whether one came before the octets.
fn lone(octets: &[u8], cr: bool) -> impl Iterator<Item = usize> {
    memchr_iter(b'\n', octets).filter(move |at| match at.checked_sub(1) {
        Some(before) => octets.get(before) != Some(&b'\r'),
        None => !cr,
    })
}

/// The octets with each lone LF made a CRLF.
pub(super) fn with_crlf(octets: Vec<u8>) -> Vec<u8> {
    let count = lone(&octets, false).count();
    if count == 0 {
        return octets; // nearly always
    }
    let mut out = Vec::with_capacity(octets.len() + count);
    extend_with_crlf(&mut out, &octets, false);
    out
}

fn extend_with_crlf(out: &mut Vec<u8>, octets: &[u8], cr: bool) {
    let mut begin = 0;
    for lf in lone(octets, cr) {
        out.extend_from_slice(octets.get(begin..lf).unwrap_or_default());
        out.push(b'\r');
        begin = lf;
    }
    out.extend_from_slice(octets.get(begin..).unwrap_or_default());
}

/// Counts octets as they are, and as they would be with CRLF line ends.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    pub(super) octets: u64,
    pub(super) crlf: u64,
    cr: bool,
    /// Whether the last line has no end.
    open: bool,
    surrogate: SurrogateSize,
    /// Whether the surrogate is known.
    past_header: bool,
}

impl Sizes {
    pub(super) fn count(&mut self, octets: &[u8]) {
        let length = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        self.octets += length(octets.len());
        let grows = lone(octets, self.cr).count();
        self.crlf += length(octets.len()) + length(grows);
        if grows == 0 {
            self.past_header = !self.surrogate.write(octets);
        } else if !self.past_header {
            let mut grown = Vec::with_capacity(octets.len() + grows);
            extend_with_crlf(&mut grown, octets, self.cr);
            self.past_header = !self.surrogate.write(&grown);
        }
        self.cr = octets.last().map_or(self.cr, |last| *last == b'\r');
        self.open = octets.last().map_or(self.open, |last| *last != b'\n');
    }

    /// How many octets POP3 sends: a last line that does not end gets its CRLF.
    pub(super) fn as_sent(&self) -> u64 {
        if self.open { self.crlf + 2 } else { self.crlf }
    }

    /// How many octets POP3 sends, and how many instead to a client that did not say UTF8, where that is another number.
    pub(super) fn both_as_sent(self) -> (u64, Option<u64>) {
        let size = self.as_sent();
        (size, self.surrogate.of(size))
    }

    /// Of all that is to be read.
    pub(super) fn of(mut reader: impl Read) -> io::Result<Self> {
        let (mut sizes, mut buffer) = (Sizes::default(), vec![0; 64 << 10]);
        loop {
            match reader.read(&mut buffer)? {
                0 => return Ok(sizes),
                length => sizes.count(buffer.get(..length).unwrap_or_default()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives so many octets at a time.
    struct Dribble<'a>(&'a [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let length = out.len().min(self.1);
            self.0.read(&mut out[..length])
        }
    }

    #[test]
    fn line_ends_are_the_same_whatever_the_chunks() {
        let cases = [
            ("", ""),
            ("a\nb\r\nc\n", "a\r\nb\r\nc\r\n"),
            ("\n\n", "\r\n\r\n"),
            ("a\r", "a\r"),
            ("\r\r\n\n", "\r\r\n\r\n"),
        ];
        for (stored, wanted) in cases {
            for (chunk, room) in [(1, 1), (1, 100), (2, 3), (3, 2), (100, 1), (100, 100)] {
                let mut reader = Crlf::new(Dribble(stored.as_bytes(), chunk));
                let (mut out, mut buffer) = (Vec::new(), vec![0; room]);
                loop {
                    match reader.read(&mut buffer).unwrap() {
                        0 => break,
                        length => out.extend_from_slice(&buffer[..length]),
                    }
                }
                assert_eq!(String::from_utf8(out).unwrap(), wanted, "{stored:?} {chunk} {room}");
                assert_eq!(with_crlf(stored.into()), wanted.as_bytes(), "{stored:?}");
                let sizes = Sizes::of(Dribble(stored.as_bytes(), chunk)).unwrap();
                let lengths = [sizes.octets, sizes.crlf].map(|size| usize::try_from(size).unwrap());
                assert_eq!(lengths, [stored.len(), wanted.len()], "{stored:?}");
                let open = if stored.is_empty() || stored.ends_with('\n') { 0 } else { 2 };
                assert_eq!(sizes.as_sent(), sizes.crlf + open, "{stored:?}");
            }
        }
    }
}
