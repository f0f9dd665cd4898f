//! Laws and attacks: whatever records hold, an evaluation ends within its limits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a test may

use std::sync::Arc;

use gatepost_dns::{Name, Record as DnsRecord, Recorder, Txt, Zone, block_on};
use gatepost_results::Explain;
use gatepost_spf::record::Record;
use gatepost_spf::{Limits, Outcome, PermError, Query, Verdict, check};
use proptest::prelude::*;

fn evaluate(zone: Zone) -> (Outcome, usize) {
    let recorder = Arc::new(Recorder::new(zone));
    let query = Query::mail_from("192.0.2.3".parse().unwrap(), "a@a.example", "mail.a.example");
    let outcome = block_on(check(&recorder, &query, &Limits::default()));
    let asked = recorder.asked().len();
    (outcome, asked)
}

/// The most questions: each of 10 terms asks once and for 10 names; the first record and the explanation.
const QUESTIONS: usize = 10 + 10 * 10 + 1 + 1 + 11;

fn verdict(zone: &str) -> Verdict {
    evaluate(Zone::parse(zone).unwrap()).0.verdict
}

#[test]
fn bombs_end_within_the_limits() {
    let permerror = |zone: &str| match verdict(zone) {
        Verdict::PermError(error) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(permerror("a.example TXT \"v=spf1 include:a.example -all\""), PermError::Terms { limit: 10 });
    assert_eq!(
        permerror("a.example TXT \"v=spf1 redirect=b.example\"\nb.example TXT \"v=spf1 redirect=a.example\""),
        PermError::Terms { limit: 10 }
    );
    assert_eq!(
        permerror("a.example TXT \"v=spf1 a:x.example a:y.example a:z.example -all\""),
        PermError::Voids { limit: 2 }
    );
    let mx: String = (0..10_000).map(|n| format!("a.example MX 1 m{n}.example\n")).collect();
    assert_eq!(permerror(&format!("{mx}a.example TXT \"v=spf1 mx -all\"")), PermError::MxNames { limit: 10 });
    assert!(matches!(permerror(&format!("a.example TXT \"v=spf1 {}-all\"", "a ".repeat(32_000))), PermError::Long(_)));
    assert!(
        matches!(permerror("a.example TXT \"v=spf1 ?all foo\""), PermError::Record { .. }),
        "the whole record is checked"
    );
    assert_eq!(verdict("a.example TXT \"v=spf1 exists:%{d100000000000000000000r}.x.example ?all\""), Verdict::Neutral);
}

#[test]
fn explanations_are_one_printable_line() {
    let (outcome, _) =
        evaluate(Zone::parse("a.example TXT \"v=spf1 -all exp=e.example\"\ne.example TXT \"no%_%{l}\"").unwrap());
    assert_eq!(outcome.explanation.as_deref(), Some("no a"));
    assert!(outcome.explain().to_string().contains("RFC 7208 §5.1"));
}

fn term() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        Just("a.example"),
        Just("b.example"),
        Just("c.example"),
        Just("%{d}"),
        Just("%{p}"),
        Just("%{l}.%{i}.b.example")
    ];
    let name = prop_oneof![
        Just("include:"),
        Just("a:"),
        Just("mx:"),
        Just("ptr:"),
        Just("exists:"),
        Just("redirect="),
        Just("exp="),
        Just("-ip4:10.0.0.1 x=")
    ];
    (name, host).prop_map(|(name, host)| format!("{name}{host}"))
}

proptest! {
    #[test]
    fn any_zone_is_evaluated_within_the_limits(records in proptest::collection::vec((0usize..3, proptest::collection::vec(term(), 0..8)), 0..6)) {
        let mut zone = Zone::new();
        for (owner, terms) in records {
            let owner = Name::parse(["a.example", "b.example", "c.example"][owner]).unwrap();
            zone.add(owner, DnsRecord::Txt(Txt::from_strings([format!("v=spf1 {}", terms.join(" "))])));
        }
        let (outcome, asked) = evaluate(zone);
        prop_assert!(asked <= QUESTIONS, "{} questions", asked);
        prop_assert!(outcome.terms <= 10);
        let _ = outcome.explain().to_string();
    }

    #[test]
    fn no_record_panics(text in "v=spf1 [ -~]{0,40}", any in any::<String>()) {
        let _ = Record::parse(&text);
        let _ = Record::parse(&any);
    }
}
