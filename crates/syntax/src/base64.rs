//! Base64 as mail protocols use it (RFC 4648 §4).

use ::base64::Engine;
use ::base64::engine::general_purpose::{STANDARD, STANDARD_PAD_INDIFFERENT};
use smallvec::SmallVec;
use thiserror::Error;

/// The text is not canonical base64: a foreign character, wrong padding or non-zero trailing bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not valid base64")]
pub struct Base64Error;

/// Encodes with padding, without line breaks.
pub fn encode(octets: impl AsRef<[u8]>) -> String {
    STANDARD.encode(octets)
}

/// Encodes into the front of `out`; nothing when it does not fit.
///
/// ```
/// assert_eq!(gatepost_syntax::base64::encode_into(b"octets", &mut [0; 8]), Some("b2N0ZXRz"));
/// assert_eq!(gatepost_syntax::base64::encode_into(b"octets", &mut [0; 7]), None);
/// ```
pub fn encode_into(octets: impl AsRef<[u8]>, out: &mut [u8]) -> Option<&str> {
    let length = STANDARD.encode_slice(octets, out).ok()?;
    out.get(..length).and_then(|text| std::str::from_utf8(text).ok())
}

/// Decodes strictly: padding required, no white space (RFC 4954 §4).
pub fn decode(text: impl AsRef<[u8]>) -> Result<Vec<u8>, Base64Error> {
    STANDARD.decode(text).map_err(|_| Base64Error)
}

/// Decodes as [`decode`] does into the front of `out`: how many octets they are. What was decoded before an error is there to be
/// wiped. What does not fit is an error; three octets for every four, begun ones included, are enough.
pub fn decode_into(text: impl AsRef<[u8]>, out: &mut [u8]) -> Result<usize, Base64Error> {
    STANDARD.decode_slice(text, out).map_err(|_| Base64Error)
}

/// Decodes a tag value of a DNS record: white space is left out, line ends on their own, too, since nothing is a line there;
/// padding may be absent, all else is strict (RFC 6376 §3.6.1).
pub fn decode_fws(text: impl AsRef<[u8]>) -> Result<Vec<u8>, Base64Error> {
    STANDARD_PAD_INDIFFERENT.decode(packed(text.as_ref(), true)).map_err(|_| Base64Error)
}

/// Decodes a tag value of a header field into the front of `out`: how many octets they are. Only folding white space is left
/// out, padding may be absent, all else is strict (RFC 6376 §2.10). What does not fit is an error.
pub fn decode_fws_into(text: impl AsRef<[u8]>, out: &mut [u8]) -> Result<usize, Base64Error> {
    STANDARD_PAD_INDIFFERENT.decode_slice(packed(text.as_ref(), false), out).map_err(|_| Base64Error)
}

/// Without folding white space: blanks, and CRLF before one (RFC 6376 §2.8). A CR or LF of another kind stays, and is no
/// base64, unless it may be `alone`.
fn packed(text: &[u8], alone: bool) -> SmallVec<[u8; 512]> {
    let (mut packed, mut rest) = (SmallVec::new(), text);
    loop {
        let run = match alone {
            true => rest.iter().position(|octet| matches!(octet, b' ' | b'\t' | b'\r' | b'\n')),
            false => memchr::memchr3(b' ', b'\t', b'\r', rest),
        };
        let run = run.unwrap_or(rest.len());
        let (clean, after) = rest.split_at(run);
        if !clean.is_empty() {
            packed.extend_from_slice(clean);
        }
        rest = match after {
            [] => return packed,
            [b' ' | b'\t', rest @ ..] => rest,
            [b'\r', b'\n', b' ' | b'\t', rest @ ..] => rest,
            [_, rest @ ..] if alone => rest,
            [other, rest @ ..] => {
                packed.push(*other);
                rest
            }
        };
    }
}
