//! RFC 9989's examples and the tables of other implementations.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a test may

use gatepost_conformance::cases;
use gatepost_dmarc::{Identifiers, Limits, Preset, Record, check, org_domain};
use gatepost_dns::{Zone, block_on};
use gatepost_syntax::{Domain, author};
use serde_json::Value;

fn passed(input: &Value) -> Identifiers {
    let result = |value: &Value| value["result"].as_str().unwrap_or_default().to_owned();
    let domain = |value: &Value| value["domain"].as_str().and_then(|d| Domain::parse(d).ok());
    let dkim: Vec<&Value> = input["dkim"].as_array().into_iter().flatten().collect();
    Identifiers {
        spf: domain(&input["spf"]).filter(|_| result(&input["spf"]) == "pass"),
        dkim: dkim.iter().filter(|d| result(d) == "pass").filter_map(|d| domain(d)).collect(),
        spf_undecided: domain(&input["spf"]).filter(|_| result(&input["spf"]) == "temperror"),
        dkim_undecided: dkim.iter().filter(|d| result(d) == "temperror").filter_map(|d| domain(d)).collect(),
    }
}

fn accepts(expected: &Value, got: Option<&str>) -> bool {
    let is = |value: &Value| value.as_str() == got;
    expected.is_null() || is(expected) || expected.as_array().is_some_and(|list| list.iter().any(is))
}

#[test]
fn evaluations() {
    let mut wrong = Vec::new();
    for case in cases("dmarc/cases.jsonl") {
        let (input, expect) = (&case["input"], &case["expect"]);
        let zone = Zone::from_json(&case["dns"].to_string()).unwrap();
        let authors = author::parse(&format!("x@{}", input["from_domain"].as_str().unwrap()));
        let outcome = block_on(check(&zone, &authors, &passed(input), &Limits::default(), Preset::Record));
        let flag = |key: &str, got: bool| expect[key].as_bool().is_none_or(|wanted| wanted == got);
        let right = accepts(&expect["dmarc"], Some(outcome.verdict.word()))
            && accepts(&expect["policy"], outcome.requested.map(|r| r.word()))
            && accepts(&expect["policy_domain"], outcome.policy_domain.as_ref().map(Domain::as_str))
            && flag("spf_aligned", outcome.aligned.spf)
            && flag("dkim_aligned", outcome.aligned.dkim);
        let org = outcome.author.as_ref().map(|author| block_on(org_domain(&zone, author, &Limits::default())).0);
        let org_right = org.and_then(Result::ok).is_none_or(|org| accepts(&expect["org_domain"], Some(org.as_str())));
        if !right || !org_right {
            wrong.push(format!("{} {}: {outcome:?}\n   not {expect}", case["id"], input));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn records() {
    for case in cases("dmarc/records.jsonl") {
        let record = Record::parse(case["input"].as_str().unwrap());
        let usable = record.as_ref().is_ok_and(|record| record.requests().is_ok());
        let wanted = case["expect"]["usable"].as_bool();
        assert!(wanted.is_none_or(|wanted| wanted == usable), "{case}: {record:?}");
        let fields = &case["expect"]["fields"];
        if let (Ok(record), Some(p)) = (&record, fields["p"].as_str()) {
            assert_eq!(record.requests().unwrap().own.word(), p, "{case}");
            let rua: Vec<&str> = fields["rua"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            assert!(rua.is_empty() || record.rua == rua, "{case}: {record:?}");
        }
    }
}

#[test]
fn a_walk_asks_eight_names_at_most() {
    let domain = Domain::parse("a.b.c.d.e.f.g.h.i.j.mail.example.com").unwrap();
    let (org, asked) = block_on(org_domain(&Zone::new(), &domain, &Limits::default()));
    let names: Vec<String> = asked.iter().map(|question| question.name.to_string()).collect();
    assert_eq!(org.unwrap(), domain);
    assert_eq!(
        names,
        [
            "_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com",
            "_dmarc.g.h.i.j.mail.example.com",
            "_dmarc.h.i.j.mail.example.com",
            "_dmarc.i.j.mail.example.com",
            "_dmarc.j.mail.example.com",
            "_dmarc.mail.example.com",
            "_dmarc.example.com",
            "_dmarc.com"
        ]
    );
}

/// Who spoofs an author can make checks of his own domains fail for now: that must not keep the policy from being applied.
#[test]
fn failures_of_strangers_do_not_matter() {
    let zone = r#"{"_dmarc.bank.example": {"TXT": ["v=DMARC1; p=reject"]}, "_dmarc.evil.example": {"TXT": "SERVFAIL"},
        "_dmarc.sub.bank.example": {"TXT": "SERVFAIL"}}"#;
    let zone = Zone::from_json(zone).unwrap();
    let evil = || vec![Domain::parse("evil.example").unwrap()];
    let below = || vec![Domain::parse("sub.bank.example").unwrap()];
    let word = |passed: Identifiers| {
        let authors = author::parse("a@bank.example");
        block_on(check(&zone, &authors, &passed, &Limits::default(), Preset::Strict)).verdict.word()
    };
    assert_eq!(word(Identifiers { dkim_undecided: evil(), ..Default::default() }), "fail");
    assert_eq!(word(Identifiers { spf_undecided: evil().pop(), dkim: evil(), ..Default::default() }), "fail");
    assert_eq!(
        word(Identifiers { dkim_undecided: vec![Domain::parse("bank.example").unwrap()], ..Default::default() }),
        "temperror"
    );
    assert_eq!(word(Identifiers { dkim: below(), ..Default::default() }), "temperror");
}

proptest::proptest! {
    /// Any text is a record or none; any zone is walked within the limits.
    #[test]
    fn nothing_panics_and_walks_end(text in "v=DMARC1; [a-z=;:,!@ ]{0,60}|\\PC{0,40}", labels in proptest::collection::vec("[a-c]", 1..20)) {
        let _ = Record::parse(&text).map(|record| record.requests());
        let domain = Domain::parse(&labels.join(".")).unwrap();
        let mut zone = Zone::new();
        for name in ["_dmarc.a", "_dmarc.b.a", "_dmarc.c.b.a"] {
            zone.add(gatepost_dns::Name::parse(name).unwrap(), gatepost_dns::Record::Txt(gatepost_dns::Txt::from_strings([&text])));
        }
        let (org, asked) = block_on(org_domain(&zone, &domain, &Limits::default()));
        proptest::prop_assert!(asked.len() <= 8 && domain.is_or_below(&org.unwrap()));
    }
}
