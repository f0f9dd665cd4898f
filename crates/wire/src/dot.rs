//! Dot-stuffing (RFC 5321 §4.5.2, RFC 1939 §3): reading ends at CRLF.CRLF only, writing never lets a dot stand alone.

use bytes::Bytes;

use crate::line::Input;

/// Reads dot-stuffed data to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DotReader {
    state: State,
    /// A bare CR, a bare LF or a NUL was seen: the data must be refused when it has ended.
    bare: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    LineStart,
    /// A dot at the start of a line.
    Dot,
    /// And a CR behind it.
    DotCr,
    Middle,
    /// A CR within a line.
    Cr,
}

/// What a reader made of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unstuffed {
    /// Octets of the data, a slice of the input.
    Data(Bytes),
    /// The data has ended.
    End {
        /// Whether there was a bare CR, a bare LF or a NUL in it.
        bare: bool,
    },
    /// More input is needed.
    NeedMore,
}

impl Default for DotReader {
    fn default() -> Self {
        DotReader::new()
    }
}

impl DotReader {
    /// At the start of the data.
    pub fn new() -> Self {
        DotReader { state: State::LineStart, bare: false }
    }

    /// Takes what it can from the input. Stuffed dots and the end's dot are left out; nothing is copied.
    pub fn read(&mut self, input: &mut Input) -> Unstuffed {
        loop {
            let octets = input.octets();
            let Some(&first) = octets.first() else {
                return Unstuffed::NeedMore;
            };
            match self.state {
                State::LineStart if first == b'.' => {
                    input.take(1);
                    self.state = State::Dot;
                }
                State::Dot if first == b'\r' => match octets.get(1) {
                    None => return Unstuffed::NeedMore,
                    Some(b'\n') => {
                        input.take(2);
                        return Unstuffed::End { bare: self.bare };
                    }
                    // the dot was stuffed, the CR is bare
                    Some(_) => self.state = State::DotCr,
                },
                _ => {
                    let length = self.run(octets);
                    return Unstuffed::Data(input.take(length));
                }
            }
        }
    }

    /// How many octets are data up to the next line start with a dot; follows line ends on the way.
    fn run(&mut self, octets: &[u8]) -> usize {
        let mut at = 0;
        loop {
            let rest = octets.get(at..).unwrap_or_default();
            if self.state == State::Cr {
                match rest.first() {
                    None => return at,
                    Some(b'\n') => {
                        at += 1;
                        self.state = State::LineStart;
                        if octets.get(at) == Some(&b'.') || at == octets.len() {
                            return at;
                        }
                        continue;
                    }
                    Some(_) => self.bare = true,
                }
            }
            self.state = State::Middle;
            let Some(found) = memchr::memchr3(b'\r', b'\n', 0, rest) else {
                return octets.len();
            };
            at += found + 1;
            if rest.get(found) == Some(&b'\r') { self.state = State::Cr } else { self.bare = true }
        }
    }
}

/// Writes dot-stuffed data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DotWriter {
    line_start: bool,
    cr: bool,
    bare: bool,
}

impl Default for DotWriter {
    fn default() -> Self {
        DotWriter::new()
    }
}

impl DotWriter {
    /// At the start of the data.
    pub fn new() -> Self {
        DotWriter { line_start: true, cr: false, bare: false }
    }

    /// Appends octets, with a dot before each line that begins with one.
    pub fn write(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let mut begin = 0;
        for (at, &octet) in octets.iter().enumerate() {
            if self.line_start && octet == b'.' {
                out.extend_from_slice(octets.get(begin..at).unwrap_or_default());
                out.push(b'.');
                begin = at;
            }
            self.bare |= (octet == b'\n') != self.cr;
            self.line_start = self.cr && octet == b'\n';
            self.cr = octet == b'\r';
        }
        out.extend_from_slice(octets.get(begin..).unwrap_or_default());
    }

    /// Whether a bare CR or LF is certain already: a CR at the end may yet get its LF.
    pub fn has_bare_line_end(&self) -> bool {
        self.bare
    }

    /// Whether a bare CR or LF was written: such data must not be sent (RFC 5321 §2.3.8).
    pub fn is_bare(&self) -> bool {
        self.bare || self.cr
    }

    /// Appends the end: a CRLF if the last line has none, and a dot on a line of its own.
    pub fn finish(self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.line_start { b".\r\n" } else { b"\r\n.\r\n" });
    }
}
