//! Records never panic; whatever is published, discovery ends within the limits, and no stranger passes.
use gatepost_dmarc::{Identifiers, Limits, Preset, Record, Verdict, check, org_domain};
use gatepost_dns::{Name, Record as Dns, Txt, Zone, block_on};
use gatepost_syntax::{Domain, author};
const NAMES: [&str; 4] = ["example", "a.example", "b.a.example", "c.b.a.example"];

/// The law.
pub fn law(texts: Vec<(u8, String)>) {
    let mut zone = Zone::new();
    for (place, text) in texts.iter().take(8) {
        if let Ok(record) = Record::parse(text) {
            assert_eq!(record.as_str(), text);
            let _ = record.requests();
            let _ = ["p", "sp", "np"].map(|tag| record.span(tag).map(|span| &text[span]));
        }
        let name = Name::parse(&format!("_dmarc.{}", NAMES[usize::from(*place) % NAMES.len()])).unwrap();
        zone.add(name, Dns::Txt(Txt::from_strings([text])));
    }
    let limits = Limits::default();
    let start = Domain::parse("d.c.b.a.example").unwrap();
    let (org, asked) = block_on(org_domain(&zone, &start, &limits));
    assert!(asked.len() <= 8 && start.is_or_below(&org.unwrap()));
    let passed = Identifiers::default().with_dkim(&Domain::parse("stranger.test").unwrap(), "pass");
    let outcome = block_on(check(&zone, &author::parse("x@c.b.a.example"), &passed, &limits, Preset::Strict));
    assert_ne!(outcome.verdict, Verdict::Pass);
}
