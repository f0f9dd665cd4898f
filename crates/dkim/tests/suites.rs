//! Signed messages of other implementations, and canonicalization vectors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a test may

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use gatepost_conformance::{cases, folder};
use gatepost_dkim::{Canonicalization, Limits, Outcome, Verifier, canon};
use gatepost_dns::{Zone, block_on};
use gatepost_syntax::{Field, HeaderBlock, HeaderLimits, base64};
use serde_json::Value;

fn verify(message: &[u8], zone: &Zone, clock: u64, limits: &Limits, chunk: usize) -> Outcome {
    let (headers, body) = HeaderBlock::parse(message, &HeaderLimits::default()).unwrap();
    let mut verifier = Verifier::new(Arc::new(headers), limits);
    message[body..].chunks(chunk).for_each(|chunk| verifier.body(chunk));
    block_on(verifier.finish().results(zone, UNIX_EPOCH + Duration::from_secs(clock)))
}

fn accepts(expected: &Value, got: &str) -> bool {
    expected == got || expected.as_array().is_some_and(|list| list.iter().any(|value| value == got))
}

#[test]
fn signed_messages() {
    let Some(folder) = folder() else { return };
    // RFC 6376 lets a signature cover a part of the body, and these suites have such; our default does not
    let mut strict = Limits::default();
    strict.allow_partial_body = true;
    let mut weak = strict.clone();
    weak.allow_sha1 = true;
    for suite in ["dkim-rfc", "dkim-gen", "dkim-opendkim"] {
        let zone = Zone::from_json(&std::fs::read_to_string(folder.join(suite).join("dns.json")).unwrap()).unwrap();
        let (mut right, mut wrong) = (0, Vec::new());
        for case in cases(format!("{suite}/cases.jsonl")) {
            let message = std::fs::read(folder.join(suite).join(case["input"]["file"].as_str().unwrap())).unwrap();
            let clock = case["clock"].as_u64().unwrap_or(1_741_082_500);
            let whole = verify(&message, &zone, clock, &strict, usize::MAX);
            assert_eq!(whole, verify(&message, &zone, clock, &strict, 3), "{}: chunking", case["id"]);
            let weakly = verify(&message, &zone, clock, &weak, usize::MAX);
            let expect = &case["expect"];
            let weak_right = expect["result_if_weak_allowed"].as_str().is_none_or(|wanted| wanted == weakly.word());
            if accepts(&expect["result"], whole.word()) && weak_right {
                right += 1;
            } else {
                wrong.push(format!(
                    "{}: {:?}, weakly {}, not {expect}",
                    case["id"],
                    whole.signatures.iter().map(|s| &s.verdict).collect::<Vec<_>>(),
                    weakly.word()
                ));
            }
        }
        println!("{suite}: {right} right, {} wrong", wrong.len());
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn canonicalization_vectors() {
    for case in cases("dkim-rfc/canonicalization.jsonl") {
        let octets = |value: &Value| base64::decode(value.as_str().unwrap()).unwrap();
        let input = octets(&case["input_base64"]);
        let algorithm = Canonicalization::from_word(case["algorithm"].as_str().unwrap()).unwrap();
        let output = if case["kind"] == "body" {
            canon::body(&input, algorithm)
        } else {
            let mut out = Vec::new();
            canon::header(Field::new(&input), algorithm, &mut out);
            out
        };
        assert_eq!(output, octets(&case["expect"]["output_base64"]), "{case}");
    }
}
