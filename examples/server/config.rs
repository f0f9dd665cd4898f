//! The configuration: a TOML file, flags on top of it, defaults below it.

mod flags;
mod read;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gatepost::{Directory, Network, Policy, ServerLimits, Service};
use gatepost_sasl::Policy as SaslPolicy;
use gatepost_syntax::Domain;
use serde::{Deserialize, Serialize};

use crate::relay::Relaying;
pub(crate) use flags::Flags;

/// All settings; `examples/server/gatepost.toml` says what they mean.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) hostname: String,
    pub(crate) domain: String,
    pub(crate) domains: Vec<String>,
    pub(crate) data: PathBuf,
    #[serde(with = "read::one_or_many")]
    pub(crate) bind: Vec<IpAddr>,
    pub(crate) port_base: u16,
    pub(crate) resolver: String,
    pub(crate) users: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) client_authorities: PathBuf,
    pub(crate) mechanisms: Vec<String>,
    pub(crate) selector: String,
    pub(crate) policy: PolicyWord,
    pub(crate) trusted_sealers: Vec<String>,
    pub(crate) bundles: PathBuf,
    pub(crate) store: Store,
    pub(crate) sub_addressing: String,
    pub(crate) message_limit: u64,
    pub(crate) connections: usize,
    pub(crate) connections_per_peer: usize,
    #[serde(with = "read::texts")]
    pub(crate) proxies: Vec<Network>,
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) log_format: LogFormat,
    pub(crate) log_level: Level,
    pub(crate) limits: Bounds,
    pub(crate) relay: Relaying,
    pub(crate) aliases: BTreeMap<String, Targets>,
    pub(crate) listen: Vec<Listen>,
    pub(crate) dkim: Vec<DkimKey>,
}

/// What is done with mail that fails DMARC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PolicyWord {
    #[default]
    Record,
    Quarantine,
    Reject,
}

impl From<PolicyWord> for Policy {
    fn from(word: PolicyWord) -> Self {
        match word {
            PolicyWord::Record => Policy::Record,
            PolicyWord::Quarantine => Policy::Quarantine,
            PolicyWord::Reject => Policy::Reject,
        }
    }
}

/// Where mail goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Store {
    #[default]
    Maildir,
    /// Nowhere: for measurements.
    Discard,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// A listener of its own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listen {
    pub(crate) service: ServiceWord,
    pub(crate) address: SocketAddr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ServiceWord {
    Mx,
    Submission,
    Submissions,
    Pop3,
    Pop3s,
}

impl From<ServiceWord> for Service {
    fn from(word: ServiceWord) -> Self {
        match word {
            ServiceWord::Mx => Service::Mx,
            ServiceWord::Submission => Service::Submission,
            ServiceWord::Submissions => Service::Submissions,
            ServiceWord::Pop3 => Service::Pop3,
            ServiceWord::Pop3s => Service::Pop3s,
        }
    }
}

/// A key that signs for a domain.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DkimKey {
    pub(crate) domain: String,
    pub(crate) selector: String,
    pub(crate) key: PathBuf,
}

/// One address or a list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Targets(#[serde(with = "read::one_or_many")] pub(crate) Vec<String>);

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

impl Default for Config {
    fn default() -> Self {
        let limits = ServerLimits::default();
        Config {
            hostname: "mx.example.test".into(),
            domain: "example.test".into(),
            domains: Vec::new(),
            data: "gatepost-data".into(),
            bind: vec![IpAddr::from([127, 0, 0, 1])],
            port_base: 0,
            resolver: String::new(),
            users: PathBuf::new(),
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            client_authorities: PathBuf::new(),
            mechanisms: SaslPolicy::default().mechanisms.iter().map(ToString::to_string).collect(),
            selector: "s1".into(),
            policy: PolicyWord::default(),
            trusted_sealers: Vec::new(),
            bundles: PathBuf::new(),
            store: Store::default(),
            sub_addressing: "+".into(),
            message_limit: limits.message,
            connections: limits.connections,
            connections_per_peer: limits.per_peer,
            proxies: Vec::new(),
            metrics: None,
            log_format: LogFormat::default(),
            log_level: Level::default(),
            limits: Bounds::default(),
            relay: Relaying::default(),
            aliases: BTreeMap::new(),
            listen: Vec::new(),
            dkim: Vec::new(),
        }
    }
}

