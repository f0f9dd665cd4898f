//! SASLprep (RFC 4013).

use std::borrow::Cow;

use thiserror::Error;

/// The text has characters that no user name or password may have, or is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("prohibited characters")]
pub struct PrepareError;

/// Prepares a user name or a password: printable ASCII stays as it is, the rest is mapped and normalized (RFC 4013 §2).
pub fn prepare(text: &str) -> Result<Cow<'_, str>, PrepareError> {
    if text.bytes().all(|octet| (b' '..=b'~').contains(&octet)) {
        return Ok(Cow::Borrowed(text));
    }
    stringprep::saslprep(text).map_err(|_| PrepareError)
}

/// Octets of a peer: UTF-8, prepared, not empty, and at most 255 octets (RFC 4616 §2), before and after: normalization makes
/// some characters longer.
pub(crate) fn prepare_octets(octets: &[u8]) -> Option<String> {
    let fits = |text: &&str| (1..=255).contains(&text.len());
    let text = std::str::from_utf8(octets).ok().filter(fits).filter(|text| !text.contains('\0'))?;
    prepare(text).ok().filter(|text| fits(&&**text)).map(Cow::into_owned)
}
