//! Tables: paths, tag-lists, limits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a test may

use gatepost_syntax::{
    AuthorError, ForwardPath, HeaderBlock, HeaderLimits, ReversePath, TagList, TagListError, author,
};

#[test]
fn spoofed_paths_are_refused() {
    for path in [
        "<(any@legit.example>",
        "<any@legit.example(a.attack.example>",
        "<any@legit.example'@any.attack.example>",
        "<@legit.example,any.example:'any@attack.example>",
        " <a@b.example>",
        "<a@b.example",
        "a@b.example",
        "<a@b.example.>",
        "<a\r\n@b.example>",
        "<a@[2001:db8::1]>", // RFC 5321 §4.1.3: the tag `IPv6:` is missing
        "<a@[::1]>",
    ] {
        assert!(ReversePath::parse(path).is_err(), "{path}");
    }
    assert_eq!(ReversePath::parse("<>").unwrap(), ReversePath::Null);
    assert_eq!(ForwardPath::parse("<postMaster>").unwrap(), ForwardPath::Postmaster);
    // RFC 5321 §4.1.2: who stands in a route is of no account
    assert_eq!(ReversePath::parse("<@a.example,@b.example:u@c.example>").unwrap().to_string(), "<u@c.example>");
    assert_eq!(ForwardPath::parse("<@a.example,@b.example:u@c.example>").unwrap().to_string(), "<u@c.example>");
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
        HeaderBlock::parse(format!("A:\r\n{}", " x\r\n".repeat(9)).as_bytes(), &limits(|l| l.field_bytes = 20))
            .is_err()
    );
}

/// A number without a bound overflows nothing.
#[test]
fn limits_may_be_off() {
    let mut limits = HeaderLimits::default();
    (limits.bytes, limits.fields, limits.field_bytes) = (usize::MAX, usize::MAX, usize::MAX);
    let (headers, body) = HeaderBlock::parse(b"A: b\r\n c\r\n\r\nx", &limits).unwrap();
    assert_eq!((headers.raw().len(), body), (10, 12));
}

/// What is deep, long or many ends in an answer and neither in a deep stack nor in a long time.
#[test]
fn hostile_authors_end() {
    let many = 1_000_000;
    let malformed = |text: &str| matches!(author::parse(text), Err(AuthorError::Malformed { .. }));
    assert!(malformed(&format!("{}a@b.example", "(".repeat(many))));
    assert!(malformed(&format!("\"{}", "a".repeat(many))));
    assert!(malformed(&"a ".repeat(many)));
    assert!(malformed(&"a(b)".repeat(many)));
    assert!(malformed(&"a:".repeat(many)));
    assert_eq!(author::parse(&"a@b.example,".repeat(many)), Err(AuthorError::Many { limit: 50 }));
    assert_eq!(author::parse(&format!("{}b:;", "a:;,".repeat(many))), Err(AuthorError::NoAddress));
    let fits = ["a@b.example"; 50].join(",");
    assert_eq!(author::parse(&fits).unwrap().mailboxes().len(), 50);
    assert_eq!(author::parse(&format!("{fits},a@b.example")), Err(AuthorError::Many { limit: 50 }));
}

#[test]
fn only_folding_white_space_may_be_within_base64() {
    use gatepost_syntax::base64::{decode_fws, decode_fws_into};
    let mut out = [0; 8];
    assert_eq!((decode_fws_into("QU\r\n\t JD ", &mut out), &out[..3]), (Ok(3), &b"ABC"[..]));
    for text in ["QU\rJD", "QU\nJD", "QU\r\nJD", "QU\r\n\rJD", "QUJD\r\n"] {
        assert!(decode_fws_into(text, &mut out).is_err(), "{text:?} in a header field");
        assert_eq!(decode_fws(text), Ok(b"ABC".to_vec()), "{text:?} in a DNS record");
    }
    for text in ["QU\u{b}JD", "QUJE=", "QU=JD"] {
        assert!(decode_fws_into(text, &mut out).is_err() && decode_fws(text).is_err(), "{text:?}");
    }
}
