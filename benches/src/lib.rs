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

/// Indented table rows, 2 to 14 blanks in front of each.
pub fn html(octets: usize) -> Vec<u8> {
    let words = prose(octets);
    let mut body = Vec::with_capacity(octets + 80);
    for (row, text) in words.chunks(44).enumerate().take_while(|(row, _)| row * 60 < octets) {
        body.resize(body.len() + 2 + 2 * (row % 7), b' ');
        body.extend_from_slice(b"<td>");
        body.extend(text.iter().filter(|octet| !octet.is_ascii_control()));
        body.extend_from_slice(b"</td>\r\n");
    }
    body
}

/// Double blanks and tabs between words: the worst case of relaxed canonicalization.
pub fn ragged(octets: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(octets + 80);
    for (index, octet) in prose(octets).into_iter().enumerate().take_while(|(index, _)| *index < octets) {
        match octet {
            b' ' if index % 3 == 0 => body.push(b'\t'),
            b' ' => body.extend_from_slice(b"  "),
            octet => body.push(octet),
        }
    }
    body.truncate(octets);
    body.extend_from_slice(b".\r\n");
    body
}

/// Lines of 76 columns of base64.
pub fn base64(octets: usize) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut body, mut state) = (Vec::with_capacity(octets + 80), 1u32);
    while body.len() < octets {
        for _ in 0..76 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let index = usize::try_from(state >> 26).unwrap_or(0);
            body.extend(alphabet.get(index));
        }
        body.extend_from_slice(b"\r\n");
    }
    body
}
