//! Octets that nobody may see.

use gatepost_syntax::base64::{self, Base64Error};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::prepare::{PrepareError, prepare};

/// A password or a key: wiped when dropped, never shown, compared in constant time.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes octets over.
    pub fn new(octets: impl Into<Vec<u8>>) -> Self {
        Secret(octets.into())
    }

    /// Out of base64. Where that fails, what was decoded before is wiped.
    pub(crate) fn from_base64(text: &[u8]) -> Result<Self, Base64Error> {
        let mut octets = Secret(vec![0; text.len() / 4 * 3 + 3]);
        let length = base64::decode_into(text, &mut octets.0)?;
        octets.0.truncate(length);
        Ok(octets)
    }

    /// A password as it is to be derived from: prepared by [`prepare`], if it is UTF-8.
    pub fn prepared(&self) -> Result<Secret, PrepareError> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => Ok(Secret::new(prepare(text)?.into_owned())),
            Err(_) => Ok(self.clone()),
        }
    }

    /// Overwrites octets that something secret was read from.
    pub fn wipe(octets: &mut [u8]) {
        octets.zeroize();
    }

    /// The octets; do not log them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Secret {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Secret::new(text)
    }
}

impl From<String> for Secret {
    /// Takes the text over: no copy of it stays behind.
    fn from(text: String) -> Self {
        Secret(text.into_bytes())
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}
