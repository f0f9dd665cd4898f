//! What is allowed, and the bounds of exchanges.

use crate::crypto::ScramHash;
use crate::registry::Name;

/// What is allowed, at run time, on either side.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// The mechanisms. They are offered, and chosen, strongest first, whatever the order here.
    pub mechanisms: Vec<Name>,
    /// Whether passwords and tokens may be sent where others can read them (default no): by a client without TLS, or over TLS
    /// whose server was not verified; to a server without TLS.
    pub plaintext_without_tls: bool,
}

/// For a server with passwords: EXTERNAL where a client shows a certificate, SCRAM-SHA-256 with and without -PLUS, PLAIN and
/// LOGIN. Tokens need an [`crate::Authenticator`] that knows whom to ask, SCRAM with SHA-1 and SHA-512 needs their keys.
impl Default for Policy {
    fn default() -> Self {
        let scram = ScramHash::Sha256;
        Policy::of([Name::External, Name::ScramPlus(scram), Name::Scram(scram), Name::Plain, Name::Login])
    }
}

impl Policy {
    /// These mechanisms, and no plain text without TLS.
    pub fn of(mechanisms: impl IntoIterator<Item = Name>) -> Self {
        Policy { mechanisms: mechanisms.into_iter().collect(), plaintext_without_tls: false }
    }

    /// For a client: all but SCRAM with SHA-1.
    pub fn client() -> Self {
        let weak = [Name::ScramPlus(ScramHash::Sha1), Name::Scram(ScramHash::Sha1)];
        Policy::of(Name::ALL.into_iter().filter(|name| !weak.contains(name)))
    }
}

/// Bounds of exchanges. How long a line may be is the protocol's to say; SMTP and POP3 read 12,288 octets (RFC 4954 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The fewest iterations that a client accepts (default 4096, RFC 7677 §4).
    pub min_iterations: u32,
    /// The most iterations that a client computes (default 1,000,000).
    pub max_iterations: u32,
    /// The shortest salt that a client accepts, in octets (default 8, RFC 8018 §4.1).
    pub min_salt: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { min_iterations: 4096, max_iterations: 1_000_000, min_salt: 8 }
    }
}
