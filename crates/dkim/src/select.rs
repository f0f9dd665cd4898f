//! The octets that a signature covers in the header section (RFC 6376 §3.7, §5.4.2).

use std::collections::HashMap;

use gatepost_syntax::{Field, HeaderBlock};

use crate::canon::{self, Canonicalization};

/// The canonical header fields that `names` selects: of each name the last field first, then the one above it, and so on; a
/// surplus name is nothing. Linear in names and fields.
pub(crate) fn signed_fields<'a>(
    headers: &HeaderBlock,
    names: impl Iterator<Item = &'a str>,
    canonicalization: Canonicalization,
    out: &mut Vec<u8>,
) {
    let mut left: HashMap<String, Vec<Field<'_>>> = HashMap::new();
    for field in headers.fields() {
        left.entry(field.name().to_ascii_lowercase()).or_default().push(field);
    }
    for name in names {
        if let Some(field) = left.get_mut(&name.to_ascii_lowercase()).and_then(Vec::pop) {
            canon::header(field, canonicalization, out);
        }
    }
}

/// The signature field itself: its `b=` value emptied, without the final CRLF (RFC 6376 §3.7).
pub(crate) fn unsigned_signature(
    field: Field<'_>,
    b_span: &std::ops::Range<usize>,
    canonicalization: Canonicalization,
    out: &mut Vec<u8>,
) {
    let (before, after) = (field.body().get(..b_span.start), field.body().get(b_span.end..));
    let body = [before.unwrap_or_default(), after.unwrap_or_default()].concat();
    match canonicalization {
        Canonicalization::Simple => {
            let front = field.raw().len() - field.body().len() - usize::from(field.raw().ends_with(b"\r\n")) * 2;
            out.extend_from_slice(field.raw().get(..front).unwrap_or_default());
            out.extend_from_slice(&body);
        }
        Canonicalization::Relaxed => {
            canon::relaxed_header(field.name(), &body, out);
            out.truncate(out.len().saturating_sub(2));
        }
    }
}
