//! The ARC test suite of ValiMail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a test may

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use gatepost_arc::seal::{Payload, SealError, Sealed, Sealer};
use gatepost_arc::{Limits, Outcome, Verifier};
use gatepost_conformance::cases;
use gatepost_dkim::record::KeyRecord;
use gatepost_dkim::sign::Spec;
use gatepost_dkim::{Algorithm, SigningError, SigningKey};
use gatepost_dns::{Zone, block_on};
use gatepost_results::Explain;
use gatepost_syntax::{HeaderBlock, HeaderLimits, TagList, base64};
use serde_json::Value;

fn message(case: &Value) -> Vec<u8> {
    case["input"]["message"].as_str().unwrap().replace('\n', "\r\n").into_bytes()
}

fn zone(case: &Value) -> Zone {
    Zone::from_json(&case["dns"].to_string()).unwrap()
}

fn verify(message: &[u8], zone: &Zone, chunk: usize) -> Outcome {
    let (headers, body) = HeaderBlock::parse(message, &HeaderLimits::default()).unwrap();
    let mut verifier = Verifier::new(Arc::new(headers), &Limits::default());
    message[body..].chunks(chunk).for_each(|chunk| verifier.body(chunk));
    block_on(verifier.finish().results(zone, UNIX_EPOCH + Duration::from_secs(12345)))
}

#[test]
fn validation() {
    let (mut right, mut wrong) = (0, Vec::new());
    for case in cases("arc-suite/validation.jsonl") {
        let (message, zone) = (message(&case), zone(&case));
        let outcome = verify(&message, &zone, usize::MAX);
        assert_eq!(outcome, verify(&message, &zone, 3), "{}: chunking", case["id"]);
        let cv = &case["expect"]["cv"];
        if cv == outcome.word() || cv.as_array().is_some_and(|list| list.iter().any(|one| one == outcome.word())) {
            right += 1;
        } else {
            wrong.push(format!("{} ({}): not {cv}\n{}", case["id"], case["title"], outcome.explain()));
        }
    }
    println!("validation: {right} right, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Signs with the suite's own signatures: one is given out if it fits what is to be signed, so that both must be what the
/// suite's authors signed. (ring does not sign with the suite's keys of 1024 bits.)
struct Oracle {
    key: KeyRecord,
    signatures: Vec<Vec<u8>>,
}

impl SigningKey for Oracle {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RsaSha256
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let message = as_written_by_the_suite(message);
        let fits = |signature: &&Vec<u8>| self.key.verifies(Algorithm::RsaSha256, message.as_bytes(), signature);
        self.signatures.iter().find(fits).cloned().ok_or(SigningError)
    }
}

/// The authors' program puts tags in alphabetical order and does not fold; ours puts `i=` first as RFC 8617 §4.1.2 has it.
/// Only our own two fields, which begin with `i=`, are rewritten.
fn as_written_by_the_suite(octets: &[u8]) -> String {
    let lines = std::str::from_utf8(octets).unwrap().split("\r\n").map(|line| match line.split_once(':') {
        Some((name @ ("arc-seal" | "arc-message-signature"), tags)) if tags.starts_with("i=") => {
            let tags = tags_of(tags).into_iter().map(|(name, value)| format!("{name}={value}"));
            format!("{name}:{}", tags.collect::<Vec<_>>().join("; "))
        }
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\r\n")
}

/// Names and values without white space, sorted by name.
fn tags_of(text: &str) -> Vec<(String, String)> {
    let tags = TagList::parse(text).unwrap();
    let mut tags: Vec<_> = tags.iter().map(|tag| (tag.name.to_owned(), packed(tag.value))).collect();
    tags.sort();
    tags
}

fn packed(text: &str) -> String {
    text.split_whitespace().collect()
}

fn seal(case: &Value) -> Result<Sealed, SealError> {
    let input = |field: &str| case["input"][field].as_str().unwrap();
    let (message, zone) = (message(case), zone(case));
    let (headers, body) = HeaderBlock::parse(&message, &HeaderLimits::default()).unwrap();
    let mut spec = Spec::new(input("domain").parse().unwrap(), input("selector").parse().unwrap());
    spec.headers = Some(input("sig_headers").split(':').map(str::to_owned).collect());
    spec.time = Some(UNIX_EPOCH + Duration::from_secs(case["input"]["t"].as_u64().unwrap()));
    let payload = Payload::merged(&headers, &[input("authserv_id")]).unwrap();
    let arrived = verify(&message, &zone, usize::MAX);
    let mut sealer = Sealer::new(spec, headers, &arrived, &payload)?;
    message[body..].chunks(5).for_each(|chunk| sealer.body(chunk));
    let name = format!("{}._domainkey.{}", input("selector"), input("domain"));
    let key = KeyRecord::parse(case["dns"][name]["TXT"][0].as_str().unwrap()).unwrap();
    let signature = |field: &str| {
        let tags = tags_of(case["expect"][field].as_str().unwrap());
        base64::decode(&tags.iter().find(|(name, _)| name == "b").unwrap().1).unwrap()
    };
    sealer.finish()?.seal(&Oracle { key, signatures: vec![signature("AMS"), signature("AS")] })
}

#[test]
fn sealing() {
    let mut right = 0;
    for case in cases("arc-suite/sign.jsonl") {
        let expect = |field: &str| case["expect"][field].as_str().unwrap();
        let sealed = seal(&case);
        if expect("AS").is_empty() {
            assert_eq!(sealed, Err(SealError::Marked), "{}", case["id"]);
        } else {
            let sealed = sealed.unwrap_or_else(|error| panic!("{}: {error}", case["id"]));
            let body = |field: &str| field.split_once(':').unwrap().1.to_owned();
            assert_eq!(tags_of(&body(&sealed.seal)), tags_of(expect("AS")), "{}", case["id"]);
            assert_eq!(tags_of(&body(&sealed.message_signature)), tags_of(expect("AMS")), "{}", case["id"]);
            assert_eq!(packed(&body(&sealed.authentication_results)), packed(expect("AAR")), "{}", case["id"]);
        }
        right += 1;
    }
    println!("sealing: {right} right, 0 wrong");
}
