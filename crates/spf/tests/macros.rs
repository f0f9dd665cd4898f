//! Macros and explanations (RFC 7208 §6.2, §7; RFC 8616), seen through the names that are asked and the words of a fail.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // a test may

use std::time::{Duration, UNIX_EPOCH};

use gatepost_dns::{Recorder, Zone, block_on};
use gatepost_results::Explain;
use gatepost_spf::{Limits, Outcome, Query, check};

fn outcome(zone: &str, ip: &str, mail_from: &str) -> Outcome {
    let zone = Zone::parse(zone).unwrap_or_else(|error| panic!("{error}: {zone}"));
    let query = Query::mail_from(ip.parse().unwrap(), mail_from, "mx.helo.example");
    let query = query.receiver("mx.receiver.example").at(UNIX_EPOCH + Duration::from_secs(1_795_500_000));
    block_on(check(&zone, &query, &Limits::default()))
}

/// What a macro-string expands to, seen in an explanation.
fn explained(macros: &str, ip: &str, mail_from: &str) -> Option<String> {
    let zone = format!("a.b.example TXT \"v=spf1 exp=why.example -all\"\nwhy.example TXT \"{macros}\"");
    outcome(&zone, ip, mail_from).explanation
}

/// The name that a domain-spec is asked as.
fn asked(spec: &str, ip: &str, mail_from: &str, zone: &str) -> Option<String> {
    let recorder =
        Recorder::new(Zone::parse(&format!("a.b.example TXT \"v=spf1 exists:{spec} -all\"\n{zone}")).unwrap());
    let query = Query::mail_from(ip.parse().unwrap(), mail_from, "mx.helo.example");
    block_on(check(&recorder, &query, &Limits::default()));
    recorder
        .asked()
        .last()
        .filter(|(question, _)| question.kind == gatepost_dns::RecordType::A)
        .map(|(question, _)| question.name.as_str().to_owned())
}

#[test]
fn letters_and_transformers() {
    let four = |macros: &str| explained(macros, "192.0.2.3", "Ann-b+list@a.b.example").unwrap();
    for (macros, wanted) in [
        ("%{s} %{l} %{o} %{d}", "Ann-b+list@a.b.example Ann-b+list a.b.example a.b.example"),
        ("%{i} %{c} %{v} %{h} %{r} %{t}", "192.0.2.3 192.0.2.3 in-addr mx.helo.example mx.receiver.example 1795500000"),
        ("%{d1} %{d2} %{d3} %{d4} %{dr} %{d2r} %{d1r}", "example b.example a.b.example a.b.example example.b.a b.a a"),
        ("%{l-} %{lr-} %{l1r-} %{l-+} %{l1+}", "Ann.b+list b+list.Ann Ann Ann.b.list list"),
        ("%{d100000000000000000000} %{d128r}", "a.b.example example.b.a"),
        ("%% %_ %- %{D2}%%", "%   %20 b.example%"),
        ("%{S} %{L}", "Ann-b%2Blist%40a.b.example Ann-b%2Blist"),
        ("%{IR}.%{V}", "3.2.0.192.in-addr"),
        ("", ""),
    ] {
        assert_eq!(four(macros), wanted, "{macros}");
    }
    assert_eq!(explained("%{l-r}", "192.0.2.3", "ann@a.b.example"), None, "`r` stands before the delimiters");
    let six = |macros: &str| explained(macros, "2001:db8::cb01", "ann@a.b.example").unwrap();
    assert_eq!(six("%{i}"), "2.0.0.1.0.d.b.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.c.b.0.1");
    assert_eq!(
        six("%{ir}.%{v} %{c} %{i2}"),
        "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6 2001:db8::cb01 0.1"
    );
    assert_eq!(explained("%{s}", "192.0.2.3", "a.b.example").unwrap(), "postmaster@a.b.example");
    assert_eq!(explained("%{l}", "192.0.2.3", "x@y@a.b.example").unwrap(), "x@y");
}

#[test]
fn empty_parts_are_kept() {
    assert_eq!(explained("%{l-}|%{lr-}|%{l2-}", "192.0.2.3", "a--b@a.b.example").unwrap(), "a..b|b..a|.b");
    assert_eq!(
        asked("%{l-}.%{d}", "192.0.2.3", "a--b@a.b.example", ""),
        None,
        "an empty label makes no name, and no match"
    );
}

