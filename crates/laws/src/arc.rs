//! The same outcome whatever the chunks; what is not malformed can be sealed on, and a chain that passes still does then.
use gatepost_arc::{
    Limits, Outcome, Status, Verifier,
    seal::{Payload, Sealer},
};
use gatepost_dkim::{PrivateKey, sign::Spec};
use gatepost_dns::{Zone, block_on};
use gatepost_syntax::{HeaderBlock, HeaderLimits};
use std::{
    sync::{Arc, LazyLock},
    time::UNIX_EPOCH,
};
static KEY: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::from_ed25519_seed(&[7; 32]).unwrap()); // a test key
static ZONE: LazyLock<Zone> =
    LazyLock::new(|| Zone::parse(&format!("s._domainkey.a.example TXT \"{}\"", KEY.public_record())).unwrap());
fn verify(message: &[u8], chunk: usize) -> Option<Outcome> {
    let (headers, body) = HeaderBlock::parse(message, &HeaderLimits::default()).ok()?;
    let mut verifier = Verifier::new(Arc::new(headers), &Limits::default());
    message[body..].chunks(chunk).for_each(|chunk| verifier.body(chunk));
    Some(block_on(verifier.finish().results(&*ZONE, UNIX_EPOCH)))
}
fn seal(message: &[u8], arrived: &Outcome) -> Option<Vec<u8>> {
    let (headers, body) = HeaderBlock::parse(message, &HeaderLimits::default()).ok()?;
    let mut spec = Spec::new("a.example".parse().unwrap(), "s".parse().unwrap());
    spec.allow_any_from = true;
    let payload = Payload::merged(&headers, &["a.example"])
        .unwrap_or_else(|| Payload::from(&gatepost_results::AuthResults::new("a.example")));
    let mut sealer = Sealer::new(spec, headers, arrived, &payload).ok()?;
    sealer.body(&message[body..]);
    Some([sealer.finish().ok()?.seal(&*KEY).ok()?.to_string().as_bytes(), message].concat())
}

/// The law.
pub fn law(message: &[u8]) {
    let Some(outcome) = verify(message, usize::MAX) else { return };
    assert_eq!(Some(&outcome), verify(message, 1).as_ref());
    let Some(sealed) = seal(message, &outcome) else { return };
    let Some(after) = verify(&sealed, usize::MAX) else { return };
    assert_eq!(after.instances, outcome.instances + 1);
    assert_eq!(after.status == Status::Pass, !matches!(outcome.status, Status::Fail(_)), "{after:?}");
}
