//! Advice on records.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may

use gatepost_spf::lint::{Rule, lint};

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
