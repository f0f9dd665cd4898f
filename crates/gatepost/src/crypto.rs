//! The one file of the facade that names the crypto backend.

use ring::digest::{Context, SHA256};

/// SHA-256 of octets that come in pieces.
#[derive(Clone)]
pub(crate) struct Sha256(Context);

impl Sha256 {
    pub(crate) fn new() -> Self {
        Sha256(Context::new(&SHA256))
    }

    pub(crate) fn update(&mut self, octets: &[u8]) {
        self.0.update(octets);
    }

    /// The digest in hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        self.0.finish().as_ref().iter().map(|octet| format!("{octet:02x}")).collect()
    }
}
