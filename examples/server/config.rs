//! The configuration: a TOML file, flags on top of it, defaults below it.

mod bounds;
mod flags;
mod read;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use gatepost::{Directory, Network, Policy, ServerLimits, Service};
use gatepost_sasl::Policy as SaslPolicy;
use gatepost_syntax::Domain;
use serde::{Deserialize, Serialize};

use crate::relay::{Mode, Relaying};
use bounds::{Bounds, Pop3};
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
    pub(crate) junk_folder: String,
    pub(crate) sub_addressing: String,
    pub(crate) message_limit: u64,
    pub(crate) threads: usize,
    pub(crate) connections: usize,
    pub(crate) connections_per_peer: usize,
    #[serde(with = "read::texts")]
    pub(crate) proxies: Vec<Network>,
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) log_format: LogFormat,
    pub(crate) log_level: Level,
    pub(crate) limits: Bounds,
    pub(crate) pop3: Pop3,
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
            junk_folder: "Junk".into(),
            sub_addressing: "+".into(),
            message_limit: limits.message,
            threads: 0,
            connections: limits.connections,
            connections_per_peer: limits.per_peer,
            proxies: Vec::new(),
            metrics: None,
            log_format: LogFormat::default(),
            log_level: Level::default(),
            limits: Bounds::default(),
            pop3: Pop3::default(),
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

    /// What differs in another configuration and does not change while the server runs.
    pub(crate) fn needs_restart(&self, other: &Config) -> Vec<&'static str> {
        let differs = [
            ("data", self.data != other.data),
            ("threads", self.threads != other.threads),
            (
                "bind, port_base or listen",
                (&self.bind, self.port_base, &self.listen) != (&other.bind, other.port_base, &other.listen),
            ),
            ("store or junk_folder", (self.store, &self.junk_folder) != (other.store, &other.junk_folder)),
            ("metrics", self.metrics != other.metrics),
            ("log_format or log_level", (self.log_format, self.log_level) != (other.log_format, other.log_level)),
            ("limits.remembered", self.limits.0.remembered != other.limits.0.remembered),
            // a queue that is there takes another way, and waits where there is none any more
            ("relay", self.relay.mode == Mode::Off && other.relay.mode != Mode::Off),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }
}
