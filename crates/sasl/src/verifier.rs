//! What a store keeps of a user: keys of SCRAM, a hash of argon2, a fingerprint. Nobody can log in with any of them.

use std::fmt;
use std::str::FromStr;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use gatepost_syntax::base64;
use thiserror::Error;

use crate::crypto::ScramHash;
use crate::scram::ScramKeys;
use crate::secret::Secret;

/// One way to verify a user.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verifier {
    /// For SCRAM, PLAIN and LOGIN: `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`.
    Scram(ScramKeys),
    /// For PLAIN and LOGIN: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
    Argon2(Argon2Hash),
    /// For EXTERNAL: `X509-SHA256$` and the hash of the certificate.
    Certificate(Fingerprint),
}

/// The text is none of the forms of [`Verifier`], or has costs that are out of bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerifierError {
    /// No known prefix.
    #[error("expected `SCRAM-SHA-256$…`, `$argon2id$…` or `X509-SHA256$…`")]
    Kind,
    /// SCRAM keys.
    #[error("expected `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey` with at most 10000000 iterations")]
    Scram,
    /// A hash of argon2.
    #[error("expected `$argon2id$v=19$m=…,t=…,p=…$salt$hash` with at most 1 GiB, 64 passes and 64 lanes")]
    Argon2,
    /// A fingerprint.
    #[error("expected `X509-SHA256$` and 32 octets of base64")]
    Certificate,
}

/// What each form of [`Verifier`] begins with.
const KINDS: [&str; 5] = ["SCRAM-SHA-256$", "SCRAM-SHA-1$", "SCRAM-SHA-512$", "$argon2id$", "X509-SHA256$"];

impl Verifier {
    /// Splits `name:verifier`; a name may have colons.
    pub(crate) fn split(text: &str) -> Option<(&str, &str)> {
        let at = KINDS.iter().filter_map(|kind| text.rfind(&format!(":{kind}"))).max()?;
        Some((text.get(..at)?, text.get(at + 1..)?))
    }

    /// What a user may have one of only; certificates may be many.
    pub(crate) fn same_kind(&self, other: &Verifier) -> bool {
        match (self, other) {
            (Verifier::Scram(one), Verifier::Scram(other)) => one.hash() == other.hash(),
            (Verifier::Argon2(_), Verifier::Argon2(_)) => true,
            (Verifier::Certificate(one), Verifier::Certificate(other)) => one == other,
            _ => false,
        }
    }

    /// Whether it is made of a password.
    pub fn is_of_password(&self) -> bool {
        !matches!(self, Verifier::Certificate(_))
    }

    /// How it looks and what it costs: the hash, the iterations and the salt's length, or what argon2 is told.
    pub(crate) fn cost(&self) -> (Option<ScramHash>, [u32; 3], usize) {
        match self {
            Verifier::Scram(keys) => (Some(keys.hash()), [keys.iterations().get(), 0, 0], keys.salt().len()),
            Verifier::Argon2(hash) => {
                let cost = |params: Params| [params.m_cost(), params.t_cost(), params.p_cost()];
                (None, Params::try_from(&*hash.0).map_or([0; 3], cost), 0)
            }
            Verifier::Certificate(_) => (None, [0; 3], 0),
        }
    }

    /// Whether a prepared password fits; costs the same whatever the outcome.
    pub fn fits(&self, password: &Secret) -> bool {
        match self {
            Verifier::Scram(keys) => keys.fits(password),
            Verifier::Argon2(hash) => hash.fits(password),
            Verifier::Certificate(_) => false,
        }
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verifier::Scram(keys) => keys.fmt(f),
            Verifier::Argon2(hash) => hash.0.fmt(f),
            Verifier::Certificate(fingerprint) => write!(f, "X509-SHA256${}", base64::encode(fingerprint.0)),
        }
    }
}

impl FromStr for Verifier {
    type Err = VerifierError;
    fn from_str(text: &str) -> Result<Self, VerifierError> {
        if let Some(fingerprint) = text.strip_prefix("X509-SHA256$") {
            let octets = base64::decode(fingerprint).ok().and_then(|octets| octets.try_into().ok());
            return octets.map(|octets| Verifier::Certificate(Fingerprint(octets))).ok_or(VerifierError::Certificate);
        }
        if text.starts_with("$argon2id$") {
            return text.parse().map(Verifier::Argon2).map_err(|_| VerifierError::Argon2);
        }
        if !KINDS.iter().any(|kind| text.starts_with(kind)) {
            return Err(VerifierError::Kind);
        }
        text.parse().map(Verifier::Scram).map_err(|_| VerifierError::Scram)
    }
}

/// A hash of argon2id (RFC 9106), for users of whom no SCRAM keys are kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Argon2Hash(Box<PasswordHash>);

/// The text is no hash of argon2id, or its costs are out of bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no hash of argon2id")]
pub struct Argon2Error;

/// Memory in KiB, passes and lanes: what one log-in may cost, whatever a file says.
const MOST: (u32, u32, u32) = (1 << 20, 64, 64);

impl Argon2Hash {
    /// Hashes a prepared password with 19 MiB, two passes and one lane; the salt is 16 octets of fresh randomness.
    pub fn derive(password: &Secret, salt: &[u8; 16]) -> Result<Self, Argon2Error> {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT);
        let hash = argon2.hash_password_with_salt(password.expose(), salt).map_err(|_| Argon2Error)?;
        Ok(Argon2Hash(Box::new(hash)))
    }

    /// Whether a prepared password fits; compared in constant time.
    pub fn fits(&self, password: &Secret) -> bool {
        Argon2::default().verify_password(password.expose(), &*self.0).is_ok()
    }
}

impl fmt::Debug for Argon2Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Argon2Hash(…)")
    }
}

impl FromStr for Argon2Hash {
    type Err = Argon2Error;
    fn from_str(text: &str) -> Result<Self, Argon2Error> {
        let hash = PasswordHash::new(text).map_err(|_| Argon2Error)?;
        let params = Params::try_from(&hash).map_err(|_| Argon2Error)?;
        let (memory, passes, lanes) = MOST;
        let bounded = params.m_cost() <= memory && params.t_cost() <= passes && params.p_cost() <= lanes;
        let complete = hash.version.is_some() && hash.salt.is_some() && hash.hash.is_some() && hash.to_string() == text;
        if bounded && complete { Ok(Argon2Hash(Box::new(hash))) } else { Err(Argon2Error) }
    }
}

/// The SHA-256 of a certificate in DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of a certificate in DER.
    pub fn of(certificate: &[u8]) -> Self {
        let mut octets = [0; 32];
        let digest = ScramHash::Sha256.digest(certificate);
        octets.iter_mut().zip(digest.expose()).for_each(|(to, from)| *to = *from);
        Fingerprint(octets)
    }
}
