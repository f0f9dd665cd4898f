//! Any zone is evaluated within the limits, looking ahead changes nothing, and a survey ends.
use gatepost_dns::{Name, Zone, block_on};
use gatepost_results::Explain;
use gatepost_spf::lint::survey;
use gatepost_spf::{Limits, Query, check};

/// The law.
pub fn law(text: &str) {
    let Ok(zone) = Zone::parse(text) else { return };
    let query = Query::mail_from("192.0.2.1".parse().unwrap(), "a@a.example", "b.example");
    let mut limits = Limits::default();
    let outcome = block_on(check(&zone, &query, &limits));
    assert!(outcome.terms <= limits.terms && outcome.voids <= limits.voids + 1);
    // 11 records with their runs of terms, and the questions of 10 terms for 10 names each
    assert!(outcome.trail.steps().len() <= 11 + 11 + 11 + 130);
    let _ = outcome.explain().to_string();
    limits.ahead = 4;
    let ahead = block_on(check(&zone, &query, &limits));
    assert_eq!((outcome.verdict, outcome.trail), (ahead.verdict, ahead.trail));
    let name = Name::parse("b.example").unwrap();
    let survey = block_on(survey(&zone, &name, "v=spf1 include:a.example -all", &limits));
    let spans = survey.pages.iter().flat_map(|page| page.lints.iter().map(|lint| page.text.get(lint.span.clone())));
    assert!(survey.pages.len() <= 100 && { spans }.all(|text| text.is_some()));
}