#[test]
fn names_that_are_too_long_lose_labels_on_the_left() {
    let local = ["x".repeat(60), "y".repeat(60), "z".repeat(60), "w".repeat(60), "v".repeat(40)].join(".");
    let name = asked("%{l}.%{d}", "192.0.2.3", &format!("{local}@a.b.example"), "").unwrap();
    assert!(name.len() <= 253 && name.starts_with("yyy") && name.ends_with(".a.b.example"), "{name}");
    let label = "x".repeat(64);
    assert_eq!(asked("%{l}.%{d}", "192.0.2.3", &format!("{label}@a.b.example"), ""), None, "a label is never cut");
    // at each length around the bound: the longest end that begins with a label, however much stands before it
    for length in 225..245 {
        let labels = vec!["y"; length / 2].join(".");
        for times in [0, 1, 2, 2000] {
            let (spec, whole) = ("%{l}.".repeat(times) + &labels, "xx.".repeat(times) + &labels + ".a.b.example");
            let mut wanted = whole.as_str();
            while wanted.len() > 253 {
                wanted = wanted.split_once('.').unwrap().1;
            }
            let name = asked(&format!("{spec}.%{{d}}"), "192.0.2.3", "xx@a.b.example", "");
            assert_eq!(name.as_deref(), Some(wanted), "{length} {times}");
        }
    }
    assert_eq!(
        asked("%{d}.x.example.", "192.0.2.3", "ann@a.b.example", "").unwrap(),
        "a.b.example.x.example",
        "one dot at the end is none"
    );
}

#[test]
fn the_validated_name_is_the_nearest() {
    let reverse = |names: &[&str]| {
        names.iter().map(|name| format!("3.2.0.192.in-addr.arpa PTR {name}\n{name} A 192.0.2.3\n")).collect::<String>()
    };
    let validated = |zone: &str| asked("%{p}.x.example", "192.0.2.3", "ann@a.b.example", zone).unwrap();
    assert_eq!(validated(&reverse(&["m.other.example", "m.a.b.example", "a.b.example"])), "a.b.example.x.example");
    assert_eq!(validated(&reverse(&["m.other.example", "m.a.b.example"])), "m.a.b.example.x.example");
    assert_eq!(validated(&reverse(&["m.other.example", "b.example"])), "m.other.example.x.example");
    assert_eq!(validated("3.2.0.192.in-addr.arpa PTR m.a.b.example\nm.a.b.example A 192.0.2.4"), "unknown.x.example");
    assert_eq!(validated("3.2.0.192.in-addr.arpa PTR !TIMEOUT"), "unknown.x.example");
    assert_eq!(validated(""), "unknown.x.example");
}

#[test]
fn internationalized_mail() {
    let zone = "xn--bcher-kva.example TXT \"v=spf1 exists:%{l}.%{o} exists:%{o}.x.example ~all\"\nxn--bcher-kva.example.x.example A 127.0.0.2";
    let found = outcome(zone, "192.0.2.3", "ann@Bücher.example");
    assert_eq!((found.verdict.word(), found.domain.unwrap().as_str()), ("pass", "xn--bcher-kva.example"));
    // RFC 8616 §4: a term with a local part that is not ASCII does not match; the others do
    let zone = "a.b.example TXT \"v=spf1 -exists:%{l}.x.example -exists:%{S}.x.example -include:%{l}.x.example ip4:192.0.2.3 -all\"\n*.x.example A 127.0.0.2";
    assert_eq!(outcome(zone, "192.0.2.3", "änn@a.b.example").verdict.word(), "pass");
    assert_eq!(outcome(zone, "192.0.2.3", "ann@a.b.example").verdict.word(), "fail");
}

