//! Advice as it is shown to readers and to programs.
#![allow(clippy::unwrap_used)] // a test may

use std::fmt;
use std::ops::Range;

use gatepost_results::{Advice, Cite, Defect, Finding, Lang, Lint, Linted};
use serde_json::{Value, json};

/// A sentence that the catalogue of Japanese knows, and whether it leaves no record.
struct Said(bool);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tag that is not known is ignored")
    }
}

impl Advice for Said {
    fn cite(&self) -> Cite {
        Cite::new(6376, "3.2")
    }

    fn is_fatal(&self) -> bool {
        self.0
    }
}

/// A defect at a place or at none, in words with a terminal sequence.
struct Broken(Option<Range<usize>>);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken\u{1b}[2J")
    }
}

impl Defect for Broken {
    fn cite(&self) -> Cite {
        Cite::new(7208, "4.6")
    }

    fn place(&self, _: &str) -> Option<Range<usize>> {
        self.0.clone()
    }
}

fn lints(spans: &[Range<usize>]) -> Result<Vec<Lint<Said>>, Broken> {
    Ok(spans.iter().map(|span| Lint { rule: Said(false), span: span.clone() }).collect())
}

#[test]
fn a_short_record_is_shown_once_above_what_is_said_of_it() {
    let record = "v=DKIM1; x=1; y=2";
    let linted = Linted::new(record, Finding::all(record, lints(&[9..12, 14..17]))).at("a.example");
    assert_eq!(
        linted.told(Lang::En).to_string(),
        "a.example\n  v=DKIM1; x=1; y=2\n           ^^^\n    a tag that is not known is ignored  [RFC 6376 §3.2]\n                ^^^\n    \
         a tag that is not known is ignored  [RFC 6376 §3.2]\n"
    );
    assert!(linted.told(Lang::Ja).to_string().contains("未知のタグは無視されます  [RFC 6376 §3.2]"));
    assert_eq!(Linted::new("\u{7}", Vec::new()).told(Lang::En).to_string(), "  \\u{7}\n");
}

#[test]
fn of_a_long_record_each_place_is_shown() {
    let record = format!("v=DKIM1; x=1; p={}; y=2", "A".repeat(400));
    let end = record.len();
    let told = Linted::new(&*record, Finding::all(&record, lints(&[9..12, end - 3..end]))).told(Lang::En).to_string();
    assert_eq!(told.lines().filter(|line| line.contains("AAAA")).count(), 2, "{told}");
    assert_eq!(told.matches("^^^\n").count(), 2, "{told}");
}

#[test]
fn a_defect_leaves_no_record_and_is_shown_at_its_place() {
    let found = |place| Finding::all("v=spf1 foo", Err::<Vec<Lint<Said>>, _>(Broken(place)));
    let json = |finding: &Finding| -> Value { serde_json::from_str(&finding.to_json(Lang::En)).unwrap() };
    let expected =
        |span: [usize; 2]| json!({"advice": "broken\\u{1b}[2J", "cite": "RFC 7208 §4.6", "fatal": true, "span": span});
    for (place, span) in [(Some(7..10), [7, 10]), (None, [0, 10])] {
        let found = found(place);
        assert_eq!(found.iter().map(json).collect::<Vec<_>>(), [expected(span)]);
        assert!(found.iter().all(Finding::is_fatal));
    }
    let moved = found(Some(7..10)).into_iter().map(|finding| finding.behind(15));
    assert_eq!(moved.map(|finding| json(&finding)).collect::<Vec<_>>(), [expected([22, 25])]);
}

#[test]
fn programs_get_all_of_it_as_json() {
    let lints = vec![Finding::from(Lint { rule: Said(true), span: 0..1 })];
    let linted = Linted::new("\"\u{7}ö", lints.clone());
    let json: Value = serde_json::from_str(&linted.to_json(Lang::En)).unwrap();
    let finding =
        json!({"advice": "a tag that is not known is ignored", "cite": "RFC 6376 §3.2", "fatal": true, "span": [0, 1]});
    assert_eq!(json, json!({"name": null, "record": "\"\u{7}ö", "lint": [finding]}));
    let json: Value = serde_json::from_str(&linted.at("a.example").to_json(Lang::Ja)).unwrap();
    assert_eq!((&json["name"], &json["lint"][0]["advice"]), (&json!("a.example"), &json!("未知のタグは無視されます")));
}
