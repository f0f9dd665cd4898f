//! Sender spoofing: the list of chenjj/espoofer ("Composition Kills") as far as grammar decides it, and later tricks.
//! What is asked of every row: one answer that no other reading contradicts, or a typed refusal; never a silent pick.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a test may

use gatepost_syntax::header::Defect;
use gatepost_syntax::{
    AuthorError, Domain, ForwardPath, HeaderBlock, HeaderLimits, Mailbox, ReversePath, author::authors,
};

/// What the attacker writes.
enum Attack {
    /// A header section.
    Header(&'static [u8]),
    /// The path of MAIL FROM.
    MailFrom(&'static str),
    /// A domain as in `d=` or `s=` of a signature.
    Domain(&'static str),
}
use Attack::{Header, MailFrom};

/// What every reader of the workspace is told.
#[derive(Debug, PartialEq)]
enum Reading {
    /// These domains, all of which are judged.
    Domains(Vec<String>),
    /// The header section itself is malformed.
    HeaderDefect,
    /// More than one From field.
    SeveralFrom,
    /// No From field at all.
    NoFrom,
    /// From names nobody.
    NoAddress,
    /// Refused for another reason.
    Refused,
}
use Reading::{HeaderDefect, NoAddress, NoFrom, Refused, SeveralFrom};

fn domains(names: &[&str]) -> Reading {
    Reading::Domains(names.iter().map(|name| (*name).to_owned()).collect())
}

fn read(attack: &Attack) -> Reading {
    match attack {
        Header(octets) => read_header(octets),
        MailFrom(path) => ReversePath::parse(path)
            .map_or(Refused, |path| domains(&[path.mailbox().and_then(Mailbox::domain).unwrap().as_str()])),
        Attack::Domain(text) => Domain::parse(text).map_or(Refused, |domain| domains(&[domain.as_str()])),
    }
}

fn read_header(octets: &[u8]) -> Reading {
    let (headers, _) = HeaderBlock::parse(octets, &HeaderLimits::default()).unwrap();
    match authors(&headers) {
        Ok(authors) => Reading::Domains(authors.domains().iter().map(ToString::to_string).collect()),
        Err(AuthorError::Header(defect)) => {
            assert_eq!(headers.defect(), Some(defect));
            HeaderDefect
        }
        Err(AuthorError::SeveralFrom { count }) => {
            assert!(count > 1);
            SeveralFrom
        }
        Err(AuthorError::NoFrom) => NoFrom,
        Err(AuthorError::NoAddress) => NoAddress,
        Err(_) => Refused,
    }
}

fn check(rows: Vec<(&str, Attack, Reading)>) {
    for (id, attack, wanted) in rows {
        assert_eq!(read(&attack), wanted, "{id}");
    }
}

/// A1 to A7: the envelope and the names in a signature.
#[test]
fn espoofer_a1_to_a7() {
    check(vec![
        ("A1", MailFrom("<any@mailfrom.notexist.legitimate.com>"), domains(&["mailfrom.notexist.legitimate.com"])),
        ("A2", MailFrom("<(any@legitimate.com>"), Refused),
        ("A3", Attack::Domain("selector._domainkey.attack.com.\0.any"), Refused),
        ("A4 '", Attack::Domain("legitimate.com'a.attack.com"), Refused),
        ("A4 (", Attack::Domain("legitimate.com(a.attack.com"), Refused),
        ("A4 \"", Attack::Domain("legitimate.com\"a.attack.com"), Refused),
        ("A4 =", Attack::Domain("legitimate.com=a.attack.com"), Refused),
        ("A5", MailFrom("<any@legitimate.com(a.attack.com>"), Refused),
        ("A6", MailFrom("<any@legitimate.com'@any.attack.com>"), Refused),
        ("A7", MailFrom("<@legitimate.com,@any.com:'any@attack.com>"), domains(&["attack.com"])),
    ]);
    // A7 as a recipient, too: the route is ignored, its domains never reported
    let path = ForwardPath::parse("<@legitimate.com,@any.com:'any@attack.com>").unwrap();
    let domain = path.mailbox().and_then(Mailbox::domain);
    assert_eq!(domain.map(Domain::as_str), Some("attack.com"));
}

/// A8 to A19: the From field.
#[test]
fn espoofer_a8_to_a19() {
    let both = || domains(&["attack.com", "legitimate.com"]);
    check(vec![
        ("A8", Header(b"From: <first@attack.com>\r\nFrom: <admin@legitimate.com>\r\n"), SeveralFrom),
        ("A9", Header(b" From: <first@attack.com>\r\nFrom: <admin@legitimate.com>\r\n"), HeaderDefect),
        ("A10", Header(b"From: <first@attack.com>\r\nFrom : <admin@legitimate.com>\r\n"), SeveralFrom),
        ("A11", Header(b"From\r\n : <first@attack.com>\r\nFrom: <admin@legitimate.com>\r\n"), HeaderDefect),
        ("A12", Header(b"From\r\n : <first@attack.com>\r\nSender: <admin@legitimate.com>\r\n"), HeaderDefect),
        ("A12, no From", Header(b"Sender: <admin@legitimate.com>\r\n"), NoFrom),
        ("A13", Header(b"From\r\n : <first@attack.com>\r\nResent-From: <admin@legitimate.com>\r\n"), HeaderDefect),
        ("A13, no From", Header(b"Resent-From: <admin@legitimate.com>\r\n"), NoFrom),
        ("A14", Header(b"From: <first@attack.com>, <admin@legitimate.com>\r\n"), both()),
        ("A15", Header(b"From:=?utf-8?B?PGFkbWluQGxlZ2l0aW1hdGUuY29tPg==?=,<second@attack.com>\r\n"), Refused),
        ("A16", Header(b"From: <@attack.com,@any.com:admin@legitimate.com>\r\n"), domains(&["legitimate.com"])),
        ("A17", Header(b"From: <admin@legitimate.com>\\,<second@attack.com>\r\n"), Refused),
        (
            "A18",
            Header(b"From: admin@legitimate.com,<second@attack.com>\r\n"),
            domains(&["legitimate.com", "attack.com"]),
        ),
        ("A19", Header(b"From: <any@attack.com>admin@legitimate.com\r\n"), Refused),
    ]);
}

/// Forms that are grammatical and have exactly one reading.
#[test]
fn further_tricks_with_one_reading() {
    let attack = || domains(&["attack.com"]);
    let legitimate = || domains(&["legitimate.com"]);
    check(vec![
        ("plain", Header(b"From: Ann <ann@legitimate.com>\r\n"), legitimate()),
        ("two fields", Header(b"From: a@attack.com\r\nFROM: a@legitimate.com\r\n"), SeveralFrom),
        ("quoted local part", Header(b"From: \"a@legitimate.com\"@attack.com\r\n"), attack()),
        ("quoted display name", Header(b"From: \"<admin@legitimate.com>\" <x@attack.com>\r\n"), attack()),
        ("encoded display name", Header(b"From: =?utf-8?B?PGFkbWluQGxlZ2l0PiA=?= <x@attack.com>\r\n"), attack()),
        ("comment", Header(b"From: a@legitimate.com (x@attack.com (nested))\r\n"), legitimate()),
        ("group", Header(b"From: friends:x@legitimate.com;\r\n"), legitimate()),
        ("empty group", Header(b"From: undisclosed:;\r\n"), NoAddress),
        ("case", Header(b"fROM: a@Legitimate.COM\r\n"), legitimate()),
        ("percent hack", Header(b"From: admin%legitimate.com@attack.com\r\n"), attack()),
        ("UUCP", Header(b"From: legitimate.com!admin@attack.com\r\n"), attack()),
        ("UTF-8 local part", Header("From: b\u{fc}cher@legitimate.com\r\n".as_bytes()), legitimate()),
        ("U-label", Header("From: a@b\u{fc}cher.example\r\n".as_bytes()), domains(&["xn--bcher-kva.example"])),
        // UTS #46 §2.3: what looks like a dot is a dot, so that the domain seen is the domain judged
        ("ideographic dot", Header("From: a@legitimate\u{3002}com\r\n".as_bytes()), legitimate()),
        ("same domain twice", Header(b"From: a@legitimate.com, b@LEGITIMATE.com\r\n"), legitimate()),
    ]);
}

/// Forms that two readers may understand differently, or that no grammar allows.
#[test]
fn further_tricks_that_are_refused() {
    for refused in [
        "",
        "=?utf-8?B?PGFkbWluQGxlZ2l0aW1hdGUuY29tPg==?=@attack.com",
        "x <=?x?q?a=40legitimate.com=3e=00?=@attack.com>",
        "\"=?x?q?a=40legitimate.com=3e=00?=\"@attack.com",
        "=?utf-8?Q?admin@legitimate.com?= <x@attack.com>",
        "admin@legitimate.com <x@attack.com>",
        "admin@legitimate.com(.attack).com",
        "((((a@attack.com",
        "\"a@attack.com",
        "a@attack.com,",
        ",a@attack.com",
        "a@attack.com b@legitimate.com",
        "friends:a@attack.com",
        "outer: inner: a@attack.com;;",
        "<a@attack.com",
        "<<a@attack.com>>",
        "<>",
        "a@",
        "@attack.com",
        "a@attack..com",
        "a@attack.com.",
        "a@[192.0.2.1]",
        "a\u{ff20}legitimate.com",
        "\u{0b}a@attack.com",
        "\u{0c}a@attack.com",
        "a@attack\u{85}.com",
    ] {
        let header = format!("From: {refused}\r\n");
        assert_eq!(read_header(header.as_bytes()), Refused, "{refused:?}");
    }
    for defective in [
        b"From: admin@legitimate.com\0@attack.com\r\n".as_slice(),
        b"From: a@attack.com\rFrom: a@legitimate.com\r\n",
        b"From: a@attack.com\nFrom: a@legitimate.com\r\n",
        b"\xef\xbb\xbfFrom: a@attack.com\r\n",
        b"garbage\r\nFrom: a@attack.com\r\n",
        b": a@attack.com\r\nFrom: a@attack.com\r\n",
    ] {
        assert_eq!(read_header(defective), HeaderDefect, "{}", defective.escape_ascii());
    }
    // overlong and truncated UTF-8, Latin-1
    for eight_bit in [
        b"From: a@attack\xc0\xae.com\r\n".as_slice(),
        b"From: a@b\xfccher.example\r\n",
        b"From: a@attack.com\xe3\x80\r\n",
    ] {
        let (headers, _) = HeaderBlock::parse(eight_bit, &HeaderLimits::default()).unwrap();
        assert_eq!(authors(&headers), Err(AuthorError::NotUtf8));
    }
    // a From field behind the blank line is body
    assert_eq!(read_header(b"Subject: x\r\n\r\nFrom: a@legitimate.com\r\n"), NoFrom);
    let (headers, _) = HeaderBlock::parse(b"X: a\0\r\n", &HeaderLimits::default()).unwrap();
    assert_eq!(headers.defect(), Some(Defect::Nul { at: 4 }));
}
