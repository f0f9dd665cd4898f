//! The official cases of the public suffix list, and both methods side by side.
#![allow(clippy::unwrap_used)] // a test may

use gatepost_dmarc::{Identifiers, Limits, Method, Preset, Step, check_by, psl};
use gatepost_dns::{Zone, block_on};
use gatepost_syntax::{Domain, author};

/// `checkPublicSuffix('input', 'registrable domain')`, both quoted or null.
#[test]
fn official_cases() {
    let Some(text) = gatepost_conformance::text("psl/test_psl.txt") else { return };
    let mut cases = 0;
    for line in text.lines().filter_map(|line| line.strip_prefix("checkPublicSuffix(")) {
        let (input, wanted) = line.trim_end_matches([')', ';']).split_once(", ").unwrap();
        let unquoted = |text: &str| text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')).map(str::to_owned);
        // null and names with an empty label are no domains
        let Some(domain) = unquoted(input).and_then(|input| Domain::parse(&input).ok()) else { continue };
        // a public suffix has no registrable domain: it stays what it is
        let wanted = unquoted(wanted).map_or(domain.clone(), |wanted| Domain::parse(&wanted).unwrap());
        assert_eq!(psl::org_domain(&domain), wanted, "{line}");
        cases += 1;
    }
    assert!(cases > 70, "{cases}");
}

#[test]
fn the_outcome_says_how_organizations_were_told() {
    let zone =
        Zone::parse("_dmarc.example.co.uk TXT \"v=DMARC1; p=reject\"\n_dmarc.co.uk TXT \"v=DMARC1; p=none\"").unwrap();
    let authors = author::parse("a@news.example.co.uk");
    let passed = Identifiers::default().with_dkim(&Domain::parse("other.co.uk").unwrap(), "pass");
    let judge = |method| block_on(check_by(method, &zone, &authors, &passed, &Limits::default(), Preset::Strict));
    // without psd=y the walk takes co.uk for an organization, and the list knows better
    let (walked, listed) = (judge(Method::TreeWalk), judge(Method::PublicSuffixList));
    assert_eq!((walked.verdict.word(), walked.org_domain.unwrap().as_str()), ("pass", "co.uk"));
    assert_eq!((listed.verdict.word(), listed.org_domain.unwrap().as_str()), ("fail", "example.co.uk"));
    assert_eq!((walked.method, listed.method), (Method::TreeWalk, Method::PublicSuffixList));
    assert!(listed.trail.iter().any(|step| matches!(step, Step::Listed { .. })));
}
