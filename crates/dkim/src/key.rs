//! Private keys.

use gatepost_syntax::base64;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;
use zeroize::Zeroize;

use crate::crypto::Signer;
use crate::signature::Algorithm;

/// Signs: a key in memory, or something that asks a module elsewhere.
pub trait SigningKey: Send + Sync {
    /// Which algorithm it signs with.
    fn algorithm(&self) -> Algorithm;
    /// Signs a message (the canonical header fields); hashing is the key's.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError>;
}

/// The key could not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the key could not sign")]
pub struct SigningError;

/// A private key in memory: RSA of 2048 to 4096 bits, or Ed25519.
pub struct PrivateKey(Signer);

/// Why a key can not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PrivateKeyError {
    /// Not PEM, or PEM without a private key.
    #[error("no private key in PEM form")]
    Pem,
    /// Neither RSA of 2048 to 4096 bits nor Ed25519.
    #[error("neither an RSA key of 2048 to 4096 bits nor an Ed25519 key")]
    Key,
}

impl PrivateKey {
    /// Reads PEM: PKCS#1 or PKCS#8 for RSA, PKCS#8 for Ed25519, as OpenSSL writes them. What is decoded on the way is
    /// overwritten; the text is the caller's to overwrite.
    pub fn from_pem(pem: &str) -> Result<Self, PrivateKeyError> {
        let mut der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| PrivateKeyError::Pem)?;
        let signer = match &der {
            PrivateKeyDer::Pkcs1(key) => Signer::rsa_pkcs1(key.secret_pkcs1_der()),
            PrivateKeyDer::Pkcs8(key) => {
                let der = key.secret_pkcs8_der();
                Signer::ed25519_pkcs8(der).or_else(|| Signer::rsa_pkcs8(der))
            }
            _ => None,
        };
        der.zeroize();
        signer.map(PrivateKey).ok_or(PrivateKeyError::Key)
    }

    /// An Ed25519 key from 32 secret random octets.
    pub fn from_ed25519_seed(seed: &[u8; 32]) -> Result<Self, PrivateKeyError> {
        Signer::ed25519_seed(seed).map(PrivateKey).ok_or(PrivateKeyError::Key)
    }

    /// The TXT record to publish at `selector._domainkey.domain`.
    pub fn public_record(&self) -> String {
        format!("v=DKIM1; k={}; p={}", self.algorithm().key_word(), base64::encode(self.public_key()))
    }

    /// SubjectPublicKeyInfo for RSA, as is universal practice; the raw octets for Ed25519 (RFC 8463 §4.2).
    fn public_key(&self) -> Vec<u8> {
        match &self.0 {
            Signer::Ed25519(_) => self.0.public().to_vec(),
            Signer::Rsa(_) => crate::der::spki(self.0.public()),
        }
    }
}

impl SigningKey for PrivateKey {
    fn algorithm(&self) -> Algorithm {
        match self.0 {
            Signer::Rsa(_) => Algorithm::RsaSha256,
            Signer::Ed25519(_) => Algorithm::Ed25519Sha256,
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        self.0.sign(message).ok_or(SigningError)
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrivateKey({}, secret)", self.algorithm().word())
    }
}
