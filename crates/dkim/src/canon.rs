//! Canonicalization (RFC 6376 §3.4): headers whole, the body as a stream with constant state.

use gatepost_syntax::{Field, HeaderBlock};

use crate::squeeze::squeeze;

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
    match canonicalization {
        // RFC 6376 §3.4.1
        Canonicalization::Simple => {
            out.extend_from_slice(field.raw());
            if !field.raw().ends_with(b"\r\n") {
                out.extend_from_slice(b"\r\n");
            }
        }
        Canonicalization::Relaxed => relaxed_header(field.name(), field.body(), out),
    }
}

/// Appends the canonical forms of the fields that an `h=` list selects (RFC 6376 §5.4.2).
pub fn selected_headers<'a>(
    headers: &HeaderBlock,
    names: impl Iterator<Item = &'a str>,
    canonicalization: Canonicalization,
    out: &mut Vec<u8>,
) {
    crate::select::signed_fields(headers, names, canonicalization, out);
}

/// RFC 6376 §3.4.2.
pub(crate) fn relaxed_header(name: &str, body: &[u8], out: &mut Vec<u8>) {
    out.extend(name.bytes().map(|octet| octet.to_ascii_lowercase()));
    out.push(b':');
    let begin = out.len();
    let mut white = false;
    let mut octets = body.iter().copied().peekable();
    while let Some(octet) = octets.next() {
        match octet {
            b' ' | b'\t' => white = true,
            b'\r' if octets.peek() == Some(&b'\n') => drop(octets.next()), // unfolding
            octet => {
                if white && out.len() > begin {
                    out.push(b' ');
                }
                white = false;
                out.push(octet);
            }
        }
    }
    out.extend_from_slice(b"\r\n");
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

    /// Takes a chunk and gives canonical octets to `out`. Only CRLF is a line end; a bare CR or LF is an ordinary octet.
    ///
    /// Up to the last octet that surely stays, everything is decided within the chunk and goes out in large pieces; what is
    /// behind it waits in the state.
    pub fn feed(&mut self, chunk: &[u8], out: &mut impl FnMut(&[u8])) {
        let decided = chunk.iter().rposition(|octet| self.surely_stays(*octet)).map_or(0, |at| at + 1);
        let (mut sure, open) = chunk.split_at_checked(decided).unwrap_or((&[], chunk));
        while let Some((octet, rest)) = sure.split_first().filter(|_| self.cr || self.white) {
            self.step(*octet, out);
            sure = rest;
        }
        if !sure.is_empty() {
            self.write(b"", out); // the line ends that waited
            if self.relaxed { squeeze(sure, out) } else { out(sure) }
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

    fn step(&mut self, octet: u8, out: &mut impl FnMut(&[u8])) {
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

    fn write(&mut self, octets: &[u8], out: &mut impl FnMut(&[u8])) {
        for _ in 0..std::mem::take(&mut self.line_ends) {
            out(b"\r\n");
        }
        if std::mem::take(&mut self.white) {
            out(b" ");
        }
        out(octets);
        self.wrote = true;
    }

    /// Ends the body: trailing empty lines are dropped, and what is left ends in one CRLF. An empty body is CRLF when
    /// simple (RFC 6376 §3.4.3) and nothing when relaxed (§3.4.4).
    pub fn finish(mut self, out: &mut impl FnMut(&[u8])) {
        if self.cr {
            self.write(b"\r", out);
        }
        if self.wrote || !self.relaxed {
            out(b"\r\n");
        }
    }
}

/// The canonical form of a whole body.
pub fn body(octets: &[u8], canonicalization: Canonicalization) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() + 2);
    let mut body = Body::new(canonicalization);
    body.feed(octets, &mut |run| out.extend_from_slice(run));
    body.finish(&mut |run| out.extend_from_slice(run));
    out
}

/// The base64 SHA-256 of the canonical form of a body, as `bh=` has it.
pub fn body_hash(octets: &[u8], canonicalization: Canonicalization) -> String {
    gatepost_syntax::base64::encode(crate::crypto::sha256(&body(octets, canonicalization)))
}
