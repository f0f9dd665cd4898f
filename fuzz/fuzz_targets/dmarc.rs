//! Records never panic, and discovery ends within the limits.
#![no_main]
use gatepost_dmarc::{Limits, Record, org_domain};
use gatepost_dns::{Zone, block_on};
use gatepost_syntax::Domain;
libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = Record::parse(text).map(|record| record.requests());
    let Ok(domain) = Domain::parse(text) else { return };
    assert!(block_on(org_domain(&Zone::new(), &domain, &Limits::default())).1.len() <= 8);
});
