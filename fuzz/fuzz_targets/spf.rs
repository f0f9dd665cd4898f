//! Any zone is evaluated within the limits.
#![no_main]
use gatepost_dns::{Name, Record, Txt, Zone, block_on};
use gatepost_results::Explain;
libfuzzer_sys::fuzz_target!(|text: &str| {
    let mut zone = Zone::new();
    for (line, owner) in text.lines().zip(["a.example", "b.example", "c.example", "a.example"]) {
        zone.add(Name::parse(owner).unwrap(), Record::Txt(Txt::from_strings(["v=spf1 ", line])));
    }
    let query = gatepost_spf::Query::mail_from("192.0.2.1".parse().unwrap(), "a@a.example", "b.example");
    let outcome = block_on(gatepost_spf::check(&zone, &query, &gatepost_spf::Limits::default()));
    assert!(outcome.terms <= 10 && outcome.voids <= 3);
    let _ = outcome.explain().to_string();
});
