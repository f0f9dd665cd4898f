//! How a client behaves, and what it is to send.

use std::time::Duration;

use gatepost_syntax::{Domain, ForwardPath, ReversePath};

/// Bounds of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets of a reply line (default 2048; RFC 5321 §4.5.3.1.5 has 512).
    pub line: usize,
    /// Lines of a reply (default 128).
    pub lines: usize,
    /// How long to wait for a reply (default 5 minutes, RFC 5321 §4.5.3.2).
    pub reply: Duration,
    /// How long to wait for the reply to a message (default 10 minutes, RFC 5321 §4.5.3.2.6).
    pub end_of_data: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Limits { line: 2048, lines: 128, reply: minutes(5), end_of_data: minutes(10) }
    }
}

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// What it calls itself.
    pub name: Domain,
    /// Whether nothing but EHLO and STARTTLS is said in clear.
    pub require_tls: bool,
    /// Bounds.
    pub limits: Limits,
}

/// A message's envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The reverse-path.
    pub from: ReversePath,
    /// The recipients.
    pub to: Vec<ForwardPath>,
    /// Octets of the message, where they are known (RFC 1870).
    pub size: Option<u64>,
    /// Whether the message has octets beyond ASCII (RFC 6152).
    pub eight_bit: bool,
    /// Whether addresses or header fields have UTF-8 (RFC 6531).
    pub utf8: bool,
}
