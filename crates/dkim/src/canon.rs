//! Canonicalization (RFC 6376 §3.4): headers whole, the body as a stream with constant state.

use std::ops::Range;

use gatepost_syntax::{Field, HeaderBlock};

use crate::select::{self, Stacks};
use crate::squeeze::{Sink, padded, squeeze, unfold};

/// How tolerant of changes on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Canonicalization {
    /// Almost none.
    #[default]
    Simple,
    /// White space may change.
    Relaxed,
}

impl Canonicalization {
    /// The word of the `c=` tag.
    pub fn word(self) -> &'static str {
        match self {
            Canonicalization::Simple => "simple",
            Canonicalization::Relaxed => "relaxed",
        }
    }

    /// The one that it is not.
    pub(crate) fn other(self) -> Self {
        if self == Canonicalization::Simple { Canonicalization::Relaxed } else { Canonicalization::Simple }
    }

    /// The canonicalization of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Canonicalization::Simple, Canonicalization::Relaxed].into_iter().find(|c| c.word() == word)
    }
}

/// The `c=` tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Canonicalizations {
    /// For header fields.
    pub header: Canonicalization,
    /// For the body.
    pub body: Canonicalization,
}

impl Canonicalizations {
    /// `header["/"body]`; a body left out is simple (RFC 6376 §3.5).
    pub fn parse(text: &str) -> Option<Self> {
        let (header, body) = text.split_once('/').unwrap_or((text, "simple"));
        Some(Canonicalizations {
            header: Canonicalization::from_word(header)?,
            body: Canonicalization::from_word(body)?,
        })
    }
}

/// Appends the canonical form of a header field, with its CRLF.
pub fn header(field: Field<'_>, canonicalization: Canonicalization, out: &mut Vec<u8>) {
    header_to(field, canonicalization, out);
}

pub(crate) fn header_to(field: Field<'_>, canonicalization: Canonicalization, out: &mut impl Sink) {
    match canonicalization {
        Canonicalization::Simple => out.write(field.raw().strip_suffix(b"\r\n").unwrap_or(field.raw())), // RFC 6376 §3.4.1
        Canonicalization::Relaxed => {
            let whole = 0..field.body().len();
            relaxed_header(field, [whole], out);
        }
    }
    out.put(*b"\r\n");
}

/// Appends the canonical forms of the fields that an `h=` list selects (RFC 6376 §5.4.2).
pub fn selected_headers<'a>(
    headers: &HeaderBlock,
    names: impl Iterator<Item = &'a str>,
    canonicalization: Canonicalization,
    out: &mut Vec<u8>,
) {
    select::signed_fields(Stacks::new(headers, None), names.map(str::as_bytes), canonicalization, out);
}

/// RFC 6376 §3.4.2, without the final CRLF: the name in lower case, then these parts of the body, each without white space
/// at either end.
pub(crate) fn relaxed_header<const N: usize>(field: Field<'_>, parts: [Range<usize>; N], out: &mut impl Sink) {
    let (mut rest, mut left) = (field.onwards(), field.name_octets().len());
    while left > 0 {
        let octets: [u8; LOWERED] = rest.first_chunk().copied().unwrap_or_else(|| padded(rest));
        out.fill(|room: &mut [u8; LOWERED]| {
            *room = octets;
            room.make_ascii_lowercase();
            left.min(LOWERED)
        });
        rest = rest.get(LOWERED..).unwrap_or_default();
        left = left.saturating_sub(LOWERED);
    }
    out.put(*b":");
    let (body, onwards) = (field.body(), field.body_onwards());
    for part in parts {
        let (blanks, length) = trimmed(body.get(part.clone()).unwrap_or_default());
        unfold(onwards.get(part.start + blanks..).unwrap_or_default(), length, out);
    }
}

/// Octets of a name that are turned into lower case at a time.
const LOWERED: usize = 32;

