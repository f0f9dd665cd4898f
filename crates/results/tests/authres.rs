//! RFC 8601: the grammar, the writer that can not be injected into, the remover of forged fields.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a test may

use gatepost_conformance::cases;
use gatepost_results::{AuthResults, Outline, ResInfo, authres, strip, trace};
use gatepost_syntax::{HeaderBlock, HeaderLimits};
use proptest::prelude::*;

#[test]
fn the_grammar_suite() {
    for case in cases("authres/cases.jsonl") {
        let (id, value, expect) = (&case["id"], case["input"]["value"].as_str().unwrap(), &case["expect"]);
        let parsed = authres::parse(value);
        if expect["error"].as_bool() == Some(true) || expect["valid"].as_bool() == Some(false) {
            assert!(parsed.is_err(), "{id}: {parsed:?}");
            continue;
        }
        let parsed = parsed.unwrap_or_else(|error| panic!("{id}: {error} in {value:?}"));
        assert_eq!(Some(parsed.authserv_id()), expect["authserv_id"].as_str(), "{id}");
        let Some(results) = expect["results"].as_array() else {
            continue;
        };
        assert_eq!(parsed.results().len(), results.len(), "{id}");
        for (ours, theirs) in parsed.results().iter().zip(results) {
            assert_eq!(Some(ours.method.as_str()), theirs["method"].as_str(), "{id}");
            assert_eq!(Some(ours.result.as_str()), theirs["result"].as_str(), "{id}");
            let properties: Vec<_> = theirs["props"].as_array().into_iter().flatten().collect();
            assert_eq!(ours.properties.len(), properties.len(), "{id}");
            for (ours, theirs) in ours.properties.iter().zip(properties) {
                assert_eq!(
                    (Some(&*ours.ptype), Some(&*ours.name)),
                    (theirs["ptype"].as_str(), theirs["property"].as_str()),
                    "{id}"
                );
                assert_eq!(Some(&*ours.value), theirs["value"].as_str(), "{id}");
            }
        }
    }
}

#[test]
fn written_values_are_read_back() {
    for case in cases("authres/generate.jsonl") {
        let result = &case["input"]["result"];
        let mut info = ResInfo::new(result["method"].as_str().unwrap(), result["result"].as_str().unwrap());
        for property in result["props"].as_array().unwrap() {
            let text = |key: &str| property[key].as_str().unwrap();
            info = info.property(text("ptype"), text("property"), text("value"));
        }
        let field = AuthResults::new("mx.example").with(info.clone()).to_field();
        let (headers, _) = HeaderBlock::parse(field.as_bytes(), &HeaderLimits::default()).unwrap();
        assert_eq!((headers.fields().len(), headers.defect()), (1, None), "{field}");
        let parsed = authres::parse(headers.fields().next().unwrap().text().unwrap()).unwrap();
        assert_eq!(parsed.results(), [info], "{field}");
    }
}

#[test]
fn forged_fields_are_removed_in_every_spelling() {
    for ours in [
        "mx.example.com; spf=pass",
        "MX.Example.com; none",
        "\"mx.example.com\"; none",
        "(c)mx.example.com; none",
        "\r\n mx.example.com;x=y",
        "mx.example.com/1; none",
        "mx.example.com 1; none",
        "mx.example.com 99; none",
        "(a (b)) \"mx.ex\\ample.com\" ; none",
        "other.example 7; none",
        "mx.example.com.; none",
        "((((",
        "\"unclosed",
        "",
        "mx.example.com\u{1}; none",
    ] {
        for name in ["Authentication-Results", "authentication-RESULTS ", "Authentication-Results\t"] {
            let message = format!("{name}:{ours}\r\nFrom: a@b.example\r\n\r\n");
            let (headers, _) = HeaderBlock::parse(message.as_bytes(), &HeaderLimits::default()).unwrap();
            let stripped = strip(&headers, &["mx.example.com"]);
            assert_eq!((stripped.removed, &*stripped.headers), (1, &b"From: a@b.example\r\n"[..]), "{message:?}");
        }
    }
    let kept = b"Authentication-Results: other.example; spf=pass\r\nX-Authentication-Results: mx.example.com; none\r\n";
    let (headers, _) = HeaderBlock::parse(kept, &HeaderLimits::default()).unwrap();
    assert_eq!(strip(&headers, &["mx.example.com"]).headers, kept);
}

#[test]
fn dates_are_those_of_rfc_5322() {
    let date = |seconds| trace::date_time(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds));
    assert_eq!(date(0), "Thu, 1 Jan 1970 00:00:00 +0000");
    assert_eq!(date(951_827_696), "Tue, 29 Feb 2000 12:34:56 +0000");
    assert_eq!(date(1_795_510_800), "Tue, 24 Nov 2026 09:00:00 +0000");
}

#[test]
fn an_outline_is_json_too() {
    let outline = Outline::new("a\"\u{1b}[0m").cite(7208, "5.2").child(Outline::new("b"));
    let json: serde_json::Value = serde_json::from_str(&outline.to_json()).unwrap();
    assert_eq!(json["line"], "a\"\\u{1b}[0m");
    assert_eq!(json["cite"], "RFC 7208 §5.2");
    assert_eq!(json["children"][0]["line"], "b");
}

proptest! {
    #[test]
    fn no_value_can_inject(id in "[!-~]{1,12}", value in any::<String>(), reason in any::<String>(), comment in any::<String>()) {
        let info = ResInfo::new("spf", "fail").property("smtp", "mailfrom", value).reason(reason).comment(comment);
        let written = AuthResults::new(&id).with(info.clone()).with(ResInfo::new("dkim", "none"));
        let read = authres::parse(&written.to_string()).unwrap();
        prop_assert_eq!(read.authserv_id(), &id);
        prop_assert_eq!(read.results(), &[ResInfo { comment: None, ..info }, ResInfo::new("dkim", "none")][..]);
        let field = written.to_field();
        let (headers, _) = HeaderBlock::parse(field.as_bytes(), &HeaderLimits::default()).unwrap();
        prop_assert_eq!((headers.fields().len(), headers.defect()), (1, None));
    }

    #[test]
    fn reading_never_panics(text in any::<String>()) {
        let _ = authres::parse(&text);
    }
}
