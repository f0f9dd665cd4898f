//! Dot-stuffing (RFC 5321 §4.5.2, RFC 1939 §3): reading ends at CRLF.CRLF only, writing never lets a dot stand alone.

use bytes::Bytes;

use crate::line::Input;
use crate::scan::LineCheck;

/// Reads dot-stuffed data to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DotReader {
    state: State,
    check: LineCheck,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Data,
    /// Behind a dot at the start of a line, which is not part of the data.
    Dot,
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
        DotReader { state: State::Data, check: LineCheck::new() }
    }

    /// Takes what it can from the input. Stuffed dots and the end's dot are left out; nothing is copied.
    pub fn read(&mut self, input: &mut Input) -> Unstuffed {
        loop {
            let octets = input.octets();
            match (self.state, octets) {
                (_, []) | (State::Dot, [b'\r']) => return Unstuffed::NeedMore,
                (State::Data, [b'.', ..]) if self.check.is_at_line_start() => {
                    input.take(1);
                    self.state = State::Dot;
                }
                (State::Dot, [b'\r', b'\n', ..]) => {
                    input.take(2);
                    return Unstuffed::End { bare: self.check.is_bare_already() };
                }
                _ => {
                    self.state = State::Data;
                    let length = self.check.feed_line(octets);
                    return Unstuffed::Data(input.take(length));
                }
            }
        }
    }
}

/// Writes dot-stuffed data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DotWriter {
    check: LineCheck,
}

impl DotWriter {
    /// At the start of the data.
    pub fn new() -> Self {
        DotWriter::default()
    }

    /// Appends octets, with a dot before each line that begins with one.
    pub fn write(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let mut rest = octets;
        while let Some(first) = rest.first() {
            if *first == b'.' && self.check.is_at_line_start() {
                out.push(b'.');
            }
            let (run, behind) = rest.split_at_checked(self.check.feed_line(rest)).unwrap_or((rest, &[]));
            out.extend_from_slice(run);
            rest = behind;
        }
    }

    /// Whether a bare CR, a bare LF or a NUL is certain already: a CR at the end may yet get its LF.
    pub fn is_bare_already(&self) -> bool {
        self.check.is_bare_already()
    }

    /// Whether a bare CR, a bare LF or a NUL was written: such data must not be sent (RFC 5321 §2.3.8).
    pub fn is_bare(&self) -> bool {
        self.check.is_bare()
    }

    /// Appends the end: a CRLF if the last line has none, and a dot on a line of its own.
    pub fn finish(self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.check.is_at_line_start() { b".\r\n" } else { b"\r\n.\r\n" });
    }
}
