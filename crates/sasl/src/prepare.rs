//! SASLprep (RFC 4013).

use std::borrow::Cow;

use stringprep::tables;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// The text has characters that no user name or password may have, or nothing is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("prohibited characters")]
pub struct PrepareError;

/// Prepares a user name or a password that is to be stored, or that keys are derived from: printable ASCII stays as it is, the
/// rest is mapped and normalized (RFC 4013 §2). What Unicode 3.2 had not assigned is refused: a later version may normalize it
/// otherwise (RFC 3454 §7).
pub fn prepare(text: &str) -> Result<Cow<'_, str>, PrepareError> {
    saslprep(text, Unassigned::Prohibited)
}

/// Prepares a name or a password that is looked up or compared. What is unassigned may be in it (RFC 4616 §2, RFC 5802 §5.1),
/// as in names of a store that knows a newer Unicode.
pub fn prepare_query(text: &str) -> Result<Cow<'_, str>, PrepareError> {
    saslprep(text, Unassigned::Allowed)
}

/// A name that a peer says: UTF-8, prepared, not empty, and at most 255 octets (RFC 4616 §2), before and after: it is what others
/// are told.
pub(crate) fn prepare_name(octets: &[u8]) -> Option<String> {
    query(octets).map(Cow::into_owned).filter(|name| name.len() <= 255)
}

/// A password that a peer says: it may have 255 octets, and normalization makes some characters longer, up to eleven times.
pub(crate) fn prepare_password(octets: &[u8]) -> Option<Secret> {
    query(octets).map(|password| Secret::new(password.into_owned()))
}

fn query(octets: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(octets).ok().filter(|text| text.len() <= 255)?;
    prepare_query(text).ok()
}

/// What a string is for (RFC 3454 §7).
#[derive(Clone, Copy, PartialEq)]
enum Unassigned {
    Allowed,
    Prohibited,
}

/// What is not returned is wiped: the text may be a password.
fn saslprep(text: &str, unassigned: Unassigned) -> Result<Cow<'_, str>, PrepareError> {
    if !text.is_empty() && text.bytes().all(|octet| (b' '..=b'~').contains(&octet)) {
        return Ok(Cow::Borrowed(text));
    }
    let mut mapped = Zeroizing::new(String::with_capacity(text.len())); // nothing becomes longer
    // RFC 4013 §2.1; U+200B is in both tables
    let spaces = text.chars().map(|c| if tables::non_ascii_space_character(c) { ' ' } else { c });
    mapped.extend(spaces.filter(|c| !tables::commonly_mapped_to_nothing(*c)));
    // before it is normalized, for newer versions make something that is assigned of some (RFC 4013 §2.5)
    if unassigned == Unassigned::Prohibited && mapped.contains(tables::unassigned_code_point) {
        return Err(PrepareError);
    }
    let mut prepared = Zeroizing::new(String::with_capacity(normalized(&mapped).map(char::len_utf8).sum()));
    prepared.extend(normalized(&mapped)); // RFC 4013 §2.2
    if prepared.is_empty() || prepared.contains(is_prohibited) || !is_one_way(&prepared) {
        return Err(PrepareError);
    }
    Ok(Cow::Owned(std::mem::take(&mut *prepared)))
}

/// NFKC of Unicode 3.2: what it had not assigned stays as it is, and nothing is composed with it.
fn normalized(text: &str) -> impl Iterator<Item = char> {
    text.split_inclusive(tables::unassigned_code_point).flat_map(|piece| {
        let last = piece.chars().next_back().filter(|c| tables::unassigned_code_point(*c));
        let assigned = last.and_then(|last| piece.strip_suffix(last)).unwrap_or(piece);
        assigned.nfkc().chain(last)
    })
}

/// RFC 4013 §2.3, by the tables of RFC 3454.
fn is_prohibited(c: char) -> bool {
    tables::non_ascii_space_character(c) // C.1.2
        || tables::ascii_control_character(c) // C.2.1
        || tables::non_ascii_control_character(c) // C.2.2
        || tables::private_use(c) // C.3
        || tables::non_character_code_point(c) // C.4
        || tables::inappropriate_for_plain_text(c) // C.6
        || tables::inappropriate_for_canonical_representation(c) // C.7
        || tables::change_display_properties_or_deprecated(c) // C.8
        || tables::tagging_character(c) // C.9
}

/// Right to left from the first to the last character with nothing that runs the other way, or not at all (RFC 3454 §6).
fn is_one_way(text: &str) -> bool {
    let assigned = |c: &char| !tables::unassigned_code_point(*c); // these have no direction in the tables of Unicode 3.2
    let leftward = |c: char| assigned(&c) && tables::bidi_r_or_al(c);
    let rightward = |c: char| assigned(&c) && tables::bidi_l(c);
    !text.contains(leftward) || (text.starts_with(leftward) && text.ends_with(leftward) && !text.contains(rightward))
}
