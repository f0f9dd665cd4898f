//! Bounds of a server.

use std::time::Duration;

use crate::network::Network;

/// Bounds of a server. Those of one session's grammar are in the endpoints' own `Limits`.
///
/// Peers are addresses; IPv6 addresses of one /64 count as one peer. Rates are averages with a burst of one minute's worth.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at a time (default 1000).
    pub connections: usize,
    /// Connections of one peer at a time (default 50).
    pub per_peer: usize,
    /// Sessions of one user at a time (default 20).
    pub per_user: usize,
    /// Connections of one peer a minute (default 600).
    pub connection_rate: u32,
    /// Messages of one peer a minute (default 600).
    pub message_rate: u32,
    /// Messages that one user submits a minute (default 100).
    pub user_message_rate: u32,
    /// Peers for which neither `per_peer` nor the three rates hold, and which do not wait after failed log-ins, though users
    /// do (default loopback).
    pub exempt: Vec<Network>,
    /// Failed log-ins of one peer before it has to wait (default 10); of one user five times as many.
    pub auth_failures: u32,
    /// How long it has to wait then (default 1 minute); twice as long after each further failure, up to an hour, or for a
    /// user, whom others must not keep out, up to a minute.
    pub auth_penalty: Duration,
    /// Peers and users whose rates and failures are remembered (default 100,000); those not seen for longest are forgotten.
    pub remembered: usize,
    /// Octets of a message (default 50 MiB).
    pub message: u64,
    /// Received fields from which on a message is going in circles (default 100, RFC 5321 §6.3).
    pub received: usize,
    /// How long a TLS handshake or a PROXY header may take (default 30 s).
    pub handshake: Duration,
    /// How long a peer may take to accept what is written (default 60 s, more for much; see `throughput`).
    pub write: Duration,
    /// How long a peer is heard that goes on when we have ended the session, lest it does not hear why (default 2 s).
    pub linger: Duration,
    /// How long a session may take (default 4 hours).
    pub session: Duration,
    /// Octets a second below which a peer is too slow, once the time of one reply has gone by (default 256).
    pub throughput: u32,
    /// How long sessions may go on after the server was told to stop (default 10 s).
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 1000,
            per_peer: 50,
            per_user: 20,
            connection_rate: 600,
            message_rate: 600,
            user_message_rate: 100,
            exempt: Network::loopback().to_vec(),
            auth_failures: 10,
            auth_penalty: Duration::from_secs(60),
            remembered: 100_000,
            message: 50 << 20,
            received: 100,
            handshake: Duration::from_secs(30),
            write: Duration::from_secs(60),
            linger: Duration::from_secs(2),
            session: Duration::from_secs(4 * 3600),
            throughput: 256,
            grace: Duration::from_secs(10),
        }
    }
}
