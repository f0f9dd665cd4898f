//! What an outcome says to a reader.
#![allow(clippy::unwrap_used)] // a test may

use gatepost_dns::{Zone, block_on};
use gatepost_results::Explain;
use gatepost_spf::{Limits, Query, check};

fn explained(zone: &str, sender: &str) -> String {
    let zone = Zone::parse(zone).unwrap();
    let query = Query::mail_from("192.0.2.7".parse().unwrap(), sender, "mail.example.org");
    block_on(check(&zone, &query, &Limits::default())).explain().to_string()
}

#[test]
fn a_term_that_ended_the_evaluation_is_not_said_not_to_match() {
    let tree = explained("a.org TXT \"v=spf1 ip4:10.0.0.1 include:b.org -all\"", "ann@a.org");
    assert!(
        tree.contains("ip4:10.0.0.1 does not match") && tree.contains("include:b.org could not be decided"),
        "{tree}"
    );
    let tree = explained("a.org TXT \"v=spf1 a:b.org -all\"", "ann@a.org"); // decided: nothing is there
    assert!(tree.contains("a:b.org does not match"), "{tree}");
}

/// Whoever published a broken record sees where it is broken, in an included one, too.
#[test]
fn an_error_is_shown_in_its_record() {
    let zone = "a.org TXT \"v=spf1 include:b.org -all\"\nb.org TXT \"v=spf1 ip4:192.0.2.0/24 ipp4:192.0.2.1 -all\"";
    let tree = explained(zone, "ann@a.org");
    assert!(tree.contains("│    v=spf1 include:b.org -all\n│           ^^^^^^^^^^^^^\n"), "{tree}");
    let marked = "\n     v=spf1 ip4:192.0.2.0/24 ipp4:192.0.2.1 -all\n                             ^\n";
    assert!(tree.contains("unknown mechanism at byte 24") && tree.ends_with(marked), "{tree}");
    let tree = explained("a.org TXT \"v=spf1 a\u{e9}b -all\"", "ann@a.org");
    assert!(tree.ends_with("\n     v=spf1 a\\u{e9}b -all\n             ^^^^^^\n"), "{tree}");
}

#[test]
fn no_domain_is_not_no_record() {
    assert!(explained("", "ann@bad..org").contains("there is no domain to check"));
    assert!(explained("", "ann@a.org").contains("TXT a.org → no such name"));
    assert!(explained("", "ann@a.org").contains("there is no SPF record"));
}
