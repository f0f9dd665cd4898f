//! What happened on the way, as a failing signature tells; and what a signature leaves open.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a test may

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use gatepost_dkim::sign::{Signer, Spec};
use gatepost_dkim::{Canonicalizations, Diagnosis, Limits, PrivateKey, SignatureOutcome, Verifier};
use gatepost_dns::{Zone, block_on};
use gatepost_syntax::{HeaderBlock, HeaderLimits};

const MESSAGE: &str = "From: ann@example.org\r\nTo: bob@example.net,\r\n carol@example.net\r\nSubject: hi there\r\n\r\nHello  \r\n\r\nbye\r\n";

/// Signs by a canonicalization, lets `change` happen to the message and to the field, and verifies.
fn after(canonicalization: &str, change: impl Fn(String) -> String, checks: usize) -> SignatureOutcome {
    let key = PrivateKey::from_ed25519_seed(&[7; 32]).unwrap(); // a test key
    let (headers, body) = HeaderBlock::parse(MESSAGE.as_bytes(), &HeaderLimits::default()).unwrap();
    let mut spec = Spec::new("example.org".parse().unwrap(), "s".parse().unwrap());
    spec.canonicalization = Canonicalizations::parse(canonicalization).unwrap();
    let mut signer = Signer::new(spec, headers).unwrap();
    signer.body(&MESSAGE.as_bytes()[body..]);
    let message = change(signer.finish().unwrap().sign(&key).unwrap() + MESSAGE);
    let zone = Zone::parse(&format!("s._domainkey.example.org TXT \"{}\"", key.public_record())).unwrap();
    let (headers, body) = HeaderBlock::parse(message.as_bytes(), &HeaderLimits::default()).unwrap();
    let mut limits = Limits::default();
    limits.diagnoses = checks;
    let mut verifier = Verifier::new(Arc::new(headers), &limits);
    message.as_bytes()[body..].chunks(3).for_each(|chunk| verifier.body(chunk));
    block_on(verifier.finish().results(&zone, UNIX_EPOCH)).signatures.remove(0)
}

fn diagnosis(canonicalization: &str, change: impl Fn(String) -> String) -> Option<Diagnosis> {
    let outcome = after(canonicalization, change, 32);
    assert_eq!(outcome.verdict.word(), "fail");
    outcome.diagnosis
}

#[test]
fn what_happened_to_the_body() {
    let footer = |message: String| message + "-- \r\nthe list\r\n";
    assert_eq!(diagnosis("relaxed/relaxed", footer), Some(Diagnosis::BodyAppended { covered: 14, total: 28 }));
    assert_eq!(diagnosis("simple/simple", footer), Some(Diagnosis::BodyAppended { covered: 16, total: 31 }));
    let word = |message: String| message.replace("bye", "die");
    assert_eq!(diagnosis("relaxed/relaxed", word), Some(Diagnosis::OnlyBody));
}

#[test]
fn what_happened_to_the_header_section() {
    let added = |message: String| format!("Subject: win\r\n{message}");
    assert_eq!(diagnosis("relaxed/relaxed", added), Some(Diagnosis::FieldAdded("subject".into())));
    let tagged = |message: String| message.replace("Subject: hi", "Subject: [the list] hi");
    assert_eq!(diagnosis("relaxed/relaxed", tagged), Some(Diagnosis::SubjectTag));
    let folded = |message: String| message.replace("hi there", "hi\r\n there"); // To was folded by its author
    assert_eq!(diagnosis("simple/simple", folded), Some(Diagnosis::Folded));
    let relaxed = |message: String| message.replace("c=simple/", "c=relaxed/");
    assert_eq!(diagnosis("simple/simple", relaxed), None); // the field is signed itself
    let other = |message: String| message.replace("Subject: hi", "Subject: ho");
    assert_eq!(diagnosis("relaxed/relaxed", other), None);
}

#[test]
fn the_cost_is_bounded() {
    let added = |message: String| format!("Subject: win\r\n{message}");
    assert_eq!(after("relaxed/relaxed", added, 0).diagnosis, None);
    assert_eq!(after("relaxed/relaxed", added, 2).diagnosis, None);
    let footer = |message: String| message + "1\r\n2\r\n3\r\n4\r\n";
    assert_eq!(after("relaxed/relaxed", footer, 3).diagnosis, Some(Diagnosis::OnlyBody));
}

#[test]
fn what_a_signature_leaves_open() {
    let message = "X-Added: 1\r\nReceived: from a\r\n".to_owned() + MESSAGE;
    let (headers, _) = HeaderBlock::parse(message.as_bytes(), &HeaderLimits::default()).unwrap();
    let outcome = after("relaxed/relaxed", |message| message, 0);
    let open: Vec<&str> = outcome.unsigned(&headers).iter().map(|field| field.name()).collect();
    assert_eq!(open, ["X-Added", "Received"]);
    assert_eq!(outcome.coverage.map(|coverage| (coverage.covered, coverage.total)), Some((14, 14)));
}
