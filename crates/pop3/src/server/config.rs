//! How a server behaves, and within which bounds.

use std::time::Duration;

use gatepost_sasl::Policy;

/// Bounds of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets of a command with its CRLF (default 255, RFC 2449 §4).
    pub line: usize,
    /// Octets of a SASL response (default 12,288, RFC 4954 §4).
    pub auth_line: usize,
    /// Commands before a log-in (default 100).
    pub commands_before_login: u32,
    /// Commands that fail in a row before the session ends (default 20).
    pub errors: u32,
    /// Failed log-ins before the session ends (default 3).
    pub auth_failures: u32,
    /// Octets of a header section that are kept to say it in ASCII (default 256 KiB, RFC 6856 §2.1).
    pub header: usize,
    /// Octets of replies that are gathered before they are sent (default 48 KiB).
    pub gathered: usize,
    /// How long to wait for the client (default and least 10 minutes, RFC 1939 §3).
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            line: 255,
            auth_line: 12_288,
            commands_before_login: 100,
            errors: 20,
            auth_failures: 3,
            header: 256 << 10,
            gathered: 48 << 10,
            idle: Duration::from_secs(600),
        }
    }
}

/// How a server behaves.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Whether STLS is offered.
    pub stls: bool,
    /// Which mechanisms are offered; USER and PASS go with PLAIN.
    pub sasl: Policy,
    /// How long a user waits between two log-ins (RFC 2449 §6.5). The application keeps the time: see
    /// [`OpenError::TooSoon`](super::OpenError::TooSoon).
    pub login_delay: Option<Duration>,
    /// For how many days messages are kept (RFC 2449 §6.7); `None`: for ever.
    pub expire: Option<u32>,
    /// What the server calls itself (RFC 2449 §6.9), said after log-in.
    pub implementation: Option<String>,
    /// Bounds.
    pub limits: Limits,
}
