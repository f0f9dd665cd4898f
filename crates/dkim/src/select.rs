//! The octets that a signature covers in the header section (RFC 6376 §3.7, §5.4.2).

use std::cmp::{Ordering, Reverse};

use gatepost_syntax::{Field, HeaderBlock, NameKey};

use crate::canon::{self, Canonicalization};
use crate::squeeze::{BLOCK, Sink, first, places};

/// The fields of a header section by name; of each name the last one is taken first, then the one above it, and so on.
pub(crate) struct Stacks<'a> {
    headers: &'a HeaderBlock,
    fields: Fields,
}

/// Up to [`BLOCK`] fields are found by an octet of their keys, all at a time. Where there are more, a name costs the
/// logarithm of their number, whatever the names are.
enum Fields {
    Few {
        /// Of each field's key one octet.
        octets: [u8; BLOCK],
        /// The fields that were not taken, a bit each.
        left: u64,
    },
    Many(Vec<Entry>),
}

#[derive(Clone, Copy)]
struct Entry {
    key: NameKey,
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
        if headers.fields().len() > BLOCK {
            let fields = headers.fields().enumerate().filter(|(_, field)| !is_own(field));
            let entries = fields.map(|(place, field)| Entry { key: field.key(), place, taken: 0 }).collect();
            return Stacks { headers, fields: Fields::Many(sorted(headers, entries)) };
        }
        let (mut octets, mut left) = ([0; BLOCK], first(headers.fields().len()));
        for ((place, field), octet) in headers.fields().enumerate().zip(&mut octets) {
            *octet = field.key().octet();
            left &= !(u64::from(is_own(&field)) << place);
        }
        Stacks { headers, fields: Fields::Few { octets, left } }
    }

    /// The next field of a name; a surplus name is nothing.
    pub(crate) fn pop(&mut self, wanted: &[u8]) -> Option<Field<'a>> {
        let (headers, key) = (self.headers, NameKey::of(wanted));
        match &mut self.fields {
            Fields::Few { octets, left } => {
                let (place, field) = last_first(headers, places(octets, key.octet()) & *left, key, wanted).next()?;
                *left &= !(1 << place);
                Some(field)
            }
            Fields::Many(entries) => {
                let first = begin(headers, entries, key, wanted)?;
                let taken = entries.get(first)?.taken;
                let field = named(headers, entries.get(first + taken), key, wanted)?;
                if let Some(entry) = entries.get_mut(first) {
                    entry.taken += 1;
                }
                Some(field)
            }
        }
    }

    /// How many fields have this name.
    pub(crate) fn count(&self, wanted: &[u8]) -> usize {
        let (headers, key) = (self.headers, NameKey::of(wanted));
        match &self.fields {
            Fields::Few { octets, .. } => {
                let all = first(headers.fields().len());
                last_first(headers, places(octets, key.octet()) & all, key, wanted).count()
            }
            Fields::Many(entries) => {
                let begin = begin(headers, entries, key, wanted).unwrap_or(entries.len());
                let from = entries.get(begin..).unwrap_or_default();
                from.iter().take_while(|entry| named(headers, Some(entry), key, wanted).is_some()).count()
            }
        }
    }

    /// The fields that were not taken, from top to bottom.
    pub(crate) fn rest(self) -> Vec<Field<'a>> {
        let headers = self.headers;
        match self.fields {
            Fields::Few { left, .. } => headers
                .fields()
                .enumerate()
                .filter(|(place, _)| left >> place & 1 == 1)
                .map(|(_, field)| field)
                .collect(),
            Fields::Many(mut entries) => {
                let mut taken = 0;
                entries.retain(|entry| {
                    taken += entry.taken;
                    let rest = taken == 0;
                    taken = taken.saturating_sub(1);
                    rest
                });
                entries.sort_unstable_by_key(|entry| entry.place);
                entries.iter().filter_map(|entry| headers.get(entry.place)).collect()
            }
        }
    }
}

/// Of the fields at these places those that have the name, from the last one on.
fn last_first<'a>(
    headers: &'a HeaderBlock,
    mut places: u64,
    key: NameKey,
    wanted: &[u8],
) -> impl Iterator<Item = (usize, Field<'a>)> {
    let place = std::iter::from_fn(move || {
        let place = places.checked_ilog2()?;
        places &= !(1 << place);
        usize::try_from(place).ok()
    });
    let field = move |place| Some((place, headers.get(place).filter(|field| field.is_named(key, wanted))?));
    place.filter_map(field)
}

/// By name, the last field of each name first.
fn sorted(headers: &HeaderBlock, mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_unstable_by_key(|entry| (entry.key, Reverse(entry.place)));
    for same_key in entries.chunk_by_mut(|one, other| one.key == other.key) {
        let first = same_key.first().map_or(&b""[..], |first| name(headers, first));
        if !same_key.iter().all(|entry| name(headers, entry).eq_ignore_ascii_case(first)) {
            same_key.sort_by(|one, other| names(name(headers, one), name(headers, other)));
        }
    }
    entries
}

/// Where the entries of a name begin.
fn begin(headers: &HeaderBlock, entries: &[Entry], key: NameKey, wanted: &[u8]) -> Option<usize> {
    let first = entries.partition_point(|entry| entry.key < key);
    let rest = entries.get(first..).unwrap_or_default();
    let same_key = rest.partition_point(|entry| entry.key == key);
    let below = |entry: &Entry| names(name(headers, entry), wanted).is_lt();
    let first = first + rest.get(..same_key).unwrap_or_default().partition_point(below);
    named(headers, entries.get(first), key, wanted).map(|_| first)
}

/// The field of an entry if it has this name.
fn named<'a>(headers: &'a HeaderBlock, entry: Option<&Entry>, key: NameKey, wanted: &[u8]) -> Option<Field<'a>> {
    headers.get(entry?.place).filter(|field| field.is_named(key, wanted))
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
    let parts = [0..b_span.start, b_span.end..field.body().len()];
    match canonicalization {
        Canonicalization::Simple => {
            let front = field.raw().len() - field.body().len() - usize::from(field.raw().ends_with(b"\r\n")) * 2;
            out.write(field.raw().get(..front).unwrap_or_default());
            parts.into_iter().for_each(|part| out.write(field.body().get(part).unwrap_or_default()));
        }
        // where the value was, there is `=` on the left and `;` or nothing on the right: no white space meets
        Canonicalization::Relaxed => canon::relaxed_header(field, parts, out),
    }
}
