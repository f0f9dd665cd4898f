//! The same results whatever the chunks; records and signatures never panic.
#![no_main]
use gatepost_dkim::{Limits, Outcome, Verifier, record::KeyRecord, signature::Signature};
use gatepost_dns::{Zone, block_on};
use gatepost_syntax::{HeaderBlock, HeaderLimits};
use std::{sync::Arc, time::UNIX_EPOCH};
fn verify(message: &[u8], chunk: usize) -> Option<Outcome> {
    let (headers, body) = HeaderBlock::parse(message, &HeaderLimits::default()).ok()?;
    let mut verifier = Verifier::new(Arc::new(headers), &Limits::default());
    message[body..].chunks(chunk).for_each(|chunk| verifier.body(chunk));
    Some(block_on(verifier.finish().results(&Zone::new(), UNIX_EPOCH)))
}
libfuzzer_sys::fuzz_target!(|message: &[u8]| {
    assert_eq!(verify(message, 1), verify(message, usize::MAX));
    if let Ok(text) = std::str::from_utf8(message) {
        let _ = (Signature::parse(text, &Limits::default()), KeyRecord::parse(text));
    }
});
