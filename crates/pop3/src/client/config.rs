//! How a client behaves, and within which bounds.

use std::time::Duration;

/// Bounds of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets of a line without its CRLF, messages aside (default 1024; RFC 2449 §4 has 512).
    pub line: usize,
    /// Octets of a line with a challenge of AUTH (default 12,300, RFC 4954 §4).
    pub challenge: usize,
    /// Bounds of what is computed for it.
    pub sasl: gatepost_sasl::Limits,
    /// Lines of a list of capabilities (default 100).
    pub capabilities: usize,
    /// Messages of a maildrop (default 1,000,000).
    pub messages: usize,
    /// Octets of a message (default 1 GiB).
    pub message: u64,
    /// Commands that are said before the first is answered, where the server lets us (default 64, RFC 2449 §6.6).
    pub pipeline: usize,
    /// How long to wait for the server (default 2 minutes).
    pub reply: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            line: 1024,
            challenge: 12_300,
            sasl: gatepost_sasl::Limits::default(),
            capabilities: 100,
            messages: 1_000_000,
            message: 1 << 30,
            pipeline: 64,
            reply: Duration::from_secs(120),
        }
    }
}

/// How a client behaves.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Whether a server that offers no TLS is left at once. Passwords are never said in clear.
    pub require_tls: bool,
    /// Whether header fields may come in UTF-8 (RFC 6856). Without, the server may send surrogates of such messages.
    pub utf8: bool,
    /// Bounds.
    pub limits: Limits,
}
