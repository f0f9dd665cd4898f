//! How a client behaves, and what it is to send.

use std::time::Duration;

use gatepost_syntax::Host;

use crate::envelope::{MailFrom, RcptTo};

/// Bounds of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets of a reply line (default 2048; RFC 5321 §4.5.3.1.5 has 512).
    pub line: usize,
    /// Octets of a line with a challenge of AUTH (default 12,300, RFC 4954 §4).
    pub challenge: usize,
    /// Bounds of what is computed for it.
    pub sasl: gatepost_sasl::Limits,
    /// Lines of a reply (default 128).
    pub lines: usize,
    /// Recipients that are named before their replies are read (default 100): the replies must fit into what the network
    /// holds (RFC 2920 §3.1).
    pub group: usize,
    /// Chunks that are sent before their replies are read (default 8).
    pub chunks: usize,
    /// How long to wait for a reply (default 5 minutes, RFC 5321 §4.5.3.2).
    pub reply: Duration,
    /// How long to wait for the reply to DATA (default 2 minutes, RFC 5321 §4.5.3.2.4).
    pub data: Duration,
    /// How long to wait for the reply to a message (default 10 minutes, RFC 5321 §4.5.3.2.6).
    pub end_of_data: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Limits {
            line: 2048,
            challenge: 12_300,
            sasl: gatepost_sasl::Limits::default(),
            lines: 128,
            group: 100,
            chunks: 8,
            reply: minutes(5),
            data: minutes(2),
            end_of_data: minutes(10),
        }
    }
}

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// What it calls itself: a domain, or where it has none the literal of its address, `[192.0.2.1]` (RFC 5321 §4.1.4).
    pub name: Host,
    /// Whether nothing but EHLO and STARTTLS is said in clear.
    pub require_tls: bool,
    /// Bounds.
    pub limits: Limits,
}

impl Config {
    /// With the default bounds, and nothing but EHLO and STARTTLS said in clear.
    pub fn new(name: Host) -> Self {
        Config { name, require_tls: true, limits: Limits::default() }
    }
}

/// A message's envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The sender and what the message is like.
    pub mail: MailFrom,
    /// The recipients.
    pub to: Vec<RcptTo>,
}