/// How many octets at the front are white space and folds, and how many are left without those at either end.
fn trimmed(mut body: &[u8]) -> (usize, usize) {
    let length = body.len();
    while let [b' ' | b'\t', rest @ ..] | [b'\r', b'\n', rest @ ..] = body {
        body = rest;
    }
    let blanks = length - body.len();
    while let [rest @ .., b' ' | b'\t'] | [rest @ .., b'\r', b'\n'] = body {
        body = rest;
    }
    (blanks, body.len())
}

/// Canonicalizes a body that arrives in chunks of any size. Trailing line ends and white space are held back as a counter
/// and a flag, whatever their number.
#[derive(Clone, Debug)]
pub struct Body {
    relaxed: bool,
    /// Line ends that count only if something follows.
    line_ends: u64,
    /// A CR that may begin a line end.
    cr: bool,
    /// White space that counts only if something of the same line follows.
    white: bool,
    wrote: bool,
}

impl Body {
    /// Before the first octet.
    pub fn new(canonicalization: Canonicalization) -> Self {
        let relaxed = canonicalization == Canonicalization::Relaxed;
        Body { relaxed, line_ends: 0, cr: false, white: false, wrote: false }
    }

    /// Takes a chunk and appends canonical octets to `out`. Only CRLF is a line end; a bare CR or LF is an ordinary octet.
    pub fn feed(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        self.feed_to(chunk, out);
    }

    /// Up to the last octet that surely stays, everything is decided within the chunk and goes out in large pieces; what is
    /// behind it waits in the state.
    pub(crate) fn feed_to(&mut self, chunk: &[u8], out: &mut impl Sink) {
        let decided = chunk.iter().rposition(|octet| self.surely_stays(*octet)).map_or(0, |at| at + 1);
        let (mut sure, open) = chunk.split_at_checked(decided).unwrap_or((&[], chunk));
        while let Some((octet, rest)) = sure.split_first().filter(|_| self.cr || self.white) {
            self.step(*octet, out);
            sure = rest;
        }
        if !sure.is_empty() {
            self.write(b"", out); // the line ends that waited
            if self.relaxed { squeeze(sure, out) } else { out.write(sure) }
        }
        open.iter().for_each(|octet| self.step(*octet, out));
    }

    fn surely_stays(&self, octet: u8) -> bool {
        match octet {
            b'\r' | b'\n' => false,
            b' ' | b'\t' => !self.relaxed,
            _ => true,
        }
    }

    fn step(&mut self, octet: u8, out: &mut impl Sink) {
        if std::mem::take(&mut self.cr) {
            if octet == b'\n' {
                self.white = false; // RFC 6376 §3.4.4: white space at the end of a line
                self.line_ends += 1;
                return;
            }
            self.write(b"\r", out);
        }
        match octet {
            b'\r' => self.cr = true,
            b' ' | b'\t' if self.relaxed => self.white = true,
            octet => self.write(&[octet], out),
        }
    }

    fn write(&mut self, octets: &[u8], out: &mut impl Sink) {
        for _ in 0..std::mem::take(&mut self.line_ends) {
            out.write(b"\r\n");
        }
        if std::mem::take(&mut self.white) {
            out.write(b" ");
        }
        out.write(octets);
        self.wrote = true;
    }

    /// Ends the body: trailing empty lines are dropped, and what is left ends in one CRLF. An empty body is CRLF when
    /// simple (RFC 6376 §3.4.3) and nothing when relaxed (§3.4.4).
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.finish_to(out);
    }

    pub(crate) fn finish_to(&mut self, out: &mut impl Sink) {
        if self.cr {
            self.write(b"\r", out);
        }
        if self.wrote || !self.relaxed {
            out.write(b"\r\n");
        }
    }
}

/// The canonical form of a whole body.
pub fn body(octets: &[u8], canonicalization: Canonicalization) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() + 2);
    let mut body = Body::new(canonicalization);
    body.feed(octets, &mut out);
    body.finish(&mut out);
    out
}

/// The base64 SHA-256 of the canonical form of a body, as `bh=` has it.
pub fn body_hash(octets: &[u8], canonicalization: Canonicalization) -> String {
    gatepost_syntax::base64::encode(crate::crypto::sha256(&body(octets, canonicalization)))
}
