//! What a sealer recorded of the message when it came to him (RFC 8617 §4.1.1).

use gatepost_results::{Untrusted, authres};
use gatepost_syntax::HeaderBlock;

use crate::field::{Kind, instance};

/// The results in the ARC-Authentication-Results field of an instance. They are what the sealer claims: whole only if the
/// chain is, and worth as much as he is (RFC 8617 §9.4).
pub fn recorded(headers: &HeaderBlock, wanted: u8) -> Option<Untrusted> {
    let payload = headers.named(Kind::AuthenticationResults.name()).find_map(|field| {
        let (number, rest) = instance(field.text()?)?;
        rest.strip_prefix(';').filter(|_| number == wanted)
    });
    authres::parse(payload?).ok()
}
