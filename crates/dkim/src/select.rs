//! The octets that a signature covers in the header section (RFC 6376 §3.7, §5.4.2).

use std::cmp::{Ordering, Reverse};

use gatepost_syntax::{Field, HeaderBlock, NameKey};
use smallvec::SmallVec;

use crate::canon::{self, Canonicalization};
use crate::squeeze::Sink;

/// The fields of a header section by name; of each name the last one is taken first, then the one above it, and so on.
/// Where there are many fields, a name costs the logarithm of their number, whatever the names are.
pub(crate) struct Stacks<'a> {
    headers: &'a HeaderBlock,
    /// From the last field to the first where they are few; sorted by name, and then so, where they are many.
    entries: SmallVec<[Entry; FEW]>,
}

/// So many fields are rather looked through than sorted.
const FEW: usize = 32;

#[derive(Clone, Copy)]
struct Entry {
    key: NameKey,
    /// Place of the field in the header section.
    place: usize,
    /// Where fields are few, 1 for one that was taken; where they are many, how many of this name were, counted in the first
    /// entry of the name.
    taken: usize,
}

impl<'a> Stacks<'a> {
    /// All fields but a signature's `own`, which does not exist when it is made (RFC 6376 §3.5: `h=` "MUST NOT include the
    /// DKIM-Signature header field that is being created or verified").
    pub(crate) fn new(headers: &'a HeaderBlock, own: Option<Field<'_>>) -> Self {
        let is_own = |field: &Field<'_>| own.is_some_and(|own| std::ptr::eq(own.raw(), field.raw()));
        let fields = headers.fields().enumerate().rev().filter(|(_, field)| !is_own(field));
        let entries = fields.map(|(place, field)| Entry { key: field.key(), place, taken: 0 }).collect();
        let mut stacks = Stacks { headers, entries };
        if !stacks.are_few() {
            stacks.sort();
        }
        stacks
    }

    fn are_few(&self) -> bool {
        self.entries.len() <= FEW
    }

    fn sort(&mut self) {
        let headers = self.headers;
        self.entries.sort_unstable_by_key(|entry| (entry.key, Reverse(entry.place)));
        for same_key in self.entries.chunk_by_mut(|one, other| one.key == other.key) {
            let first = same_key.first().map_or(&b""[..], |first| name(headers, first));
            if !same_key.iter().all(|entry| name(headers, entry).eq_ignore_ascii_case(first)) {
                same_key.sort_by(|one, other| names(name(headers, one), name(headers, other)));
            }
        }
    }

    /// The next field of a name; a surplus name is nothing.
    pub(crate) fn pop(&mut self, wanted: &[u8]) -> Option<Field<'a>> {
        let key = NameKey::of(wanted);
        if self.are_few() {
            let headers = self.headers;
            let left = self.entries.iter_mut().filter(|entry| entry.key == key && entry.taken == 0);
            let mut named = left.filter_map(|entry| Some((headers.get(entry.place)?, entry)));
            let (field, entry) = named.find(|(field, _)| field.is_named(key, wanted))?;
            entry.taken = 1;
            return Some(field);
        }
        let first = self.first(key, wanted)?;
        let taken = self.entries.get(first)?.taken;
        let field = self.named(first + taken, key, wanted)?;
        if let Some(entry) = self.entries.get_mut(first) {
            entry.taken += 1;
        }
        Some(field)
    }

    /// How many fields have this name.
    pub(crate) fn count(&self, wanted: &[u8]) -> usize {
        let key = NameKey::of(wanted);
        if self.are_few() {
            return (0..self.entries.len()).filter(|at| self.named(*at, key, wanted).is_some()).count();
        }
        let all = self.first(key, wanted).into_iter().flat_map(|first| first..self.entries.len());
        all.take_while(|at| self.named(*at, key, wanted).is_some()).count()
    }

    /// Where the entries of a name begin, of many.
    fn first(&self, key: NameKey, wanted: &[u8]) -> Option<usize> {
        let first = self.entries.partition_point(|entry| entry.key < key);
        let rest = self.entries.get(first..).unwrap_or_default();
        let same_key = rest.partition_point(|entry| entry.key == key);
        let below = |entry: &Entry| names(name(self.headers, entry), wanted).is_lt();
        let first = first + rest.get(..same_key).unwrap_or_default().partition_point(below);
        self.named(first, key, wanted).map(|_| first)
    }

    /// The field of an entry if it has this name.
    fn named(&self, at: usize, key: NameKey, wanted: &[u8]) -> Option<Field<'a>> {
        let entry = self.entries.get(at).filter(|entry| entry.key == key)?;
        self.headers.get(entry.place).filter(|field| field.is_named(key, wanted))
    }

    /// The fields that were not taken, from top to bottom.
    pub(crate) fn rest(mut self) -> Vec<Field<'a>> {
        let few = self.are_few();
        let mut taken = 0;
        self.entries.retain(|entry| {
            if few {
                return entry.taken == 0;
            }
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
