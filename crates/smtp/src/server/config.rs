//! How a server behaves, and within which bounds.

use std::time::Duration;

use gatepost_sasl::Policy;
use gatepost_syntax::Domain;

/// Whom the server serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Other servers (RFC 5321).
    Mx,
    /// Users (RFC 6409): MAIL needs AUTH.
    Submission,
}

/// Bounds of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets of a command line (default 2048; RFC 5321 §4.5.3.1.4 wants 512 and room for parameters).
    pub line: usize,
    /// Octets of a SASL response (default 12,288, RFC 4954 §4).
    pub auth_line: usize,
    /// Octets of a message (default 50 MiB).
    pub message: u64,
    /// Recipients of a message (default 100, RFC 5321 §4.5.3.1.8).
    pub recipients: usize,
    /// Commands that fail before the session ends (default 20).
    pub errors: u32,
    /// Failed AUTH commands before the session ends (default 3).
    pub auth_failures: u32,
    /// Commands of a session (default 10,000).
    pub commands: u32,
    /// How long to wait for the client (default 5 minutes, RFC 5321 §4.5.3.2.7).
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            line: 2048,
            auth_line: 12_288,
            message: 50 << 20,
            recipients: 100,
            errors: 20,
            auth_failures: 3,
            commands: 10_000,
            idle: Duration::from_secs(300),
        }
    }
}

/// How a server behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// What it calls itself.
    pub hostname: Domain,
    /// Whom it serves.
    pub profile: Profile,
    /// Whether STARTTLS is offered.
    pub starttls: bool,
    /// Which mechanisms are offered; AUTH is for submission only.
    pub sasl: Policy,
    /// Bounds.
    pub limits: Limits,
}
