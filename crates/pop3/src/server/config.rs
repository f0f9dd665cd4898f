//! How a server behaves, and within which bounds.

use std::time::Duration;

use gatepost_sasl::Policy;

/// Bounds of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets of a command line (default 512; RFC 2449 §4 wants 255).
    pub line: usize,
    /// Octets of a SASL response (default 12,288).
    pub auth_line: usize,
    /// Commands that fail before the session ends (default 20).
    pub errors: u32,
    /// Failed log-ins before the session ends (default 3).
    pub auth_failures: u32,
    /// How long to wait for the client (default 10 minutes, RFC 1939 §3).
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { line: 512, auth_line: 12_288, errors: 20, auth_failures: 3, idle: Duration::from_secs(600) }
    }
}

/// How a server behaves.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Whether STLS is offered.
    pub stls: bool,
    /// Which mechanisms are offered; USER and PASS go with PLAIN.
    pub sasl: Policy,
    /// Bounds.
    pub limits: Limits,
}