#[test]
fn explanations_are_left_out_when_something_is_wrong() {
    let explanation = |exp: &str, zone: &str| {
        let found =
            outcome(&format!("a.b.example TXT \"v=spf1 -all exp={exp}\"\n{zone}"), "192.0.2.3", "ann@a.b.example");
        assert_eq!(found.verdict.word(), "fail");
        found.explanation
    };
    assert_eq!(
        explanation("why.example", "why.example TXT \"No \" \"mail from %{i}\"").as_deref(),
        Some("No mail from 192.0.2.3")
    );
    for zone in [
        "",
        "why.example TXT !TIMEOUT",
        "why.example A 192.0.2.1",
        "why.example TXT \"a\"\nwhy.example TXT \"b\"",
        "why.example TXT \"é\"",
        "why.example TXT \"%{x}\"",
        "why.example TXT \"50%\"",
        "why.example TXT \"%{d\"",
    ] {
        assert_eq!(explanation("why.example", zone), None, "{zone}");
    }
    assert_eq!(explanation("%{l}..example", ""), None);
    let of_mechanism = "a.b.example TXT \"v=spf1 exp=why.example include:c.example -ip4:192.0.2.3\"\nwhy.example TXT \"outer\"\n\
                        c.example TXT \"v=spf1 -all exp=inner.example\"\ninner.example TXT \"inner\"";
    assert_eq!(outcome(of_mechanism, "192.0.2.3", "ann@a.b.example").explanation.as_deref(), Some("outer"));
    let spent = "a.b.example TXT \"v=spf1 exp=why.example a:x.example a:y.example -all\"\nwhy.example TXT \"%{p}\"";
    assert_eq!(outcome(spent, "192.0.2.3", "ann@a.b.example").explanation.as_deref(), Some("unknown"));
    let recorder = Recorder::new(Zone::parse("a.b.example TXT \"v=spf1 exp=why.example ~all\"").unwrap());
    let query = Query::mail_from("192.0.2.3".parse().unwrap(), "ann@a.b.example", "");
    block_on(check(&recorder, &query, &Limits::default()));
    assert_eq!(recorder.asked().len(), 1, "an explanation is asked for a fail only");
}

#[test]
fn explanations_are_safe_to_repeat() {
    let zone = "a.b.example TXT \"v=spf1 -all exp=why.example\"\nwhy.example TXT \"%{l} %{h}\"";
    let query = Query::mail_from("192.0.2.3".parse().unwrap(), "x\r\n250 ok\u{1b}[2J\u{202e}@a.b.example", "h\r\nelo");
    let found = block_on(check(&Zone::parse(zone).unwrap(), &query, &Limits::default()));
    assert_eq!(found.explanation.as_deref(), Some("x??250 ok?[2J? h??elo"));
    let field = found.received_spf(&query);
    assert!(!field.trim_end().contains("\n250") && field.lines().skip(1).all(|line| line.starts_with('\t')), "{field}");
    assert!(!found.explain().to_string().contains('\u{1b}'));
    let long = format!("a.b.example TXT \"v=spf1 -all exp=why.example\"\nwhy.example TXT \"{}\"", "%{s}".repeat(500));
    assert_eq!(
        outcome(&long, "192.0.2.3", "ann@a.b.example").explanation.unwrap().len(),
        Limits::default().explanation_bytes
    );
}

#[test]
fn fields_say_what_was_found() {
    let query = Query::mail_from("2001:db8::3".parse().unwrap(), "\"a b\"@a.b.example", "mx.helo.example")
        .receiver("mx.example");
    let zone = Zone::parse(
        "a.b.example TXT \"v=spf1 mx ip6:2001:db8::/32 -all\"\na.b.example MX 1 x.example\nx.example AAAA ::1",
    )
    .unwrap();
    let found = block_on(check(&zone, &query, &Limits::default()));
    assert_eq!(
        found.received_spf(&query),
        "Received-SPF: pass (mx.example: domain of a.b.example designates 2001:db8::3 as permitted sender)\r\n\
         \treceiver=mx.example;\r\n\tclient-ip=\"2001:db8::3\";\r\n\thelo=mx.helo.example;\r\n\tenvelope-from=\"\\\"a b\\\"@a.b.example\";\r\n\
         \tidentity=mailfrom;\r\n\tmechanism=\"ip6:2001:db8::/32\"\r\n"
    );
    let results = gatepost_results::AuthResults::new("mx.example").with(found.res_info());
    assert!(results.to_field().contains("spf=pass smtp.mailfrom=a.b.example"));
    let helo = block_on(check(&zone, &query.helo_identity(), &Limits::default()));
    assert!(
        helo.received_spf(&query.helo_identity()).contains("identity=helo")
            && helo.res_info().properties().next().unwrap().name() == "helo"
    );
    let tree = found.explain().to_string();
    assert!(tree.contains("├─ mx does not match  [RFC 7208 §5.4]\n│  ├─ MX a.b.example"), "{tree}");
}
