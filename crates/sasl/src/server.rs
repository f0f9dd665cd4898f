//! Which mechanisms a server offers and accepts.

use gatepost_wire::TlsInfo;

use crate::login::Login;
use crate::name::Name;
use crate::plain::Plain;
use crate::scram::ScramServer;
use crate::seam::Mechanism;

/// What is allowed, at run time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// The mechanisms (default SCRAM-SHA-256, PLAIN, LOGIN). They are offered strongest first, whatever the order here.
    pub mechanisms: Vec<Name>,
    /// Whether passwords may be sent in clear without TLS (default no).
    pub plaintext_without_tls: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Policy { mechanisms: vec![Name::ScramSha256, Name::Plain, Name::Login], plaintext_without_tls: false }
    }
}

/// Bounds of exchanges.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The fewest iterations that a client accepts (default 4096, RFC 7677 §4).
    pub min_iterations: u32,
    /// The most iterations that a client computes (default 1,000,000).
    pub max_iterations: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { min_iterations: 4096, max_iterations: 1_000_000 }
    }
}

/// What to offer, strongest first. Mechanisms that show the password are left out without TLS.
pub fn offered(policy: &Policy, tls: Option<&TlsInfo>) -> Vec<Name> {
    let allowed = |name: &Name| {
        policy.mechanisms.contains(name) && (!name.is_plaintext() || tls.is_some() || policy.plaintext_without_tls)
    };
    Name::ALL.into_iter().filter(allowed).collect()
}

/// Begins an exchange; `None` for what is not offered. `nonce` is fresh randomness, printable ASCII without commas, another
/// one for each exchange.
pub fn mechanism(name: &str, policy: &Policy, tls: Option<&TlsInfo>, nonce: &str) -> Option<Box<dyn Mechanism>> {
    let name = name.parse().ok().filter(|name| offered(policy, tls).contains(name))?;
    Some(match name {
        Name::Plain => Box::new(Plain),
        Name::Login => Box::new(Login::default()),
        Name::ScramSha256 => Box::new(ScramServer::new(nonce)),
    })
}
