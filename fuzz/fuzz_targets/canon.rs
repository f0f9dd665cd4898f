//! The streaming canonicalizer is independent of chunks, and canonical bodies are stable.
#![no_main]
use gatepost_dkim::{
    Canonicalization,
    canon::{self, Body},
};
libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    for which in [Canonicalization::Simple, Canonicalization::Relaxed] {
        let whole = canon::body(octets, which);
        let (mut body, mut out) = (Body::new(which), Vec::new());
        octets.chunks(1).for_each(|chunk| body.feed(chunk, &mut out));
        body.finish(&mut out);
        assert_eq!(out, whole);
        assert_eq!(canon::body(&whole, which), whole);
    }
});
