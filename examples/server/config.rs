//! The configuration: a TOML file, flags on top of it, defaults below it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::Parser;
use gatepost::Policy;
use gatepost_syntax::Domain;
use serde::Deserialize;

/// A mail server: it judges arriving mail by SPF, DKIM, ARC and DMARC and records the result in its header; users submit over
/// TLS with AUTH, and fetch their mail by POP3 with TLS.
///
/// Without a configuration it serves the demo domain example.test on loopback: it makes users, a key, a certificate and a
/// zone in the data folder, and prints what it made and lines to paste.
///
/// Ports: 2525 MX, 2587 submission (STARTTLS), 2465 submission (TLS), 2110 POP3 (STLS), 2995 POP3 (TLS).
/// SIGTERM finishes what is in flight; SIGHUP reads certificate and users again.
#[derive(Parser)]
#[command(name = "server", verbatim_doc_comment)]
pub(crate) struct Flags {
    /// Settings; see --print-config for all of them
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where mail, keys and users are kept
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The address to listen on
    #[arg(long, value_name = "ADDR")]
    bind: Option<IpAddr>,
    /// Whom to ask for DNS data: system, ADDR:PORT or a zone file
    #[arg(long, value_name = "system|ADDR:PORT|ZONEFILE")]
    resolver: Option<String>,
    /// Added to each port
    #[arg(long, value_name = "N")]
    port_base: Option<u16>,
    /// Users, one `name:keys` a line; made by the first run
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// Print the settings as TOML and end
    #[arg(long)]
    pub(crate) print_config: bool,
}

/// All settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) hostname: String,
    pub(crate) domain: String,
    pub(crate) data: PathBuf,
    pub(crate) bind: IpAddr,
    pub(crate) port_base: u16,
    /// Empty: the zone file in the data folder.
    pub(crate) resolver: String,
    /// Empty: `users` in the data folder.
    pub(crate) users: PathBuf,
    /// Empty: made in the data folder.
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) selector: String,
    /// record, quarantine or reject
    pub(crate) policy: String,
    /// Whose ARC seals may keep the policy from being applied.
    pub(crate) trusted_sealers: Vec<String>,
    /// Where replay bundles are kept; empty: nowhere.
    pub(crate) bundles: PathBuf,
    pub(crate) message_limit: u64,
    pub(crate) connections: usize,
    pub(crate) connections_per_peer: usize,
}

impl Default for Config {
    fn default() -> Self {
        let limits = gatepost::ServerLimits::default();
        Config {
            hostname: "mx.example.test".into(),
            domain: "example.test".into(),
            data: "gatepost-data".into(),
            bind: IpAddr::from([127, 0, 0, 1]),
            port_base: 0,
            resolver: String::new(),
            users: PathBuf::new(),
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            selector: "s1".into(),
            policy: "record".into(),
            trusted_sealers: Vec::new(),
            bundles: PathBuf::new(),
            message_limit: limits.message,
            connections: limits.connections,
            connections_per_peer: limits.per_peer,
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

impl Config {
    /// The file, with the flags on top of it.
    pub(crate) fn read(flags: &Flags) -> Result<Self, Failure> {
        let mut config = match &flags.config {
            None => Config::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, error))?;
                toml::from_str(&text).map_err(|error| Failure::file(path, error))?
            }
        };
        let set = |to: &mut PathBuf, from: &Option<PathBuf>| {
            if let Some(from) = from {
                to.clone_from(from);
            }
        };
        set(&mut config.data, &flags.data);
        set(&mut config.users, &flags.users);
        config.bind = flags.bind.unwrap_or(config.bind);
        config.port_base = flags.port_base.unwrap_or(config.port_base);
        config.resolver = flags.resolver.clone().unwrap_or(config.resolver);
        Ok(config)
    }

    pub(crate) fn hostname(&self) -> Result<Domain, Failure> {
        Domain::parse(&self.hostname).map_err(|error| Failure::at("hostname", error))
    }

    pub(crate) fn domain(&self) -> Result<Domain, Failure> {
        Domain::parse(&self.domain).map_err(|error| Failure::at("domain", error))
    }

    pub(crate) fn selector(&self) -> Result<Domain, Failure> {
        Domain::parse(&self.selector).map_err(|error| Failure::at("selector", error))
    }

    pub(crate) fn policy(&self) -> Result<Policy, Failure> {
        Policy::from_word(&self.policy).ok_or_else(|| Failure::at("policy", "expected record, quarantine or reject"))
    }

    pub(crate) fn trusted_sealers(&self) -> Result<Vec<Domain>, Failure> {
        let domain = |name: &String| Domain::parse(name).map_err(|error| Failure::at("trusted_sealers", error));
        self.trusted_sealers.iter().map(domain).collect()
    }

    pub(crate) fn port(&self, port: u16) -> Result<u16, Failure> {
        port.checked_add(self.port_base)
            .ok_or_else(|| Failure::at("port_base", format!("port {port} becomes too large")))
    }

    /// The settings as a file.
    pub(crate) fn to_toml(&self) -> String {
        let quoted = |text: &str| format!("{text:?}");
        let path = |path: &Path| quoted(&path.display().to_string());
        format!(
            "# gatepost example server\n\
             hostname = {}              # its name in greetings, and its authserv-id\n\
             domain = {}                   # whose users' mail is signed\n\
             data = {}                    # mail, and what is made at the first start\n\
             bind = {}\n\
             port_base = {}                             # added to 2525, 2587, 2465, 2110 and 2995\n\
             resolver = {}                             # system, ADDR:PORT or a zone file; empty: DATA/zone\n\
             users = {}                                # empty: DATA/users\n\
             certificate = {}                          # PEM; empty: self-signed in DATA\n\
             key = {}\n\
             selector = {}                           # of the DKIM key\n\
             policy = {}                         # of mail that fails DMARC: record, quarantine or reject\n\
             trusted_sealers = {:?}                      # domains whose ARC seals keep the policy from being applied\n\
             bundles = {}                              # a folder for replay bundles; empty: none are kept\n\
             message_limit = {}                  # octets\n\
             connections = {}\n\
             connections_per_peer = {}\n",
            quoted(&self.hostname),
            quoted(&self.domain),
            path(&self.data),
            quoted(&self.bind.to_string()),
            self.port_base,
            quoted(&self.resolver),
            path(&self.users),
            path(&self.certificate),
            path(&self.key),
            quoted(&self.selector),
            quoted(&self.policy),
            self.trusted_sealers,
            path(&self.bundles),
            self.message_limit,
            self.connections,
            self.connections_per_peer
        )
    }
}
