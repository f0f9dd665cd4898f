//! Laws: the streaming canonicalizer is the plain one at every cut; what is signed verifies, and nothing else does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a test may

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use gatepost_dkim::canon::{self, Body};
use gatepost_dkim::sign::{Signer, Spec};
use gatepost_dkim::{Canonicalization, Limits, PrivateKey, Verifier};
use gatepost_dns::{Zone, block_on};
use gatepost_syntax::{Field, HeaderBlock, HeaderLimits};
use proptest::prelude::*;

/// RFC 6376 §3.4.3 and §3.4.4 word by word.
fn reference(body: &[u8], relaxed: bool) -> Vec<u8> {
    let text: String = body.iter().map(|octet| char::from(*octet)).collect();
    let mut lines: Vec<String> = text.split("\r\n").map(str::to_owned).collect();
    if relaxed {
        for line in &mut lines {
            let words: Vec<&str> = line.split([' ', '\t']).collect();
            let mut out = String::new();
            for (index, word) in words.iter().enumerate() {
                if index > 0 && !word.is_empty() {
                    out.push(' ');
                }
                out.push_str(word);
            }
            *line = out;
        }
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    if lines.is_empty() {
        return if relaxed { Vec::new() } else { b"\r\n".to_vec() };
    }
    lines.iter().flat_map(|line| line.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).chain(*b"\r\n")).collect()
}

#[test]
fn every_short_body_at_every_cut() {
    let alphabet = [b'a', b' ', b'\t', b'\r', b'\n'];
    let mut bodies: Vec<Vec<u8>> = vec![Vec::new()];
    for _ in 0..7 {
        bodies
            .extend(bodies.clone().iter().flat_map(|body| alphabet.map(|octet| [body.as_slice(), &[octet]].concat())));
        bodies.sort();
        bodies.dedup();
    }
    for body in bodies {
        for (canonicalization, relaxed) in [(Canonicalization::Simple, false), (Canonicalization::Relaxed, true)] {
            let wanted = reference(&body, relaxed);
            for cut in 0..=body.len() {
                let mut out = Vec::new();
                let mut state = Body::new(canonicalization);
                state.feed(&body[..cut], &mut out);
                state.feed(&body[cut..], &mut out);
                state.finish(&mut out);
                assert_eq!(out, wanted, "{body:?} cut at {cut}, relaxed {relaxed}");
            }
        }
    }
}

proptest! {
    #[test]
    fn long_bodies_in_any_pieces(
        words in proptest::collection::vec("a{0,70}|[ \t]{1,4}|(\r\n){1,3}|\r|\n| \r\n|[a-z]{1,9} ", 0..120),
        cuts in proptest::collection::vec(1usize..200, 1..20),
    ) {
        let body = words.concat().into_bytes();
        for (canonicalization, relaxed) in [(Canonicalization::Simple, false), (Canonicalization::Relaxed, true)] {
            let (mut out, mut rest) = (Vec::new(), body.as_slice());
            let mut state = Body::new(canonicalization);
            for cut in cuts.iter().cycle().take(body.len()) {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                state.feed(now, &mut out);
                rest = later;
            }
            state.finish(&mut out);
            prop_assert_eq!(&out, &reference(&body, relaxed));
            prop_assert_eq!(&out, &canon::body(&body, canonicalization));
        }
    }
}

/// RFC 6376 §3.4.2 word by word: unfold, collapse, trim.
fn relaxed_field(name: &str, body: &str) -> String {
    let words = body.replace("\r\n", "").replace('\t', " ");
    let words: Vec<&str> = words.split(' ').filter(|word| !word.is_empty()).collect();
    format!("{}:{}\r\n", name.to_ascii_lowercase(), words.join(" "))
}

#[test]
fn white_space_of_any_shape_at_every_place_of_a_field() {
    let gaps = [
        " ",
        "\t",
        "  ",
        " \t",
        "\r\n ",
        " \r\n ",
        "\t\r\n\t",
        " \r\n  \r\n ",
        "  \r\n\t\t\r\n x",
        "\r x",
        " \n",
        "\r\n\r\n ",
    ];
    for (before, after) in (0..200).flat_map(|before| [1, 2, 31, 63, 64, 65, 130].map(|after| (before, after))) {
        for gap in gaps {
            let body = format!("{}{gap}{}", "x".repeat(before), "y".repeat(after));
            let mut out = Vec::new();
            canon::header(Field::new(format!("N:{body}\r\n").as_bytes()), Canonicalization::Relaxed, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), relaxed_field("N", &body), "{before} {gap:?} {after}");
        }
    }
}

proptest! {
    #[test]
    fn fields_of_any_shape(
        words in proptest::collection::vec("[a-z:]{0,70}|[ \t]{1,3}|\r\n[ \t]{1,2}|\r[a-z]|[a-z]\n", 0..40),
        name in "[A-Za-z-]{1,12}",
    ) {
        let body = words.concat();
        let field = format!("{name} :{body}\r\n");
        let mut out = Vec::new();
        canon::header(Field::new(field.as_bytes()), Canonicalization::Relaxed, &mut out);
        prop_assert_eq!(String::from_utf8(out).unwrap(), relaxed_field(&name, &body));
    }
}

