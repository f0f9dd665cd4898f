//! Base64 as mail protocols use it (RFC 4648 §4).

use ::base64::Engine;
use ::base64::engine::general_purpose::{STANDARD, STANDARD_PAD_INDIFFERENT};
use thiserror::Error;

/// The text is not canonical base64: a foreign character, wrong padding or non-zero trailing bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not valid base64")]
pub struct Base64Error;

/// Encodes with padding, without line breaks.
pub fn encode(octets: impl AsRef<[u8]>) -> String {
    STANDARD.encode(octets)
}

/// Decodes strictly: padding required, no white space (RFC 4954 §4).
pub fn decode(text: impl AsRef<[u8]>) -> Result<Vec<u8>, Base64Error> {
    STANDARD.decode(text).map_err(|_| Base64Error)
}

/// Decodes a tag value: folding white space is left out, padding may be absent, all else is strict (RFC 6376 §2.10).
pub fn decode_fws(text: impl AsRef<[u8]>) -> Result<Vec<u8>, Base64Error> {
    let is_fws = |octet: &u8| matches!(octet, b' ' | b'\t' | b'\r' | b'\n');
    let packed: Vec<u8> = text.as_ref().iter().copied().filter(|octet| !is_fws(octet)).collect();
    STANDARD_PAD_INDIFFERENT.decode(packed).map_err(|_| Base64Error)
}
