//! What a server stores of a password.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use gatepost_syntax::base64;
use thiserror::Error;

use crate::crypto::ScramHash;
use crate::secret::Secret;

/// What a server stores of a password (RFC 5802 §2.2): nobody can log in with it.
///
/// As text: `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey` in base64 (RFC 5803 with the mechanism's full name).
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    pub(super) hash: ScramHash,
    pub(super) salt: Vec<u8>,
    pub(super) iterations: NonZeroU32,
    pub(super) stored_key: Secret,
    pub(super) server_key: Secret,
}

/// The text is not of the form `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`")]
pub struct ScramKeysError;

impl ScramKeys {
    /// Derives the keys of a prepared password; the salt is fresh randomness of at least 16 octets.
    pub fn derive(hash: ScramHash, password: &Secret, salt: &[u8], iterations: NonZeroU32) -> Self {
        let salted = hash.pbkdf2(password, salt, iterations);
        let stored_key = hash.digest(hash.hmac(&salted, b"Client Key").expose());
        let server_key = hash.hmac(&salted, b"Server Key");
        ScramKeys { hash, salt: salt.to_vec(), iterations, stored_key, server_key }
    }

    /// Keys that no password fits, always the same for a user: for users that do not exist (RFC 5802 §5.1).
    pub fn fake(hash: ScramHash, server_secret: &Secret, user: &str, iterations: NonZeroU32) -> Self {
        let part = |label: &str| hash.hmac(server_secret, format!("{label}:{user}").as_bytes());
        let salt = part("salt").expose().iter().copied().take(16).collect();
        ScramKeys { hash, salt, iterations, stored_key: part("stored"), server_key: part("server") }
    }

    /// [`ScramKeys::fake`] ones that look like these.
    pub(crate) fn fake_like(&self, server_secret: &Secret, user: &str) -> Self {
        let mut keys = ScramKeys::fake(self.hash, server_secret, user, self.iterations);
        let block = |index: usize| self.hash.hmac(server_secret, format!("salt {index}:{user}").as_bytes());
        if keys.salt.len() != self.salt.len() {
            keys.salt = (0..).flat_map(|index| block(index).expose().to_vec()).take(self.salt.len()).collect();
        }
        keys
    }

    /// Whether a prepared password fits, for PLAIN and LOGIN; costs the whole derivation whatever the outcome.
    pub fn fits(&self, password: &Secret) -> bool {
        ScramKeys::derive(self.hash, password, &self.salt, self.iterations).stored_key == self.stored_key
    }

    /// The hash function.
    pub fn hash(&self) -> ScramHash {
        self.hash
    }

    /// How many iterations the keys took.
    pub fn iterations(&self) -> NonZeroU32 {
        self.iterations
    }
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScramKeys({}, {} iterations, secret)", self.hash.as_str(), self.iterations)
    }
}

impl fmt::Display for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (salt, stored) = (base64::encode(&self.salt), base64::encode(self.stored_key.expose()));
        let server = base64::encode(self.server_key.expose());
        write!(f, "{}${}:{salt}${stored}:{server}", self.hash.as_str(), self.iterations)
    }
}

impl FromStr for ScramKeys {
    type Err = ScramKeysError;
    fn from_str(text: &str) -> Result<Self, ScramKeysError> {
        let parse = || {
            let mut parts = text.split('$');
            let (name, head, keys) = (parts.next()?, parts.next()?, parts.next()?);
            let hash = [ScramHash::Sha1, ScramHash::Sha256, ScramHash::Sha512];
            let hash = hash.into_iter().find(|hash| hash.as_str() == name).filter(|_| parts.next().is_none())?;
            let ((iterations, salt), (stored, server)) = (head.split_once(':')?, keys.split_once(':')?);
            let key = |text: &str| base64::decode(text).ok().filter(|key| key.len() == hash.length()).map(Secret::new);
            let iterations = Some(iterations).filter(|text| text.bytes().all(|octet| octet.is_ascii_digit()))?;
            Some(ScramKeys {
                hash,
                salt: base64::decode(salt).ok().filter(|salt| !salt.is_empty())?,
                iterations: iterations.parse().ok()?,
                stored_key: key(stored)?,
                server_key: key(server)?,
            })
        };
        parse().ok_or(ScramKeysError)
    }
}
