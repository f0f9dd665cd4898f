//! The streaming canonicalizer is independent of chunks, and canonical bodies and fields are stable.
use gatepost_dkim::{
    Canonicalization,
    canon::{self, Body},
};
use gatepost_syntax::{Field, HeaderBlock, HeaderLimits};
fn field(octets: &[u8], which: Canonicalization) -> Vec<u8> {
    let mut out = Vec::new();
    canon::header(Field::new(octets), which, &mut out);
    out
}

/// The law.
pub fn law(octets: &[u8]) {
    for which in [Canonicalization::Simple, Canonicalization::Relaxed] {
        let whole = canon::body(octets, which);
        let (mut body, mut out) = (Body::new(which), Vec::new());
        octets.chunks(1).for_each(|chunk| body.feed(chunk, &mut out));
        body.finish(&mut out);
        assert_eq!(out, whole);
        assert_eq!(canon::body(&whole, which), whole);
        let Ok((headers, _)) = HeaderBlock::parse(octets, &HeaderLimits::default()) else { continue };
        for once in headers.fields().map(|raw| field(raw.raw(), which)) {
            assert_eq!(field(&once, which), once);
        }
    }
}
