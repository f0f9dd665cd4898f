//! The header section as raw bytes: split once, shared by all who judge the message.
//!
//! Law: the fields re-concatenate to the input. Only CRLF ends a line; a bare CR or LF is an ordinary octet and a
//! [`Defect`], so that it can not hide a field (RFC 6376 §5.3).

mod field;

use std::ops::Range;

use thiserror::Error;

use field::Shape;
pub use field::{Field, NameKey};

/// Bounds of a header section.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeaderLimits {
    /// Octets of the whole section (default 256 KiB).
    pub bytes: usize,
    /// Number of fields (default 2000).
    pub fields: usize,
    /// Octets of one field with its continuation lines (default 64 KiB).
    pub field_bytes: usize,
}

impl Default for HeaderLimits {
    fn default() -> Self {
        HeaderLimits { bytes: 256 << 10, fields: 2000, field_bytes: 64 << 10 }
    }
}

/// A limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// See [`HeaderLimits::bytes`].
    #[error("the header section is longer than {limit} octets")]
    Long {
        /// The limit.
        limit: usize,
    },
    /// See [`HeaderLimits::fields`].
    #[error("more than {limit} header fields")]
    Many {
        /// The limit.
        limit: usize,
    },
    /// See [`HeaderLimits::field_bytes`].
    #[error("a header field is longer than {limit} octets")]
    LongField {
        /// The limit.
        limit: usize,
    },
}

/// What is wrong with a header section that could be split all the same; a receiver should refuse such a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Defect {
    /// The first line begins with white space: a continuation of nothing.
    #[error("the header section begins with a folded line")]
    LeadingContinuation,
    /// A line that is no field and no continuation.
    #[error("a header line without a colon at byte {at}")]
    NoColon {
        /// Where the line begins.
        at: usize,
    },
    /// A field name with octets that RFC 5322 §2.2 does not allow, or an empty one.
    #[error("a malformed field name at byte {at}")]
    Name {
        /// Where the field begins.
        at: usize,
    },
    /// CR without LF or LF without CR.
    #[error("a bare CR or LF at byte {at}")]
    BareLineEnd {
        /// Where it stands.
        at: usize,
    },
    /// NUL (RFC 5322 §4).
    #[error("a NUL at byte {at}")]
    Nul {
        /// Where it stands.
        at: usize,
    },
}

/// A header section: its octets and where each field lies in them.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct HeaderBlock {
    raw: Vec<u8>,
    fields: Vec<(Range<usize>, Shape)>,
    defect: Option<Defect>,
}

impl HeaderBlock {
    /// Splits a whole message; also tells where its body begins.
    ///
    /// ```
    /// use gatepost_syntax::{HeaderBlock, HeaderLimits};
    /// let (headers, body) = HeaderBlock::parse(b"From: a@b.example\r\nX:\r\n y\r\n\r\nhi", &HeaderLimits::default()).unwrap();
    /// assert_eq!(headers.fields().len(), 2);
    /// assert_eq!(body, 29);
    /// ```
    pub fn parse(message: &[u8], limits: &HeaderLimits) -> Result<(Self, usize), HeaderError> {
        let mut splitter = Splitter::new(limits);
        let body = match splitter.feed(message)? {
            Fed::Complete { used } => used,
            Fed::NeedMore => message.len(),
        };
        Ok((splitter.finish()?, body))
    }

    /// The octets of all fields, without the blank line.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The fields from top to bottom.
    pub fn fields(&self) -> impl DoubleEndedIterator<Item = Field<'_>> + ExactSizeIterator {
        self.fields.iter().map(|shaped| self.field(shaped))
    }

    /// The field at a place, counted from the top; at the same cost wherever it is, as `fields().nth()` is not.
    pub fn get(&self, place: usize) -> Option<Field<'_>> {
        self.fields.get(place).map(|shaped| self.field(shaped))
    }

    fn field(&self, (range, shape): &(Range<usize>, Shape)) -> Field<'_> {
        Field::within(self.raw.get(range.start..).unwrap_or_default(), range.len(), *shape)
    }

    /// The fields of this name, in any case, from top to bottom.
    pub fn named<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = Field<'a>> {
        let key = NameKey::of(name.as_bytes());
        self.fields().filter(move |field| field.is_named(key, name.as_bytes()))
    }

    /// The first thing that is wrong with the section, if anything is.
    pub fn defect(&self) -> Option<Defect> {
        self.defect
    }
}

/// What became of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fed {
    /// All of the chunk belongs to the header section, which goes on.
    NeedMore,
    /// The header section ended within this chunk.
    Complete {
        /// How many octets of the chunk belong to it, the blank line included; the rest is body.
        used: usize,
    },
}

/// Octets copied at a time: of a body that follows in the same chunk, no more than these are copied in vain.
const PIECE: usize = 4 << 10;

/// Collects a header section that arrives in chunks of any size; no octet is looked at twice for line ends.
///
/// What it says depends on the octets alone, never on where chunks end: a limit is reached at a certain octet, and the
/// limit that is reached first is the one reported. After an error every further call says the same error.
#[derive(Clone, Debug)]
pub struct Splitter {
    raw: Vec<u8>,
    /// Where the unfinished line begins.
    line_begin: usize,
    /// Whether that line is known to be a header line, neither nothing yet nor perhaps the blank line.
    line_open: bool,
    /// No limit is reached before.
    fits: usize,
    /// Where the fields lie as far as they are known; each ends where the next one begins.
    fields: Vec<(Range<usize>, Shape)>,
    limits: HeaderLimits,
    complete: bool,
    failed: Option<HeaderError>,
}

