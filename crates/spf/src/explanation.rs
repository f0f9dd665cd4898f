//! The domain's own words for a fail (RFC 7208 §6.2), made safe to repeat.

use crate::macros::{MacroString, Place};
use crate::query::Limits;
use crate::record::RecordError;

/// Reads the explain-string of a TXT record; ASCII only.
pub(crate) fn parse(text: &[u8]) -> Result<MacroString, RecordError> {
    match std::str::from_utf8(text) {
        Ok(text) if text.is_ascii() => MacroString::parse(text, 0, Place::Explanation),
        _ => Err(RecordError::Character { at: 0 }),
    }
}

/// One line of printable ASCII: macros may have brought anything in, and it goes into an SMTP reply.
pub(crate) fn make_safe(text: &str, limits: &Limits) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).take(limits.explanation_bytes).collect()
}
