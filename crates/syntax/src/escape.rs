//! Printable forms of what strangers sent.

use std::fmt::Write;

/// Turns octets of a stranger into printable ASCII for logs, outlines and replies: controls, 8-bit octets and
/// backslashes become escapes, so that no terminal sequence, line break or direction mark survives.
///
/// ```
/// assert_eq!(gatepost_syntax::escape("a\r\n\u{202e}b\\"), r"a\r\n\u{202e}b\\");
/// assert_eq!(gatepost_syntax::escape(b"\xff!"), r"\xff!");
/// ```
pub fn escape(text: impl AsRef<[u8]>) -> String {
    let is_plain = |octet: u8| matches!(octet, b' '..=b'[' | b']'..=b'~');
    // without a way out, so that many octets are looked at at once
    if text.as_ref().iter().fold(true, |plain, octet| plain & is_plain(*octet)) {
        return std::str::from_utf8(text.as_ref()).unwrap_or_default().to_owned();
    }
    let mut out = String::with_capacity(text.as_ref().len());
    for chunk in text.as_ref().utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(plain) = rest.bytes().position(|octet| !is_plain(octet)) {
            let (plain, other) = rest.split_at_checked(plain).unwrap_or((rest, ""));
            out.push_str(plain);
            let mut characters = other.chars();
            out.extend(characters.by_ref().take(1).flat_map(char::escape_default));
            rest = characters.as_str();
        }
        out.push_str(rest);
        for octet in chunk.invalid() {
            // writing to a String can not fail
            let _ = write!(out, "\\x{octet:02x}");
        }
    }
    out
}
