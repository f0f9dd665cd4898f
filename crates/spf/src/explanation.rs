//! The domain's own words for a fail (RFC 7208 §6.2), made safe to repeat.

use gatepost_dns::Answer;

use crate::macros::{MacroString, Place};
use crate::query::Limits;

/// The explain-string of an answer that has one text; ASCII only.
pub(crate) fn of_answer(answer: &Answer) -> Option<MacroString> {
    let mut texts = answer.texts();
    let (Some(text), None) = (texts.next(), texts.next()) else {
        return None;
    };
    let text = text.as_str().filter(|text| text.is_ascii())?;
    MacroString::parse(text, 0, Place::Explanation).ok()
}

/// One line of printable ASCII: macros may have brought anything in, and it goes into an SMTP reply.
pub(crate) fn make_safe(text: &str, limits: &Limits) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).take(limits.explanation_bytes).collect()
}
