#![forbid(unsafe_code)]
//! What the benches work on: deterministic, no two lines alike.
#![allow(clippy::unwrap_used)] // a bench may

pub mod spf;

/// Prose of about this many octets, lines of up to 76 octets with CRLF.
pub fn prose(octets: usize) -> Vec<u8> {
    const WORDS: [&str; 12] =
        ["judge", "the", "message", "while", "it", "streams", "in", "and", "say", "why", "with", "record"];
    let mut body = Vec::with_capacity(octets + 80);
    let (mut state, mut column) = (1u32, 0);
    while body.len() < octets {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let word =
            usize::try_from(state >> 24).ok().and_then(|index| WORDS.get(index % WORDS.len())).copied().unwrap_or("a");
        if column + word.len() > 75 {
            body.extend_from_slice(b"\r\n");
            column = 0;
        } else if column > 0 {
            body.push(b' ');
            column += 1;
        }
        body.extend_from_slice(word.as_bytes());
        column += word.len();
    }
    body.extend_from_slice(b"\r\n");
    body
}
