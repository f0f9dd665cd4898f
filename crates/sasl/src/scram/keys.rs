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

/// Not of the form `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`, or of another size than keys of this hash have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`")]
pub struct ScramKeysError;

/// Iterations, and octets of a salt: what one log-in may cost, whatever a store says.
const MOST: (u32, usize) = (10_000_000, 1024);

impl ScramKeys {
    /// Out of a store that keeps the parts in columns of their own.
    pub fn from_parts(
        hash: ScramHash,
        salt: &[u8],
        iterations: NonZeroU32,
        stored_key: Secret,
        server_key: Secret,
    ) -> Result<Self, ScramKeysError> {
        let bounded = iterations.get() <= MOST.0 && (1..=MOST.1).contains(&salt.len());
        let whole = [&stored_key, &server_key].iter().all(|key| key.expose().len() == hash.length());
        if bounded && whole {
            Ok(ScramKeys { hash, salt: salt.to_vec(), iterations, stored_key, server_key })
        } else {
            Err(ScramKeysError)
        }
    }

    /// Derives the keys of a prepared password; the salt is fresh randomness of at least 16 octets.
    pub fn derive(hash: ScramHash, password: &Secret, salt: &[u8], iterations: NonZeroU32) -> Self {
        let salted = hash.pbkdf2(password, salt, iterations);
        let stored_key = hash.digest(hash.hmac(&salted, b"Client Key").expose());
        let server_key = hash.hmac(&salted, b"Server Key");
        ScramKeys { hash, salt: salt.to_vec(), iterations, stored_key, server_key }
    }

    /// Keys that no password fits, always the same for a user: for users that do not exist (RFC 5802 §5.1). With other
    /// iterations they have another salt, as those of who exists: these change with the password only.
    pub fn fake(hash: ScramHash, server_secret: &Secret, user: &str, iterations: NonZeroU32) -> Self {
        let part = |label: &str| hash.hmac(server_secret, format!("{label}:{user}").as_bytes());
        let salt = part(&format!("salt {iterations}")).expose().iter().copied().take(16).collect();
        ScramKeys { hash, salt, iterations, stored_key: part("stored"), server_key: part("server") }
    }

    /// [`ScramKeys::fake`] ones that look like these.
    pub(crate) fn fake_like(&self, server_secret: &Secret, user: &str) -> Self {
        let mut keys = ScramKeys::fake(self.hash, server_secret, user, self.iterations);
        let label = |index: usize| format!("salt {} {index}:{user}", self.iterations);
        let block = |index: usize| self.hash.hmac(server_secret, label(index).as_bytes());
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

    /// The salt.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// `StoredKey` of RFC 5802 §3: who has it can try passwords.
    pub fn stored_key(&self) -> &Secret {
        &self.stored_key
    }

    /// `ServerKey` of RFC 5802 §3: who has it can pretend to be the server.
    pub fn server_key(&self) -> &Secret {
        &self.server_key
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
            let key = |text: &str| Secret::from_base64(text.as_bytes()).ok();
            let digits = |text: &&str| text.bytes().all(|octet| octet.is_ascii_digit()) && !text.starts_with('0');
            let iterations = Some(iterations).filter(digits)?; // what is read is printed the same
            let (salt, iterations) = (base64::decode(salt).ok()?, iterations.parse().ok()?);
            ScramKeys::from_parts(hash, &salt, iterations, key(stored)?, key(server)?).ok()
        };
        parse().ok_or(ScramKeysError)
    }
}
