//! Settings of how much and how long: the tables `[limits]` and `[pop3]`.

use std::fmt;
use std::time::Duration;

use gatepost::{Network, ServerLimits};
use gatepost_pop3::server::Config as Pop3Config;
use serde::de::{DeserializeSeed, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Config, Failure, read};

/// Bounds that few need to change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds(pub(crate) ServerLimits);

/// The bounds of `[limits]` by their names: the one place that has both.
fn named(limits: &mut ServerLimits) -> [(&'static str, Bound<'_>); 15] {
    use Bound::{Count, Networks, Rate, Seconds};
    [
        ("sessions_per_user", Count(&mut limits.per_user)),
        ("connections_per_minute", Rate(&mut limits.connection_rate)),
        ("messages_per_minute", Rate(&mut limits.message_rate)),
        ("user_messages_per_minute", Rate(&mut limits.user_message_rate)),
        ("exempt", Networks(&mut limits.exempt)),
        ("auth_failures", Rate(&mut limits.auth_failures)),
        ("auth_penalty_seconds", Seconds(&mut limits.auth_penalty)),
        ("remembered", Count(&mut limits.remembered)),
        ("received_fields", Count(&mut limits.received)),
        ("handshake_seconds", Seconds(&mut limits.handshake)),
        ("write_seconds", Seconds(&mut limits.write)),
        ("linger_seconds", Seconds(&mut limits.linger)),
        ("session_seconds", Seconds(&mut limits.session)),
        ("octets_per_second", Rate(&mut limits.throughput)),
        ("grace_seconds", Seconds(&mut limits.grace)),
    ]
}

/// A bound, as the file writes it.
enum Bound<'a> {
    Count(&'a mut usize),
    Rate(&'a mut u32),
    Seconds(&'a mut Duration),
    Networks(&'a mut Vec<Network>),
}

impl Serialize for Bounds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(named(&mut self.0.clone()))
    }
}

impl Serialize for Bound<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Bound::Count(count) => count.serialize(serializer),
            Bound::Rate(rate) => rate.serialize(serializer),
            Bound::Seconds(time) => time.as_secs().serialize(serializer),
            Bound::Networks(networks) => read::texts::serialize(networks, serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Bounds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Table)
    }
}

impl<'de> DeserializeSeed<'de> for Bound<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self {
            Bound::Count(count) => *count = Deserialize::deserialize(deserializer)?,
            Bound::Rate(rate) => *rate = Deserialize::deserialize(deserializer)?,
            Bound::Seconds(time) => *time = Duration::from_secs(Deserialize::deserialize(deserializer)?),
            Bound::Networks(networks) => *networks = read::texts::deserialize(deserializer)?,
        }
        Ok(())
    }
}

/// Reads the table; what it does not name stays at its default.
struct Table;

impl<'de> Visitor<'de> for Table {
    type Value = Bounds;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of bounds")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Bounds, A::Error> {
        let mut bounds = Bounds::default();
        while let Some(index) = table.next_key_seed(Name)? {
            if let Some((_, bound)) = named(&mut bounds.0).into_iter().nth(index) {
                table.next_value_seed(bound)?;
            }
        }
        Ok(bounds)
    }
}

/// Reads a name: an error at it has its place in the file.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        let wanted = String::deserialize(deserializer)?;
        let names = named(&mut ServerLimits::default()).map(|(name, _)| name);
        names
            .iter()
            .position(|name| *name == wanted)
            .ok_or_else(|| Error::custom(format!("unknown field `{wanted}`, expected one of `{}`", names.join("`, `"))))
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
        let mut limits = self.limits.0.clone();
        limits.message = self.message_limit;
        limits.connections = self.connections;
        limits.per_peer = self.connections_per_peer;
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