impl Splitter {
    /// A splitter before the first octet.
    pub fn new(limits: &HeaderLimits) -> Self {
        Splitter {
            raw: Vec::new(),
            line_begin: 0,
            line_open: false,
            fits: 0,
            fields: Vec::with_capacity(32),
            limits: limits.clone(),
            complete: false,
            failed: None,
        }
    }

    /// Takes the next chunk. After [`Fed::Complete`] further chunks are body: they are not used.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<Fed, HeaderError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.complete {
            return Ok(Fed::Complete { used: 0 });
        }
        let mut before = 0;
        for piece in chunk.chunks(PIECE) {
            match self.scan(piece) {
                Ok(Fed::NeedMore) => before += piece.len(),
                Ok(Fed::Complete { used }) => return Ok(Fed::Complete { used: before + used }),
                Err(error) => {
                    self.failed = Some(error);
                    return Err(error);
                }
            }
        }
        Ok(Fed::NeedMore)
    }

    fn scan(&mut self, chunk: &[u8]) -> Result<Fed, HeaderError> {
        let before = self.raw.len();
        // room for the blank line behind a section that just fits; with both octets there, "too long" is certain
        let room = self.limits.bytes.saturating_add(2).saturating_sub(before);
        self.raw.extend_from_slice(chunk.get(..room.min(chunk.len())).unwrap_or_default());
        let mut from = before;
        while let Some(found) = memchr::memchr(b'\n', self.raw.get(from..).unwrap_or_default()) {
            let end = from + found + 1;
            from = end;
            if end.checked_sub(2).and_then(|cr| self.raw.get(cr)) != Some(&b'\r') {
                continue;
            }
            if end - self.line_begin == 2 {
                self.raw.truncate(self.line_begin);
                self.complete = true;
                return Ok(Fed::Complete { used: end - before });
            }
            self.take_line(end)?;
            self.line_begin = end;
            self.line_open = false;
        }
        match self.raw.get(self.line_begin..) {
            None | Some([] | [b'\r']) => {} // the blank line may be beginning
            Some(_) => self.take_line(self.raw.len())?,
        }
        Ok(Fed::NeedMore)
    }

    /// The section as collected; what follows the last CRLF counts as a last line.
    pub fn finish(mut self) -> Result<HeaderBlock, HeaderError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.line_begin < self.raw.len() {
            self.take_line(self.raw.len())?;
        }
        let mut end = self.raw.len();
        for (range, shape) in self.fields.iter_mut().rev() {
            range.end = end;
            end = range.start;
            *shape = Shape::of(self.raw.get(range.clone()).unwrap_or_default());
        }
        let defect = first_defect(&self.raw, &self.fields);
        Ok(HeaderBlock { raw: self.raw, fields: self.fields, defect })
    }

    /// Takes the octets up to `end` into the current line, which may go on; the first ones open a field unless folded.
    fn take_line(&mut self, end: usize) -> Result<(), HeaderError> {
        if !self.line_open {
            let folded = matches!(self.raw.get(self.line_begin), Some(b' ' | b'\t'));
            if !folded || self.fields.is_empty() {
                if self.fields.len() >= self.limits.fields {
                    return Err(HeaderError::Many { limit: self.limits.fields });
                }
                self.fields.push((self.line_begin..self.line_begin, Shape::default()));
                self.fits = self.line_begin.saturating_add(self.limits.field_bytes).min(self.limits.bytes);
            }
            self.line_open = true;
        }
        if end <= self.fits {
            return Ok(());
        }
        let begin = self.fields.last().map_or(0, |(range, _)| range.start);
        let field_end = begin.saturating_add(self.limits.field_bytes);
        if end > field_end && field_end < self.limits.bytes {
            return Err(HeaderError::LongField { limit: self.limits.field_bytes });
        }
        if end > self.limits.bytes {
            return Err(HeaderError::Long { limit: self.limits.bytes });
        }
        Ok(())
    }
}

fn first_defect(raw: &[u8], fields: &[(Range<usize>, Shape)]) -> Option<Defect> {
    if matches!(raw.first(), Some(b' ' | b'\t')) {
        return Some(Defect::LeadingContinuation);
    }
    if let Some((range, _)) = fields.iter().find(|(_, shape)| shape.name == 0) {
        let (at, field) = (range.start, raw.get(range.clone()).unwrap_or_default());
        let colon = memchr::memchr(b':', field).is_some();
        return Some(if colon { Defect::Name { at } } else { Defect::NoColon { at } });
    }
    // without a way out, so that many octets are looked at at once
    let odd = |odd, (octet, next): (&u8, &u8)| odd | ((*octet == b'\r') != (*next == b'\n')) | (*octet == 0);
    let within = raw.iter().zip(raw.get(1..).unwrap_or_default()).fold(false, odd);
    if !within && raw.first() != Some(&b'\n') && !matches!(raw.last(), Some(b'\r' | 0)) {
        return None;
    }
    for at in memchr::memchr3_iter(b'\r', b'\n', 0, raw) {
        let previous = at.checked_sub(1).and_then(|before| raw.get(before));
        match raw.get(at) {
            Some(0) => return Some(Defect::Nul { at }),
            Some(b'\r') if raw.get(at + 1) != Some(&b'\n') => return Some(Defect::BareLineEnd { at }),
            Some(b'\n') if previous != Some(&b'\r') => return Some(Defect::BareLineEnd { at }),
            _ => {}
        }
    }
    None
}
