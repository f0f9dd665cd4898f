//! The shared table of addresses (`smtp/addresses.jsonl`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a test may

use std::path::Path;

use gatepost_syntax::{ForwardPath, Mailbox, ReversePath};

/// The lines of a conformance file, or nothing when the suites are not there, which only a developer may lack.
fn suite(file: &str) -> Vec<serde_json::Value> {
    let folder = std::env::var("GATEPOST_CONFORMANCE")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance").to_owned());
    let path = Path::new(&folder).join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        let required = ["CI", "GATEPOST_REQUIRE_CONFORMANCE"].iter().any(|name| std::env::var_os(name).is_some());
        assert!(!required, "{} is missing", path.display());
        println!("conformance suites not run: {} missing", path.display());
        return Vec::new();
    };
    let cases: Vec<_> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!cases.is_empty(), "{} is empty", path.display());
    cases
}

/// As a mailbox and as the path of either command; what is valid is also printed and read back.
#[test]
fn addresses() {
    for case in suite("smtp/addresses.jsonl") {
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
