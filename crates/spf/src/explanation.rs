//! The domain's own words for a fail (RFC 7208 §6.2), made safe to repeat.

use gatepost_dns::Answer;

use crate::macros::{MacroString, Place, Values};
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
pub(crate) fn of_text(text: &MacroString, values: &Values<'_>, limits: &Limits) -> String {
    // a character has four octets at most: what is beyond would be cut off below
    let text = text.expand(values, limits.explanation_bytes.saturating_mul(4));
    text.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).take(limits.explanation_bytes).collect()
}
