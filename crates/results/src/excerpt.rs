//! A place in a record, shown to a person.

use std::borrow::Cow;
use std::ops::Range;

use gatepost_syntax::escape;

/// Octets of a record, marked by carets in the record around them. What strangers wrote is escaped, and a long record is cut
/// on both sides of the place.
///
/// ```
/// use gatepost_results::Excerpt;
/// let excerpt = Excerpt::new("v=spf1 ipp4:192.0.2.1 -all", 7..11);
/// assert_eq!(excerpt.lines(), ["v=spf1 ipp4:192.0.2.1 -all", "       ^^^^"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    record: Vec<u8>,
    span: Range<usize>,
}

/// Octets of a record that are shown on each side of what is marked, and half of those that are shown within it.
const CONTEXT: usize = 48;

impl Excerpt {
    /// A place in octets; beyond the record, its end is marked. Of a character that it touches the whole is marked.
    pub fn new(record: impl AsRef<[u8]>, span: Range<usize>) -> Self {
        let record = record.as_ref();
        let continues = |at: usize| record.get(at).is_some_and(|octet| octet & 0b1100_0000 == 0b1000_0000);
        let begin = span.start.min(record.len());
        let start = (begin.saturating_sub(3)..=begin).rev().find(|at| !continues(*at)).unwrap_or(begin);
        let stop = span.end.clamp(begin, record.len());
        let end = (stop..stop.saturating_add(4)).find(|at| !continues(*at)).unwrap_or(stop);
        Excerpt { record: record.to_vec(), span: start..end }
    }

    /// The place, in octets of the record.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The whole record; octets that are no UTF-8 are replaced.
    pub fn record(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.record)
    }

    /// The record, or the part of it around the place, and a line with a caret below each column of the place.
    pub fn lines(&self) -> [String; 2] {
        let part = |from: usize, to: usize| escape(self.record.get(from..to).unwrap_or_default());
        let (end_of_record, Range { start, end }) = (self.record.len(), self.span.clone());
        // a large place is cut at its end, so that its begin stays in sight
        let end = end.min(start.saturating_add(2 * CONTEXT));
        let (from, to) = (start.saturating_sub(CONTEXT), end.saturating_add(CONTEXT).min(end_of_record));
        let before = if from > 0 { format!("...{}", part(from, start)) } else { part(0, start) };
        let after = if to < end_of_record { "..." } else { "" };
        let marked = part(start, end);
        let carets = "^".repeat(marked.len().max(1));
        [format!("{before}{marked}{}{after}", part(end, to)), format!("{}{carets}", " ".repeat(before.len()))]
    }
}
