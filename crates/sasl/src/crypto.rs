//! The one file that names ring.

use std::num::NonZeroU32;

use ring::{digest, hmac, pbkdf2};

pub(crate) fn sha256(octets: &[u8]) -> [u8; 32] {
    to_array(digest::digest(&digest::SHA256, octets).as_ref())
}

pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    to_array(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref())
}

/// `Hi` of RFC 5802 §2.2.
pub(crate) fn pbkdf2_sha256(password: &[u8], salt: &[u8], iterations: NonZeroU32) -> [u8; 32] {
    let mut out = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, password, &mut out);
    out
}

fn to_array(octets: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
    out
}
