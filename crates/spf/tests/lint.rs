//! Advice on records.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may

use std::fmt::Write;

use gatepost_dns::{LookupError, Name, Recorder, Zone, block_on};
use gatepost_spf::Limits;
use gatepost_spf::lint::{Rule, Survey, lint, survey};

fn rules(text: &str) -> Vec<Rule> {
    lint(text).unwrap().into_iter().map(|lint| lint.rule).collect()
}

#[test]
fn each_rule_is_found_and_a_good_record_has_none() {
    assert_eq!(rules("v=spf1 ip4:192.0.2.0/24 include:_spf.example.org mx -all"), []);
    assert_eq!(rules("v=spf1 redirect=_spf.example.org"), []);
    assert_eq!(rules("v=spf1 a"), [Rule::OpenEnd]);
    assert_eq!(rules("v=spf1 -all a"), [Rule::Unreachable]);
    assert_eq!(rules("v=spf1 -all redirect=a.example"), [Rule::RedirectIgnored]);
    assert_eq!(
        rules("v=spf1 ip4:10.0.0.0/8 ip6:2001::/16 -all"),
        [Rule::LargeNetwork { prefix: 8 }, Rule::LargeNetwork { prefix: 16 }]
    );
    assert_eq!(rules("v=spf1 mx a MX ~all"), [Rule::Duplicate]);
    let many: String = (0..11).map(|n| format!("include:i{n}.example ")).collect();
    assert_eq!(rules(&format!("v=spf1 {many}-all")), [Rule::Lookups { count: 11 }]);
    let long: String = (0..30).map(|n| format!("ip4:192.0.2.{n} ")).collect();
    assert_eq!(rules(&format!("v=spf1 {long}-all")), [Rule::Long { octets: 7 + long.len() + 4 }]);
    assert!(lint("v=spf1 foo").is_err());
}

#[test]
fn spans_are_those_of_the_terms() {
    let text = "v=spf1 a:x.example ptr -all";
    let found = lint(text).unwrap();
    assert_eq!(&text[found[0].span.clone()], "ptr");
}

fn survey_of(zone: &str, text: &str) -> Survey {
    let zone = Zone::parse(zone).unwrap();
    block_on(survey(&zone, &Name::parse("a.example").unwrap(), text, &Limits::default()))
}

/// Domain, term and rule of each piece of advice.
fn advice(survey: &Survey) -> Vec<(&str, &str, Rule)> {
    let pages = survey.pages.iter().flat_map(|page| page.lints.iter().map(move |lint| (page, lint)));
    pages.map(|(page, lint)| (page.domain.as_str(), &page.text[lint.span.clone()], lint.rule.clone())).collect()
}

#[test]
fn the_records_that_a_record_leads_to_are_checked() {
    let zone = "b.example TXT \"v=spf1 ip4:192.0.2.0/24 a:void.example mx ?include:c.example -all\"\nb.example MX 1 m.example\n\
                c.example TXT \"v=spf1 ip4:192.0.2.0/24 +all\"\nd.example TXT \"v=spf1 foo\"\ne.example TXT \"v=spf1 -all\"\n\
                e.example TXT \"v=spf1 ~all\"\nf.example TXT !TIMEOUT\n";
    let text = "v=spf1 include:b.example include:c.example include:d.example include:e.example include:f.example include:g.example \
                include:%{l}.example -all";
    let found = survey_of(zone, text);
    let duplicate = |of: &str| Rule::DuplicateOf { domain: Name::parse(of).unwrap() };
    assert_eq!(
        advice(&found),
        [
            ("a.example", "include:c.example", Rule::PassesAll),
            ("a.example", "include:d.example", Rule::BrokenTarget),
            ("a.example", "include:e.example", Rule::Several { count: 2 }),
            ("a.example", "include:f.example", Rule::Unanswered { error: LookupError::Timeout }),
            ("a.example", "include:g.example", Rule::NoRecord),
            ("b.example", "a:void.example", Rule::Void),
            ("b.example", "?include:c.example", duplicate("a.example")),
            ("c.example", "ip4:192.0.2.0/24", duplicate("b.example")),
            ("c.example", "+all", Rule::PassAll),
        ]
    );
    assert_eq!((found.lookups, found.voids, found.ip4_addresses, found.complete), (10, 1, 256, true));
    assert!(found.pages[3].error.is_some());
}

#[test]
fn loops_costs_and_long_answers_are_found() {
    let found = survey_of(
        "b.example TXT \"v=spf1 include:a.example -all\"\na.example TXT \"v=spf1 include:b.example -all\"\n",
        "v=spf1 include:b.example -all",
    );
    assert_eq!(
        advice(&found),
        [("a.example", "include:b.example", Rule::Loop), ("b.example", "include:a.example", Rule::Loop)]
    );
    let zone = "b.example TXT \"v=spf1 exists:x.example exists:x.example mx a ptr -all\"\nx.example A 127.0.0.2\nb.example A 192.0.2.1\n\
                b.example MX 1 x.example\n";
    let found = survey_of(zone, "v=spf1 include:b.example mx:b.example ?include:b.example -all");
    assert_eq!(found.lookups, 3 + 5 + 5);
    let rules: Vec<Rule> = found.pages[0].lints.iter().map(|lint| lint.rule.clone()).collect();
    assert_eq!(rules, [Rule::AllLookups { count: 13 }, Rule::Duplicate]);
    let zone =
        format!("b.example TXT \"v=spf1 -all\"\nb.example TXT \"{}\"\nc.example TXT \"v=spf1 -all\"", "x".repeat(500));
    let found = survey_of(&zone, "v=spf1 include:b.example redirect=c.example");
    assert_eq!(advice(&found), [("b.example", "v=spf1 -all", Rule::LongAnswer { octets: 576 })]);
}

#[test]
fn a_bomb_of_records_is_followed_as_far_as_the_bound() {
    let mut zone = String::new();
    for n in 0..400 {
        let includes: String = (1..60).map(|k| format!("include:n{}.example ", (n * 37 + k) % 400)).collect();
        writeln!(zone, "n{n}.example TXT \"v=spf1 {includes}-all\"").unwrap();
    }
    let recorder = Recorder::new(Zone::parse(&zone).unwrap());
    let name = Name::parse("a.example").unwrap();
    let found = block_on(survey(&recorder, &name, "v=spf1 include:n1.example -all", &Limits::default()));
    assert!(!found.complete && found.pages.len() == 100 && recorder.asked().len() == 99);
}
