//! SCRAM (RFC 5802, RFC 7677): what both sides share.

mod client;
mod keys;
mod server;

use gatepost_wire::TlsInfo;

pub use client::ScramClient;
pub use keys::{ScramKeys, ScramKeysError};
pub(crate) use server::{Plus, ScramServer};

use crate::secret::Secret;

/// The type of RFC 9266.
const EXPORTER: &str = "tls-exporter";

/// The channel bindings that are known of a connection, the better one first: their types and data.
///
/// `tls-unique` is not among them: it is broken without the extended master secret, and TLS 1.3 has none (RFC 9266 §1).
pub(crate) fn bindings(tls: &TlsInfo) -> Vec<(&'static str, &[u8])> {
    let exporter = tls.exporter.as_deref().map(|data| (EXPORTER, data));
    let end_point = tls.server_end_point.as_deref().map(|data| ("tls-server-end-point", data));
    exporter.into_iter().chain(end_point).collect()
}

/// `printable`: no control, no space, no comma; at most 256 octets.
pub(crate) fn is_nonce(nonce: &str) -> bool {
    !nonce.is_empty() && nonce.len() <= 256 && nonce.bytes().all(|octet| octet.is_ascii_graphic() && octet != b',')
}

/// `["," extensions]`: attributes with a letter and a value. They may be ignored, but for `m=` (RFC 5802 §5.1).
fn are_extensions<'a>(mut attributes: impl Iterator<Item = &'a str>) -> bool {
    attributes.all(|attribute| match attribute.as_bytes() {
        [name, b'=', value @ ..] => {
            name.is_ascii_alphabetic() && *name != b'm' && !value.is_empty() && !value.contains(&0)
        }
        _ => false,
    })
}

/// `ClientKey XOR ClientSignature`, either way.
fn xor(one: &[u8], other: &[u8]) -> Secret {
    Secret::new(one.iter().zip(other).map(|(a, b)| a ^ b).collect::<Vec<u8>>())
}
