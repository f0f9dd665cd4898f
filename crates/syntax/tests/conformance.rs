//! The shared table of addresses (`smtp/addresses.jsonl`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a test may

use gatepost_conformance::cases;
use gatepost_syntax::{ForwardPath, Mailbox, ReversePath};

/// As a mailbox and as the path of either command; what is valid is also printed and read back.
#[test]
fn addresses() {
    for case in cases("smtp/addresses.jsonl") {
        let (id, input) = (&case["id"], case["input"].as_str().unwrap());
        let valid = case["expect"]["valid"].as_bool().unwrap();
        let path = format!("<{input}>");
        let mailbox = Mailbox::parse(input);
        assert_eq!(mailbox.is_ok(), valid, "{id}: {mailbox:?}");
        assert_eq!(ReversePath::parse(&path).is_ok(), valid, "{id}");
        assert_eq!(ForwardPath::parse(&path).is_ok(), valid, "{id}");
        if let Ok(mailbox) = mailbox {
            assert_eq!(Mailbox::parse(&mailbox.to_string()).unwrap(), mailbox, "{id}");
        }
    }
}
