//! The openspf suite and the examples of RFC 7208, through an in-memory zone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a test may

use gatepost_conformance::{cases, text};
use gatepost_dns::{Zone, block_on};
use gatepost_spf::{Limits, Query, check};
use serde_json::{Map, Value, json};

/// `{name: [{TYPE: value}, "TIMEOUT"]}` → the JSON form of a zone. SPF records stand for TXT where there is no TXT.
fn zone_of(data: &Value) -> Zone {
    let mut names = Map::new();
    for (name, entries) in data.as_object().unwrap() {
        let mut types: Map<String, Value> = Map::new();
        let entries = match entries {
            Value::Array(entries) => entries.clone(),
            other => vec![other.clone()],
        };
        for entry in &entries {
            match entry {
                Value::String(word) => {
                    let word = if word == "TIMEOUT" { "TIMEOUT" } else { "SERVFAIL" };
                    types.insert("*".into(), json!(word));
                }
                Value::Object(pair) => {
                    for (kind, value) in pair {
                        let value = match (kind.as_str(), value) {
                            ("TXT" | "SPF", Value::Array(strings)) => {
                                json!(strings.iter().map(|s| s.as_str().unwrap()).collect::<String>())
                            }
                            _ => value.clone(),
                        };
                        if value == "TIMEOUT" {
                            types.insert(kind.clone(), value);
                        } else if let Value::Array(list) = types.entry(kind.clone()).or_insert(json!([])) {
                            list.push(value);
                        }
                    }
                }
                _ => {}
            }
        }
        if let Some(spf) = types.remove("SPF") {
            types.entry("TXT").or_insert(spf);
        }
        if types.get("TXT").is_some_and(|txt| txt == &json!(["NONE"])) {
            types.remove("TXT");
        }
        names.insert(name.clone(), Value::Object(types));
    }
    Zone::from_json(&Value::Object(names).to_string()).unwrap_or_else(|error| panic!("{error}"))
}

fn accepts(expected: &Value, got: &str) -> bool {
    match expected {
        Value::Array(list) => list.iter().any(|value| value == got),
        value => value == got,
    }
}

#[test]
fn the_openspf_suite() {
    let Some(text) = text("spf-rfc7208/rfc7208-tests.yml") else { return };
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    let (mut right, mut wrong) = (0, Vec::new());
    for document in documents {
        let zone = zone_of(&document["zonedata"]);
        for (name, test) in document["tests"].as_object().unwrap() {
            let field = |key: &str| test[key].as_str().unwrap_or_default();
            let query = Query::mail_from(field("host").parse().unwrap(), field("mailfrom"), field("helo"));
            let outcome = block_on(check(&zone, &query, &Limits::default()));
            let explanation = outcome.explanation.clone().unwrap_or("DEFAULT".into());
            let explained = test["explanation"].as_str().is_none_or(|wanted| wanted.eq_ignore_ascii_case(&explanation)); // the suite has upper-case nibbles
            if accepts(&test["result"], outcome.verdict.word()) && explained {
                right += 1;
            } else {
                wrong.push(format!(
                    "{name}: {} / {explanation:?}, not {} / {}",
                    outcome.verdict.word(),
                    test["result"],
                    test["explanation"]
                ));
            }
        }
    }
    println!("openspf: {right} right, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(right, 203);
}

#[test]
fn the_examples_of_appendix_a() {
    for case in cases("spf-rfc7208-appendix-a/cases.jsonl") {
        let zone = Zone::from_json(&case["dns"].to_string()).unwrap();
        let field = |key: &str| case["input"][key].as_str().unwrap_or_default();
        let query = Query::mail_from(field("ip").parse().unwrap(), field("mail_from"), field("helo"));
        let outcome = block_on(check(&zone, &query, &Limits::default()));
        let wanted = if case["expect"].is_object() { &case["expect"]["result"] } else { &case["expect"] };
        assert!(
            accepts(wanted, outcome.verdict.word()),
            "{}: {} {:?}, not {wanted}",
            case["id"],
            outcome.verdict.word(),
            outcome.reason()
        );
    }
}

#[test]
fn the_macros_of_section_7_4() {
    for case in cases("spf-rfc7208-appendix-a/macros.jsonl") {
        let field = |key: &str| case["input"][key].as_str().unwrap_or_default();
        // an explanation shows what a macro expands to
        let zone = json!({field("domain"): {"TXT": ["v=spf1 exp=exp.test.example -all"]}, "exp.test.example": {"TXT": [field("macro")]},
            "3.2.0.192.in-addr.arpa": {"PTR": ["mx.example.org"]}, "mx.example.org": {"A": ["192.0.2.3"]}});
        let zone = Zone::from_json(&zone.to_string()).unwrap();
        let query = Query::mail_from(field("ip").parse().unwrap(), field("sender"), "mx.example.org");
        let outcome = block_on(check(&zone, &query, &Limits::default()));
        assert_eq!(outcome.explanation.as_deref(), case["expect"]["expansion"].as_str(), "{case}");
    }
}
