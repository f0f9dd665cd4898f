//! The one file that names ring.

use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{self, Ed25519KeyPair, KeyPair, RsaKeyPair, UnparsedPublicKey};

/// Hash algorithms of signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha1,
    Sha256,
}

/// A running hash.
#[derive(Clone)]
pub(crate) struct Digest(digest::Context);

impl Digest {
    pub(crate) fn new(hash: Hash) -> Self {
        Digest(digest::Context::new(match hash {
            Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => &digest::SHA256,
        }))
    }

    pub(crate) fn update(&mut self, octets: &[u8]) {
        if !octets.is_empty() {
            self.0.update(octets);
        }
    }

    pub(crate) fn finish(self) -> Sum {
        Sum(self.0.finish())
    }
}

/// A finished hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum(digest::Digest);

impl AsRef<[u8]> for Sum {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

pub(crate) fn sha256(octets: &[u8]) -> Sum {
    Sum(digest::digest(&digest::SHA256, octets))
}

/// RSASSA-PKCS1-v1_5 with a PKCS#1 public key of 1024 to 8192 bits.
pub(crate) fn verify_rsa(hash: Hash, pkcs1: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let algorithm = match hash {
        Hash::Sha1 => &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    };
    UnparsedPublicKey::new(algorithm, pkcs1).verify(message, signature).is_ok()
}

/// Ed25519 over the SHA-256 of the message (RFC 8463 §3).
pub(crate) fn verify_ed25519(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&signature::ED25519, key).verify(sha256(message).as_ref(), signature).is_ok()
}

/// A private key that ring can sign with.
pub(crate) enum Signer {
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    pub(crate) fn rsa_pkcs8(der: &[u8]) -> Option<Self> {
        RsaKeyPair::from_pkcs8(der).ok().map(Signer::Rsa)
    }

    pub(crate) fn rsa_pkcs1(der: &[u8]) -> Option<Self> {
        RsaKeyPair::from_der(der).ok().map(Signer::Rsa)
    }

    pub(crate) fn ed25519_pkcs8(der: &[u8]) -> Option<Self> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok().map(Signer::Ed25519)
    }

    pub(crate) fn ed25519_seed(seed: &[u8; 32]) -> Option<Self> {
        Ed25519KeyPair::from_seed_unchecked(seed).ok().map(Signer::Ed25519)
    }

    /// PKCS#1 for RSA, 32 octets for Ed25519.
    pub(crate) fn public(&self) -> &[u8] {
        match self {
            Signer::Rsa(key) => key.public().as_ref(),
            Signer::Ed25519(key) => key.public_key().as_ref(),
        }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match self {
            Signer::Rsa(key) => {
                let mut out = vec![0; key.public().modulus_len()];
                // ring blinds with randomness of the system; the signature itself is deterministic
                key.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut out).ok()?;
                Some(out)
            }
            Signer::Ed25519(key) => Some(key.sign(sha256(message).as_ref()).as_ref().to_vec()),
        }
    }
}
