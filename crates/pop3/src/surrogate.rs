//! Surrogates (RFC 6858): a header section in ASCII for a client that did not say UTF8 (RFC 6856 §2.1).

use gatepost_syntax::{Field, base64};

/// Fields whose addresses are said in a display name (RFC 6858 §2.1).
const ADDRESSES: [&str; 12] = [
    "bcc",
    "cc",
    "from",
    "reply-to",
    "resent-bcc",
    "resent-cc",
    "resent-from",
    "resent-sender",
    "resent-to",
    "return-path",
    "sender",
    "to",
];

/// The header section with everything that is not ASCII said otherwise; fields that can not be are left out (§2.4).
pub(crate) fn surrogate(head: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len());
    let mut rest = head;
    while !rest.is_empty() {
        let (raw, after) = rest.split_at(field_length(rest));
        if raw.is_ascii() {
            out.extend_from_slice(raw);
        } else {
            field(&Field::new(raw), &mut out);
        }
        rest = after;
    }
    out
}

/// A line with its continuations.
fn field_length(octets: &[u8]) -> usize {
    let mut ends = memchr::memmem::find_iter(octets, b"\r\n").map(|at| at + 2);
    let folded = |end: &usize| matches!(octets.get(*end), Some(b' ' | b'\t'));
    ends.find(|end| !folded(end)).unwrap_or(octets.len())
}

fn field(field: &Field<'_>, out: &mut Vec<u8>) {
    let name = field.name();
    let lower = name.to_ascii_lowercase();
    if ADDRESSES.contains(&lower.as_str()) {
        let text = format!("{name}:{}\r\n <invalid@internationalized-address.invalid>\r\n", words(field.body()));
        out.extend_from_slice(text.as_bytes());
    } else if lower == "subject" {
        out.extend_from_slice(format!("{name}:{}\r\n", words(field.body())).as_bytes());
    } else if lower.starts_with("content-") {
        // to leave a parameter out would leave the body without its boundary where the grammar is broken: octet by octet
        out.extend(field.raw().iter().map(|octet| if octet.is_ascii() { *octet } else { b'_' }));
    }
}

/// Encoded words (RFC 2047 §2), one a line.
fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body).replace("\r\n", "");
    let mut words = vec![String::new()];
    for c in text.trim().chars() {
        if words.last().is_some_and(|word| word.len() + c.len_utf8() > 36) {
            words.push(String::new()); // 48 octets in base64, 12 around them: lines of at most 76
        }
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    let encoded: Vec<String> = words.iter().map(|word| format!(" =?utf-8?B?{}?=", base64::encode(word))).collect();
    encoded.join("\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ascii_is_said_otherwise() {
        let head = "From: Jürgen <jürgen@exämple.test>\r\nDate: today\r\nSubject: grüße,\r\n\tviele\r\nX-Ö: x\r\nX-Y: ö\r\n\
                    Content-Type: text/plain; name=\"ö\"\r\n\r\n";
        let said = String::from_utf8(surrogate(head.as_bytes())).unwrap();
        assert_eq!(
            said,
            format!(
                "From: =?utf-8?B?{}?=\r\n <invalid@internationalized-address.invalid>\r\nDate: today\r\nSubject: =?utf-8?B?{}?=\r\n\
                 Content-Type: text/plain; name=\"__\"\r\n\r\n",
                base64::encode("Jürgen <jürgen@exämple.test>"),
                base64::encode("grüße,\tviele")
            )
        );
        let long = surrogate(format!("Subject: {}\r\n\r\n", "ö".repeat(500)).as_bytes());
        assert!(long.is_ascii() && long.split(|octet| *octet == b'\n').all(|line| line.len() <= 77));
    }
}