proptest! {
    /// RFC 6376 §5.4.2, few fields and many; the last two names have the same key.
    #[test]
    fn of_each_name_the_last_field_is_taken_first(
        fields in proptest::collection::vec(0usize..5, 0..80),
        wanted in proptest::collection::vec(0usize..5, 0..40),
    ) {
        const NAMES: [&str; 5] = ["From", "fROM", "To", "X-Folded-One", "X-Folded-Two"];
        let lines: Vec<String> = fields.iter().enumerate().map(|(place, name)| format!("{}: {place}\r\n", NAMES[*name])).collect();
        let (headers, _) = HeaderBlock::parse((lines.concat() + "\r\n").as_bytes(), &HeaderLimits::default()).unwrap();
        let mut left = lines;
        let mut expected = String::new();
        for name in &wanted {
            let same = |line: &String| line.split(':').next().unwrap().eq_ignore_ascii_case(NAMES[*name]);
            if let Some(last) = left.iter().rposition(same) {
                expected += &left.remove(last);
            }
        }
        let mut out = Vec::new();
        let wanted = wanted.iter().map(|name| NAMES[*name]);
        canon::selected_headers(&headers, wanted, Canonicalization::Simple, &mut out);
        prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn bare_line_ends_are_not_signed(pieces in proptest::collection::vec("[a-z]{0,90}|\r\n|\r\n\r\n|\r|\n", 0..30), cut in 1usize..200) {
        let body = pieces.concat();
        let (headers, _) = HeaderBlock::parse(b"From: ann@example.org\r\n\r\n", &HeaderLimits::default()).unwrap();
        let spec = Spec::new("example.org".parse().unwrap(), "s".parse().unwrap());
        let mut signer = Signer::new(spec, headers).unwrap();
        body.as_bytes().chunks(cut).for_each(|chunk| signer.body(chunk));
        prop_assert_eq!(signer.finish().is_err(), body.replace("\r\n", "").contains(['\r', '\n']));
    }
}

#[test]
fn empty_bodies_have_the_known_hashes() {
    assert_eq!(canon::body_hash(b"", Canonicalization::Simple), "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=");
    assert_eq!(canon::body_hash(b"", Canonicalization::Relaxed), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

fn sign(message: &[u8]) -> (Vec<u8>, Zone) {
    let key = PrivateKey::from_ed25519_seed(&[7; 32]).unwrap(); // a test key
    let (headers, body) = HeaderBlock::parse(message, &HeaderLimits::default()).unwrap();
    let mut signer = Signer::new(Spec::new("example.org".parse().unwrap(), "s".parse().unwrap()), headers).unwrap();
    signer.body(&message[body..]);
    let field = signer.finish().unwrap().sign(&key).unwrap();
    let zone = Zone::parse(&format!("s._domainkey.example.org TXT \"{}\"", key.public_record())).unwrap();
    ([field.as_bytes(), message].concat(), zone)
}

fn verdict(message: &[u8], zone: &Zone) -> &'static str {
    let (headers, body) = HeaderBlock::parse(message, &HeaderLimits::default()).unwrap();
    let mut verifier = Verifier::new(Arc::new(headers), &Limits::default());
    verifier.body(&message[body..]);
    block_on(verifier.finish().results(zone, UNIX_EPOCH)).word()
}

fn body_of(message: &[u8]) -> usize {
    HeaderBlock::parse(message, &HeaderLimits::default()).unwrap().1
}

/// Header fields and body of a message in their relaxed forms.
fn relaxed(message: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (headers, body) = HeaderBlock::parse(message, &HeaderLimits::default()).unwrap();
    let mut fields = Vec::new();
    headers.fields().for_each(|field| canon::header(field, Canonicalization::Relaxed, &mut fields));
    (fields, canon::body(&message[body..], Canonicalization::Relaxed))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_signed_verifies_and_a_flipped_bit_does_not(
        subject in "[ -~]{0,90}", lines in proptest::collection::vec("[ -~\t]{0,80}", 0..8), bits in proptest::collection::vec(0usize..1_000_000, 40),
    ) {
        let message = format!("From: ann@example.org\r\nSubject: {subject}\r\n\r\n{}", lines.join("\r\n"));
        let (signed, zone) = sign(message.as_bytes());
        prop_assert_eq!(verdict(&signed, &zone), "pass");
        for bit in bits {
            let at = bit / 8 % signed.len();
            let mut changed = signed.clone();
            changed[at] ^= 1 << (bit % 8);
            // the same by the relaxed canonicalization: the case of a field's name, white space that is left out; and the
            // blank line below the header section is no part of what is signed
            let separator = body_of(&signed) - 2..body_of(&signed);
            if relaxed(&changed) != relaxed(&signed) && !separator.contains(&at) {
                prop_assert_ne!(verdict(&changed, &zone), "pass", "bit {} of octet {}", bit % 8, at);
            }
        }
    }

    #[test]
    fn nothing_panics(text in any::<String>(), tags in "v=1; a=rsa-sha256; [a-z=;@. ]{0,60}") {
        let _ = gatepost_dkim::signature::Signature::parse(&text, &Limits::default());
        let _ = gatepost_dkim::signature::Signature::parse(&tags, &Limits::default());
        let _ = gatepost_dkim::record::KeyRecord::parse(&text);
    }
}
