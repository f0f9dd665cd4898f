//! Settings of how much and how long: the tables `[limits]` and `[pop3]`.

use std::time::Duration;

use gatepost::{Network, ServerLimits};
use gatepost_pop3::server::Config as Pop3Config;
use serde::{Deserialize, Serialize};

use super::{Config, Failure, read};

/// Bounds that few need to change.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Bounds {
    pub(crate) sessions_per_user: usize,
    pub(crate) connections_per_minute: u32,
    pub(crate) messages_per_minute: u32,
    pub(crate) user_messages_per_minute: u32,
    #[serde(with = "read::texts")]
    pub(crate) exempt: Vec<Network>,
    pub(crate) auth_failures: u32,
    pub(crate) auth_penalty_seconds: u64,
    pub(crate) remembered: usize,
    pub(crate) received_fields: usize,
    pub(crate) handshake_seconds: u64,
    pub(crate) write_seconds: u64,
    pub(crate) session_seconds: u64,
    pub(crate) octets_per_second: u32,
    pub(crate) grace_seconds: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        let limits = ServerLimits::default();
        Bounds {
            sessions_per_user: limits.per_user,
            connections_per_minute: limits.connection_rate,
            messages_per_minute: limits.message_rate,
            user_messages_per_minute: limits.user_message_rate,
            exempt: limits.exempt,
            auth_failures: limits.auth_failures,
            auth_penalty_seconds: limits.auth_penalty.as_secs(),
            remembered: limits.remembered,
            received_fields: limits.received,
            handshake_seconds: limits.handshake.as_secs(),
            write_seconds: limits.write.as_secs(),
            session_seconds: limits.session.as_secs(),
            octets_per_second: limits.throughput,
            grace_seconds: limits.grace.as_secs(),
        }
    }
}

/// How POP3 behaves.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Pop3 {
    pub(crate) login_delay_seconds: u64,
    pub(crate) expire_days: Option<u32>,
    pub(crate) passwords_in_clear: bool,
    pub(crate) implementation: String,
    pub(crate) idle_seconds: u64,
    pub(crate) errors: u32,
    pub(crate) auth_failures: u32,
}

impl Default for Pop3 {
    fn default() -> Self {
        let config = Pop3Config::default();
        Pop3 {
            login_delay_seconds: 0,
            expire_days: config.expire,
            passwords_in_clear: false,
            implementation: String::new(),
            idle_seconds: config.limits.idle.as_secs(),
            errors: config.limits.errors,
            auth_failures: config.limits.auth_failures,
        }
    }
}

impl Config {
    pub(crate) fn limits(&self) -> ServerLimits {
        let (mut limits, bounds) = (ServerLimits::default(), &self.limits);
        limits.message = self.message_limit;
        limits.connections = self.connections;
        limits.per_peer = self.connections_per_peer;
        limits.per_user = bounds.sessions_per_user;
        limits.connection_rate = bounds.connections_per_minute;
        limits.message_rate = bounds.messages_per_minute;
        limits.user_message_rate = bounds.user_messages_per_minute;
        limits.exempt.clone_from(&bounds.exempt);
        limits.auth_failures = bounds.auth_failures;
        limits.auth_penalty = Duration::from_secs(bounds.auth_penalty_seconds);
        limits.remembered = bounds.remembered;
        limits.received = bounds.received_fields;
        limits.handshake = Duration::from_secs(bounds.handshake_seconds);
        limits.write = Duration::from_secs(bounds.write_seconds);
        limits.session = Duration::from_secs(bounds.session_seconds);
        limits.throughput = bounds.octets_per_second;
        limits.grace = Duration::from_secs(bounds.grace_seconds);
        limits
    }

    pub(crate) fn pop3(&self) -> Result<Pop3Config, Failure> {
        let (mut config, pop3) = (Pop3Config { sasl: self.sasl()?, ..Pop3Config::default() }, &self.pop3);
        if pop3.idle_seconds < 600 {
            return Err(Failure::at("pop3.idle_seconds", "RFC 1939 §3: at least 600"));
        }
        config.sasl.plaintext_without_tls = pop3.passwords_in_clear;
        config.login_delay = Some(Duration::from_secs(pop3.login_delay_seconds)).filter(|delay| !delay.is_zero());
        config.expire = pop3.expire_days;
        config.implementation = Some(pop3.implementation.clone()).filter(|name| !name.is_empty());
        config.limits.idle = Duration::from_secs(pop3.idle_seconds);
        (config.limits.errors, config.limits.auth_failures) = (pop3.errors, pop3.auth_failures);
        Ok(config)
    }
}
