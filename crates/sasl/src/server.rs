//! Which mechanisms a server offers and accepts.

use crate::login::Login;
use crate::plain::Plain;
use crate::scram::ScramServer;
use crate::seam::Mechanism;

/// What is allowed, at run time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// The mechanisms, strongest first (default SCRAM-SHA-256, PLAIN, LOGIN).
    pub mechanisms: Vec<String>,
    /// Whether passwords may be sent in clear without TLS (default no).
    pub plaintext_without_tls: bool,
}

impl Default for Policy {
    fn default() -> Self {
        let mechanisms = ["SCRAM-SHA-256", "PLAIN", "LOGIN"].map(str::to_owned).to_vec();
        Policy { mechanisms, plaintext_without_tls: false }
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

/// The names to offer. Mechanisms that show the password are left out without TLS.
pub fn offered(policy: &Policy, tls: bool) -> Vec<&'static str> {
    let allowed = |name: &&'static str| {
        let plaintext = matches!(*name, "PLAIN" | "LOGIN");
        policy.mechanisms.iter().any(|m| m.eq_ignore_ascii_case(name))
            && (!plaintext || tls || policy.plaintext_without_tls)
    };
    ["SCRAM-SHA-256", "PLAIN", "LOGIN"].into_iter().filter(allowed).collect()
}

/// Begins an exchange; `None` for what is not offered. `nonce` is fresh randomness, printable ASCII without commas.
pub fn mechanism(name: &str, policy: &Policy, tls: bool, nonce: &str) -> Option<Box<dyn Mechanism>> {
    let name = offered(policy, tls).into_iter().find(|offered| offered.eq_ignore_ascii_case(name))?;
    Some(match name {
        "PLAIN" => Box::new(Plain),
        "LOGIN" => Box::new(Login::default()),
        _ => Box::new(ScramServer::new(nonce)),
    })
}
