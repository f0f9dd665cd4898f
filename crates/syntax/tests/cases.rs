//! Tables: addresses of the conformance data, tag-lists, and ways to spoof an author.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)] // a test may

use gatepost_syntax::{
    AuthorError, ForwardPath, HeaderBlock, HeaderLimits, ReversePath, TagList, TagListError, author::authors,
};

fn author_of(from: &str) -> Result<Vec<String>, AuthorError> {
    let (headers, _) = HeaderBlock::parse(from.as_bytes(), &HeaderLimits::default()).unwrap();
    authors(&headers).map(|a| a.domains().iter().map(|d| d.as_str().to_owned()).collect())
}

/// The sender spoofing list of chenjj/espoofer, and further: one domain, all domains, or an error; never a silent pick.
#[test]
fn authors_are_never_guessed() {
    let attack = |from: &str| author_of(&format!("{from}\r\n\r\n"));
    let one = |from: &str, domain: &str| assert_eq!(attack(from).unwrap(), [domain], "{from}");
    one("From: Ann <ann@legit.example>", "legit.example");
    one("fROM: ann@legit.example", "legit.example");
    one("From: \"a@legit.example\"@attack.example", "attack.example");
    one(
        "From: \"<admin@legit.example>\" <x@attack.example>",
        "attack.example",
    );
    one(
        "From: <@attack.example,@any.example:admin@legit.example>",
        "legit.example",
    ); // A16
    one(
        "From: a@legit.example (x@attack.example (nested))",
        "legit.example",
    );
    one("From: =?utf-8?B?YQ==?= <x@attack.example>", "attack.example");
    one("From: friends:x@legit.example;", "legit.example");
    one("From: x@b\u{fc}cher.example", "xn--bcher-kva.example");
    assert_eq!(
        attack("From: <first@attack.example>, <admin@legit.example>").unwrap(),
        ["attack.example", "legit.example"]
    ); // A14
    for malformed in [
        "From: =?utf-8?B?PGFkbWluQGxlZ2l0Pg==?=,<second@attack.example>", // A15
        "From: <admin@legit.example>\\,<second@attack.example>",          // A17
        "From: <any@attack.example>admin@legit.example",                  // A19
        "From: admin@legit.example(.attack).example",
        "From: ((((a@b.example",
        "From: a@b.example,",
        "From: a@b.example\x00@attack.example",
        "From : <a@attack.example>\r\nFrom: <a@legit.example>", // A10
        " From: <a@attack.example>\r\nFrom: <a@legit.example>", // A9
        "From\r\n : <first@attack.example>\r\nSender: a@b.example", // A11, A12
        "From: a@b.example\r\nFROM: a@c.example",
        "From: a@b.example\rFrom: a@c.example",
        "From: undisclosed:;",
        "From: ",
        "Subject: nobody",
        "From: a@[192.0.2.1]",
        "From: a\u{ff20}b.example",
    ] {
        assert!(
            attack(malformed).is_err(),
            "{malformed:?} → {:?}",
            attack(malformed)
        );
    }
}

#[test]
fn spoofed_paths_are_refused() {
    for path in [
        "<(any@legit.example>",
        "<any@legit.example(a.attack.example>",
        "<any@legit.example'@any.attack.example>",
        "<@legit.example,@any.example:'any@attack.example>",
        " <a@b.example>",
        "<a@b.example",
        "a@b.example",
        "<a@b.example.>",
        "<a\r\n@b.example>",
    ] {
        assert!(ReversePath::parse(path).is_err(), "{path}");
    }
    assert_eq!(ReversePath::parse("<>").unwrap(), ReversePath::Null);
    assert_eq!(
        ForwardPath::parse("<postMaster>").unwrap(),
        ForwardPath::Postmaster
    );
    assert_eq!(
        ForwardPath::parse("<@a.example,@b.example:u@c.example>")
            .unwrap()
            .to_string(),
        "<u@c.example>"
    );
}

#[test]
fn tag_lists() {
    let list = TagList::parse(" v=1; b = ab\r\n cd ;h=").unwrap();
    assert_eq!(list.value("b"), Some("ab\r\n cd"));
    assert_eq!(list.get("b").unwrap().value_span, 9..18);
    assert_eq!(list.value("h"), Some(""));
    assert_eq!(TagList::parse("a=1;a=2"), Err(TagListError::Duplicate { at: 4 }));
    for bad in ["", ";", "a", "a=1;;b=2", "1a=1", "a=\u{1}", "=1"] {
        assert!(TagList::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn limits_end_the_reading() {
    let limits = |edit: fn(&mut HeaderLimits)| {
        let mut limits = HeaderLimits::default();
        edit(&mut limits);
        limits
    };
    let many = "A: b\r\n".repeat(10);
    assert!(HeaderBlock::parse(many.as_bytes(), &limits(|l| l.fields = 10)).is_ok());
    assert!(HeaderBlock::parse(many.as_bytes(), &limits(|l| l.fields = 9)).is_err());
    assert!(HeaderBlock::parse(many.as_bytes(), &limits(|l| l.bytes = 60)).is_ok());
    assert!(HeaderBlock::parse(many.as_bytes(), &limits(|l| l.bytes = 59)).is_err());
    assert!(
        HeaderBlock::parse(
            format!("A:\r\n{}", " x\r\n".repeat(9)).as_bytes(),
            &limits(|l| l.field_bytes = 20)
        )
        .is_err()
    );
}
