//! The same results whatever the chunks, diagnosis and all; and what can be signed verifies.
use gatepost_dkim::sign::{Signer, Spec};
use gatepost_dkim::{Canonicalizations, Limits, Outcome, PrivateKey, Verifier};
use gatepost_dns::{Zone, block_on};
use gatepost_syntax::{HeaderBlock, HeaderLimits};
use std::sync::{Arc, LazyLock};
use std::time::UNIX_EPOCH;

static KEY: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::from_ed25519_seed(&[7; 32]).unwrap()); // a test key
static ZONE: LazyLock<Zone> =
    LazyLock::new(|| Zone::parse(&format!("s._domainkey.example.org TXT \"{}\"", KEY.public_record())).unwrap());

fn verify(message: &[u8], chunk: usize) -> Option<Outcome> {
    let (headers, body) = HeaderBlock::parse(message, &HeaderLimits::default()).ok()?;
    let mut limits = Limits::default();
    limits.diagnoses = 8;
    let mut verifier = Verifier::new(Arc::new(headers), &limits);
    message[body..].chunks(chunk).for_each(|chunk| verifier.body(chunk));
    Some(block_on(verifier.finish().results(&*ZONE, UNIX_EPOCH)))
}

fn sign(message: &[u8], canonicalization: &str) -> Option<String> {
    let (headers, body) = HeaderBlock::parse(message, &HeaderLimits::default()).ok()?;
    let mut spec = Spec::new("example.org".parse().unwrap(), "s".parse().unwrap());
    spec.canonicalization = Canonicalizations::parse(canonicalization)?;
    let mut signer = Signer::new(spec, headers).ok()?;
    signer.body(&message[body..]);
    signer.finish().ok()?.sign(&*KEY).ok()
}

/// The law.
pub fn law(message: &[u8]) {
    assert_eq!(verify(message, 1), verify(message, usize::MAX));
    for canonicalization in ["relaxed/relaxed", "simple/simple"] {
        let Some(field) = sign(message, canonicalization) else { continue };
        let outcome = verify(&[field.as_bytes(), message].concat(), 7).expect("one more field fits");
        assert_eq!(outcome.signatures[0].verdict.word(), "pass");
    }
}
