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
    let mut out = String::with_capacity(text.as_ref().len());
    for chunk in text.as_ref().utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                ' '..='[' | ']'..='~' => out.push(character),
                other => out.extend(other.escape_default()),
            }
        }
        for octet in chunk.invalid() {
            // writing to a String can not fail
            let _ = write!(out, "\\x{octet:02x}");
        }
    }
    out
}
