#![forbid(unsafe_code)]
//! What the benches work on: deterministic, no two lines alike.
#![allow(clippy::unwrap_used)] // a bench may

pub mod dkim;
pub mod dmarc;
pub mod spf;
pub mod table;

/// Ten commands of a session, 33 octets on average.
pub const COMMANDS: [&str; 10] = [
    "EHLO client.example.org",
    "AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==",
    "MAIL FROM:<alice@example.org> SIZE=12345 BODY=8BITMIME RET=HDRS ENVID=QQ314159",
    "RCPT TO:<bob@example.net> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob@example.net",
    "RCPT TO:<carol@example.net> NOTIFY=NEVER",
    "DATA",
    "BDAT 86400 LAST",
    "RSET",
    "NOOP",
    "QUIT",
];

/// Prose of about this many octets, lines of up to 76 octets with CRLF.
pub fn prose(octets: usize) -> Vec<u8> {
    prose_of(1, octets)
}

/// Another text for each seed: a message repeated teaches the branch predictor.
pub fn prose_of(seed: u32, octets: usize) -> Vec<u8> {
    const WORDS: [&str; 12] =
        ["judge", "the", "message", "while", "it", "streams", "in", "and", "say", "why", "with", "record"];
    let mut body = Vec::with_capacity(octets + 80);
    let mut column = 0;
    for octet in random(seed) {
        if body.len() >= octets {
            break;
        }
        let word = WORDS.get(usize::from(octet) % WORDS.len()).copied().unwrap_or("a");
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
pub fn html(seed: u32, octets: usize) -> Vec<u8> {
    let words = prose_of(seed, octets);
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
pub fn ragged(seed: u32, octets: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(octets + 80);
    for (index, octet) in prose_of(seed, octets).into_iter().enumerate().take_while(|(index, _)| *index < octets) {
        match octet {
            b' ' if index % 3 == 0 => body.push(b'\t'),
            b' ' => body.extend_from_slice(b"  "),
            octet => body.push(octet),
        }
    }
    body.truncate(octets);
    if body.last() == Some(&b'\r') {
        body.pop();
    }
    body.extend_from_slice(b".\r\n");
    body
}

/// Lines of 76 columns of base64.
pub fn base64(seed: u32, octets: usize) -> Vec<u8> {
    let data: Vec<u8> = random(seed).take(octets / 78 * 57).collect();
    let text = gatepost_syntax::base64::encode(data);
    text.as_bytes().chunks(76).flat_map(|line| [line, b"\r\n"].concat()).collect()
}

/// Octets of a generator: every run has the same.
fn random(seed: u32) -> impl Iterator<Item = u8> {
    let next = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    std::iter::successors(Some(seed.wrapping_mul(0x9e37_79b9)), next)
        .skip(1)
        .map(|state| u8::try_from(state >> 24).unwrap_or(0))
}
