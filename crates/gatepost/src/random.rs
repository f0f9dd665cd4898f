//! Randomness of the system.

use ring::rand::{SecureRandom, SystemRandom};

/// Fresh randomness as text: base64, so printable and without commas.
pub(crate) fn nonce() -> Option<String> {
    octets::<18>().map(gatepost_syntax::base64::encode)
}

/// A number for choices that nobody gains from knowing; 0 where the system has no randomness.
pub(crate) fn number() -> u64 {
    octets().map_or(0, u64::from_ne_bytes)
}

fn octets<const N: usize>() -> Option<[u8; N]> {
    let mut octets = [0; N];
    SystemRandom::new().fill(&mut octets).ok()?;
    Some(octets)
}
