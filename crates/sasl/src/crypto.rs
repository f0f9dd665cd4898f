//! The one file that names ring.

use std::num::NonZeroU32;

use ring::{digest, hmac, pbkdf2};

use crate::secret::Secret;

/// The hash function of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ScramHash {
    /// RFC 5802; as HMAC's hash it is not broken, and new keys need it for old clients only.
    Sha1,
    /// RFC 7677.
    Sha256,
    /// draft-melnikov-scram-sha-512.
    Sha512,
}

impl ScramHash {
    fn algorithms(self) -> (&'static digest::Algorithm, hmac::Algorithm, pbkdf2::Algorithm) {
        match self {
            ScramHash::Sha1 => {
                (&digest::SHA1_FOR_LEGACY_USE_ONLY, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, pbkdf2::PBKDF2_HMAC_SHA1)
            }
            ScramHash::Sha256 => (&digest::SHA256, hmac::HMAC_SHA256, pbkdf2::PBKDF2_HMAC_SHA256),
            ScramHash::Sha512 => (&digest::SHA512, hmac::HMAC_SHA512, pbkdf2::PBKDF2_HMAC_SHA512),
        }
    }

    /// Octets of a key.
    pub(crate) fn length(self) -> usize {
        self.algorithms().0.output_len()
    }

    /// `H` of RFC 5802 §2.2.
    pub(crate) fn digest(self, octets: &[u8]) -> Secret {
        Secret::new(digest::digest(self.algorithms().0, octets).as_ref())
    }

    /// `HMAC` of RFC 5802 §2.2.
    pub(crate) fn hmac(self, key: &Secret, message: &[u8]) -> Secret {
        Secret::new(hmac::sign(&hmac::Key::new(self.algorithms().1, key.expose()), message).as_ref())
    }

    /// `Hi` of RFC 5802 §2.2.
    pub(crate) fn pbkdf2(self, password: &Secret, salt: &[u8], iterations: NonZeroU32) -> Secret {
        let mut out = vec![0; self.length()];
        pbkdf2::derive(self.algorithms().2, iterations, salt, password.expose(), &mut out);
        Secret::new(out)
    }
}