/// Why the server can not start, with place and reason.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{place}: {reason}")]
    At { place: String, reason: String },
}

impl Failure {
    pub(crate) fn at(place: impl std::fmt::Display, reason: impl std::fmt::Display) -> Self {
        Failure::At { place: place.to_string(), reason: reason.to_string() }
    }

    pub(crate) fn file(path: &Path, reason: impl std::fmt::Display) -> Self {
        Failure::at(path.display(), reason)
    }
}

/// The services with their ports.
pub(crate) const PORTS: [(Service, u16); 5] = [
    (Service::Mx, 2525),
    (Service::Submission, 2587),
    (Service::Submissions, 2465),
    (Service::Pop3, 2110),
    (Service::Pop3s, 2995),
];

fn domain(place: &str, text: &str) -> Result<Domain, Failure> {
    Domain::parse(text).map_err(|error| Failure::at(place, format!("`{text}`: {error}")))
}

impl Config {
    pub(crate) fn hostname(&self) -> Result<Domain, Failure> {
        domain("hostname", &self.hostname)
    }

    pub(crate) fn domain(&self) -> Result<Domain, Failure> {
        domain("domain", &self.domain)
    }

    pub(crate) fn trusted_sealers(&self) -> Result<Vec<Domain>, Failure> {
        self.trusted_sealers.iter().map(|name| domain("trusted_sealers", name)).collect()
    }

    /// The log-ins that are allowed.
    pub(crate) fn sasl(&self) -> Result<SaslPolicy, Failure> {
        let name = |text: &String| text.parse().map_err(|error| Failure::at(format!("mechanisms: {text:?}"), error));
        Ok(SaslPolicy::of(self.mechanisms.iter().map(name).collect::<Result<Vec<_>, _>>()?))
    }

    /// Who gets mail beside users, and where.
    pub(crate) fn directory(&self) -> Result<Directory, Failure> {
        let mut separator = self.sub_addressing.chars();
        let sub_addressing = separator.next();
        if separator.next().is_some() {
            return Err(Failure::at("sub_addressing", "expected one character, or nothing"));
        }
        let mut directory = Directory::new(self.domain()?).sub_addressing(sub_addressing);
        for other in &self.domains {
            directory = directory.domain(domain("domains", other)?);
        }
        for (alias, targets) in &self.aliases {
            directory = directory.alias(alias, &targets.0).map_err(|error| Failure::at("aliases", error))?;
        }
        Ok(directory)
    }

    /// Where to listen: as `listen` says, or each service on each address of `bind`.
    pub(crate) fn listen(&self) -> Result<Vec<(Service, SocketAddr)>, Failure> {
        if !self.listen.is_empty() {
            return Ok(self.listen.iter().map(|listen| (listen.service.into(), listen.address)).collect());
        }
        let mut all = Vec::new();
        for (service, port) in PORTS {
            let port = port.checked_add(self.port_base);
            let port =
                port.ok_or_else(|| Failure::at("port_base", format!("{} makes ports too large", self.port_base)))?;
            all.extend(self.bind.iter().map(|address| (service, SocketAddr::new(*address, port))));
        }
        Ok(all)
    }

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

    /// What differs in another configuration and does not change while the server runs.
    pub(crate) fn needs_restart(&self, other: &Config) -> Vec<&'static str> {
        let differs = [
            ("data", self.data != other.data),
            (
                "bind, port_base or listen",
                (&self.bind, self.port_base, &self.listen) != (&other.bind, other.port_base, &other.listen),
            ),
            ("store", self.store != other.store),
            ("proxies", self.proxies != other.proxies),
            ("metrics", self.metrics != other.metrics),
            ("log_format or log_level", (self.log_format, self.log_level) != (other.log_format, other.log_level)),
            (
                "connections",
                (self.connections, self.connections_per_peer) != (other.connections, other.connections_per_peer),
            ),
            ("limits", self.limits != other.limits),
            ("relay", self.relay != other.relay),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}
