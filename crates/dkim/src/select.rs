//! The octets that a signature covers in the header section (RFC 6376 §3.7, §5.4.2).

use std::cmp::{Ordering, Reverse};

use gatepost_syntax::{Field, HeaderBlock};
use smallvec::SmallVec;

use crate::canon::{self, Canonicalization};
use crate::squeeze::Sink;

/// The fields of a header section by name; of each name the last one is taken first, then the one above it, and so on.
/// A name costs the logarithm of the number of fields, whatever the names are.
pub(crate) struct Stacks<'a> {
    headers: &'a HeaderBlock,
    entries: SmallVec<[Entry; 32]>,
}

#[derive(Clone, Copy)]
struct Entry {
    key: u64,
    /// Place of the field in the header section.
    place: usize,
    /// How many of this name were taken; counted in the first entry of the name.
    taken: usize,
}

impl<'a> Stacks<'a> {
    /// All fields but a signature's `own`, which does not exist when it is made (RFC 6376 §3.5: `h=` "MUST NOT include the
    /// DKIM-Signature header field that is being created or verified").
    pub(crate) fn new(headers: &'a HeaderBlock, own: Option<Field<'_>>) -> Self {
        let is_own = |field: &Field<'_>| own.is_some_and(|own| std::ptr::eq(own.raw(), field.raw()));
        let fields = headers.fields().enumerate().filter(|(_, field)| !is_own(field));
        let entries = fields.map(|(place, field)| Entry { key: key(field.name_octets()), place, taken: 0 }).collect();
        let mut stacks = Stacks { headers, entries };
        stacks.entries.sort_unstable_by_key(|entry| (entry.key, Reverse(entry.place)));
        for same_key in stacks.entries.chunk_by_mut(|one, other| one.key == other.key) {
            let first = same_key.first().map_or(&b""[..], |first| name(headers, first));
            if !same_key.iter().all(|entry| name(headers, entry).eq_ignore_ascii_case(first)) {
                same_key.sort_by(|one, other| names(name(headers, one), name(headers, other)));
            }
        }
        stacks
    }

    /// The next field of a name; a surplus name is nothing.
    pub(crate) fn pop(&mut self, wanted: &[u8]) -> Option<Field<'a>> {
        let key = key(wanted);
        let (first, field) = self.first(key, wanted)?;
        let field = match self.entries.get(first)?.taken {
            0 => field,
            taken => self.named(first + taken, key, wanted)?,
        };
        if let Some(entry) = self.entries.get_mut(first) {
            entry.taken += 1;
        }
        Some(field)
    }

    /// How many fields have this name.
    pub(crate) fn count(&self, wanted: &[u8]) -> usize {
        let key = key(wanted);
        let all = self.first(key, wanted).into_iter().flat_map(|(first, _)| first..self.entries.len());
        all.take_while(|at| self.named(*at, key, wanted).is_some()).count()
    }

    /// Where the entries of a name begin, and the first one's field.
    fn first(&self, key: u64, wanted: &[u8]) -> Option<(usize, Field<'a>)> {
        let first = self.entries.partition_point(|entry| entry.key < key);
        if let Some(field) = self.named(first, key, wanted) {
            return Some((first, field));
        }
        // another name has the same key, or there is none
        let rest = self.entries.get(first..).unwrap_or_default();
        let same_key = rest.partition_point(|entry| entry.key == key);
        let below = |entry: &Entry| names(name(self.headers, entry), wanted).is_lt();
        let first = first + rest.get(..same_key).unwrap_or_default().partition_point(below);
        self.named(first, key, wanted).map(|field| (first, field))
    }

    /// The field of an entry if it has this name.
    fn named(&self, at: usize, key: u64, wanted: &[u8]) -> Option<Field<'a>> {
        let entry = self.entries.get(at).filter(|entry| entry.key == key)?;
        self.headers.get(entry.place).filter(|field| field.name_octets().eq_ignore_ascii_case(wanted))
    }

    /// The fields that were not taken, from top to bottom.
    pub(crate) fn rest(mut self) -> Vec<Field<'a>> {
        let mut taken = 0;
        self.entries.retain(|entry| {
            taken += entry.taken;
            let rest = taken == 0;
            taken = taken.saturating_sub(1);
            rest
        });
        self.entries.sort_unstable_by_key(|entry| entry.place);
        self.entries.iter().filter_map(|entry| self.headers.get(entry.place)).collect()
    }
}

fn name<'a>(headers: &'a HeaderBlock, entry: &Entry) -> &'a [u8] {
    headers.get(entry.place).map_or(b"", |field| field.name_octets())
}

/// Tells most names apart in one comparison: the first octets in lower case (some other octets fall together as well) and
/// the length. What is left is up to [`names`].
fn key(name: &[u8]) -> u64 {
    let front = name.first_chunk().copied().unwrap_or_else(|| {
        let mut front = [0; 8];
        front.iter_mut().zip(name).for_each(|(to, octet)| *to = *octet);
        front
    });
    let length = u64::from(u8::try_from(name.len()).unwrap_or(u8::MAX));
    (u64::from_le_bytes(front) | 0x2020_2020_2020_2020) ^ length << 56
}

fn names(one: &[u8], other: &[u8]) -> Ordering {
    let lower = u8::to_ascii_lowercase;
    one.iter().map(lower).cmp(other.iter().map(lower))
}

/// Appends the canonical header fields that `names` selects.
pub(crate) fn signed_fields<'a>(
    mut stacks: Stacks<'_>,
    names: impl Iterator<Item = &'a [u8]>,
    canonicalization: Canonicalization,
    out: &mut impl Sink,
) {
    for field in names.filter_map(|name| stacks.pop(name)) {
        canon::header_to(field, canonicalization, out);
    }
}

/// The signature field itself: its `b=` value emptied, without the final CRLF (RFC 6376 §3.7).
pub(crate) fn unsigned_signature(
    field: Field<'_>,
    b_span: &std::ops::Range<usize>,
    canonicalization: Canonicalization,
    out: &mut impl Sink,
) {
    let (front, back) = (field.body().get(..b_span.start), field.body().get(b_span.end..));
    let parts = [front, back].map(Option::unwrap_or_default);
    match canonicalization {
        Canonicalization::Simple => {
            let front = field.raw().len() - field.body().len() - usize::from(field.raw().ends_with(b"\r\n")) * 2;
            out.write(field.raw().get(..front).unwrap_or_default());
            parts.into_iter().for_each(|part| out.write(part));
        }
        // where the value was, there is `=` on the left and `;` or nothing on the right: no white space meets
        Canonicalization::Relaxed => canon::relaxed_header(field, parts, out),
    }
}
