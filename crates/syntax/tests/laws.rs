//! Laws that hold for any input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a test may

use gatepost_syntax::{
    Domain, Fed, ForwardPath, HeaderBlock, HeaderError, HeaderLimits, Mailbox, ReversePath, Splitter, TagList, author,
    escape,
};
use proptest::prelude::*;

fn header_octets() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\n".to_vec()),
        Just(b" ".to_vec()),
        Just(b"From: a@b.example".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

/// Feeds a message in chunks of one size. An error must last: no later call may succeed.
fn in_chunks(message: &[u8], size: usize, limits: &HeaderLimits) -> Result<HeaderBlock, HeaderError> {
    let mut splitter = Splitter::new(limits);
    for chunk in message.chunks(size) {
        match splitter.feed(chunk) {
            Ok(Fed::NeedMore) => {}
            Ok(Fed::Complete { .. }) => break,
            Err(error) => {
                assert_eq!(splitter.feed(b"\r\n\r\n"), Err(error));
                assert_eq!(splitter.finish(), Err(error));
                return Err(error);
            }
        }
    }
    splitter.finish()
}

proptest! {
    #[test]
    fn fields_concatenate_to_the_input(message in header_octets()) {
        let (headers, body) = HeaderBlock::parse(&message, &HeaderLimits::default()).unwrap();
        let joined: Vec<u8> = headers.fields().flat_map(|field| field.raw().to_vec()).collect();
        prop_assert_eq!(&joined, headers.raw());
        prop_assert!(message.starts_with(&joined));
        let between = &message[joined.len()..body];
        prop_assert!(between.is_empty() || between == b"\r\n");
    }

    #[test]
    fn chunking_changes_nothing(message in header_octets(), size in 1usize..7) {
        let (whole, body) = HeaderBlock::parse(&message, &HeaderLimits::default()).unwrap();
        let mut splitter = Splitter::new(&HeaderLimits::default());
        let mut consumed = 0;
        for chunk in message.chunks(size) {
            match splitter.feed(chunk).unwrap() {
                Fed::NeedMore => consumed += chunk.len(),
                Fed::Complete { used } => { consumed += used; break; }
            }
        }
        prop_assert_eq!(consumed, body);
        prop_assert_eq!(splitter.finish().unwrap(), whole);
    }

    /// Limits too: which one is reached, and that a section that just fits does fit, does not depend on the chunks.
    #[test]
    fn chunking_changes_no_limit(
        message in header_octets(),
        size in 1usize..7,
        (bytes, fields, field_bytes) in (0usize..80, 0usize..8, 0usize..40),
    ) {
        let mut limits = HeaderLimits::default();
        (limits.bytes, limits.fields, limits.field_bytes) = (bytes, fields, field_bytes);
        let whole = in_chunks(&message, message.len().max(1), &limits);
        if let Ok(headers) = &whole {
            prop_assert!(headers.raw().len() <= bytes);
            prop_assert!(headers.fields().len() <= fields);
            prop_assert!(headers.fields().all(|field| field.raw().len() <= field_bytes));
        }
        prop_assert_eq!(in_chunks(&message, size, &limits), whole);
    }

    /// A limit refuses exactly the sections beyond it.
    #[test]
    fn limits_are_exact(message in header_octets(), size in 1usize..7) {
        let (headers, _) = HeaderBlock::parse(&message, &HeaderLimits::default()).unwrap();
        let longest = headers.fields().map(|field| field.raw().len()).max().unwrap_or(0);
        let mut exact = HeaderLimits::default();
        (exact.bytes, exact.fields, exact.field_bytes) = (headers.raw().len(), headers.fields().len(), longest);
        prop_assert_eq!(in_chunks(&message, size, &exact), Ok(headers));
        for narrow in [
            |limits: &mut HeaderLimits| limits.bytes -= 1,
            |limits: &mut HeaderLimits| limits.fields -= 1,
            |limits: &mut HeaderLimits| limits.field_bytes -= 1,
        ] {
            if longest > 0 {
                let mut limits = exact.clone();
                narrow(&mut limits);
                prop_assert!(in_chunks(&message, size, &limits).is_err());
            }
        }
    }

    #[test]
    fn nothing_panics(text in any::<String>(), octets in any::<Vec<u8>>()) {
        let _ = Domain::parse(&text);
        let _ = Mailbox::parse(&text);
        let _ = author::parse(&text);
        let _ = TagList::parse(&text);
        prop_assert!(escape(&octets).chars().all(|c| (' '..='~').contains(&c)));
    }

    #[test]
    fn printed_mailboxes_are_read_back(local in "[ -~]{1,20}|[a-zé.]{1,9}", domain in "[a-z0-9]{1,9}(\\.[a-z]{1,5}){1,3}") {
        let mailbox = Mailbox::new(&local, Domain::parse(&domain).unwrap()).unwrap();
        prop_assert_eq!(Mailbox::parse(&mailbox.to_string()).unwrap(), mailbox);
    }

    #[test]
    fn domains_are_stable(text in "[A-Za-zé0-9_.-]{1,40}") {
        if let Ok(domain) = Domain::parse(&text) {
            prop_assert_eq!(Domain::parse(domain.as_str()).unwrap(), domain);
        }
    }

    /// Ordinary mailboxes have a way of their own; a domain in upper case takes the other one.
    #[test]
    fn both_ways_to_a_mailbox_say_the_same(local in "[a.~\"@\\ -]{0,4}|[a.]{60,70}", domain in "[a0._-]{0,6}|[a.]{55,250}", tail in "[ .>@a]{0,2}") {
        let texts = ["x", "X"].map(|first| format!("{local}@{first}{domain}"));
        let [one, other] = texts.each_ref().map(|text| Mailbox::parse(text));
        prop_assert_eq!(one, other);
        let [one, other] = texts.each_ref().map(|text| ForwardPath::split(&format!("<{text}>{tail}")));
        prop_assert_eq!(one, other);
        let [one, other] = texts.each_ref().map(|text| ReversePath::split(&format!("<{text}{tail}")));
        prop_assert_eq!(one, other);
    }
}
