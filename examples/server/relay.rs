//! Settings of mail for other domains: the table `[relay]`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use gatepost::client::ClientTls;
use gatepost::outbound::{Retry, Verified};
use gatepost::{Relay, Smarthost, SmarthostTls};
use gatepost_sasl::Secret;
use gatepost_syntax::Domain;
use serde::{Deserialize, Serialize};

use crate::config::{Config, Failure};

/// All settings of the table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Relaying {
    pub(crate) mode: Mode,
    pub(crate) port: u16,
    pub(crate) smarthost: String,
    pub(crate) smarthost_tls: TlsMode,
    pub(crate) smarthost_user: String,
    pub(crate) smarthost_password: PathBuf,
    pub(crate) authorities: PathBuf,
    pub(crate) retry_seconds: u64,
    pub(crate) retry_longest_seconds: u64,
    pub(crate) warn_seconds: u64,
    pub(crate) give_up_seconds: u64,
    pub(crate) messages: usize,
    pub(crate) deliveries: usize,
    pub(crate) deliveries_per_domain: usize,
    pub(crate) messages_per_connection: usize,
    pub(crate) mx_aliases: bool,
    pub(crate) address_literals: bool,
    pub(crate) verified: BTreeMap<String, Vec<String>>,
}

/// Which way mail goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// Nowhere: it is refused.
    Off,
    #[default]
    Mx,
    Smarthost,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TlsMode {
    Implicit,
    #[default]
    Required,
    Opportunistic,
}

impl From<TlsMode> for SmarthostTls {
    fn from(mode: TlsMode) -> Self {
        match mode {
            TlsMode::Implicit => SmarthostTls::Implicit,
            TlsMode::Required => SmarthostTls::Required,
            TlsMode::Opportunistic => SmarthostTls::Opportunistic,
        }
    }
}

impl Default for Relaying {
    fn default() -> Self {
        let (limits, retry) = (gatepost::outbound::Limits::default(), Retry::default());
        Relaying {
            mode: Mode::default(),
            port: 25,
            smarthost: String::new(),
            smarthost_tls: TlsMode::default(),
            smarthost_user: String::new(),
            smarthost_password: PathBuf::new(),
            authorities: PathBuf::new(),
            retry_seconds: retry.first.as_secs(),
            retry_longest_seconds: retry.longest.as_secs(),
            warn_seconds: retry.warn.as_secs(),
            give_up_seconds: retry.give_up.as_secs(),
            messages: limits.messages,
            deliveries: limits.deliveries,
            deliveries_per_domain: limits.per_destination,
            messages_per_connection: limits.per_connection,
            mx_aliases: false,
            address_literals: false,
            verified: BTreeMap::new(),
        }
    }
}

impl Relaying {
    /// What the server is given; nothing when mail for other domains is refused.
    pub(crate) fn relay(&self, config: &Config) -> Result<Option<Relay>, Failure> {
        let mut relay = Relay::new(config.data.join("queue")).port(self.port).retry(self.retry());
        relay = match self.mode {
            Mode::Off => return Ok(None),
            Mode::Mx => relay,
            Mode::Smarthost => relay.smarthost(self.smarthost()?),
        };
        if !self.authorities.as_os_str().is_empty() {
            let authorities = ClientTls::with_roots(&self.authorities);
            relay = relay.roots(authorities.map_err(|error| Failure::at("relay.authorities", error))?);
        }
        let mut limits = gatepost::outbound::Limits::default();
        (limits.messages, limits.deliveries) = (self.messages, self.deliveries);
        (limits.per_destination, limits.per_connection) = (self.deliveries_per_domain, self.messages_per_connection);
        let relay = relay.limits(limits).mx_aliases(self.mx_aliases).address_literals(self.address_literals);
        Ok(Some(relay.policy(self.verified()?)))
    }

    fn retry(&self) -> Retry {
        let mut retry = Retry::default();
        retry.first = Duration::from_secs(self.retry_seconds);
        retry.longest = Duration::from_secs(self.retry_longest_seconds);
        retry.warn = Duration::from_secs(self.warn_seconds);
        retry.give_up = Duration::from_secs(self.give_up_seconds);
        retry
    }

    fn smarthost(&self) -> Result<Smarthost, Failure> {
        let expected = || Failure::at("relay.smarthost", format!("`{}` is not HOST:PORT", self.smarthost));
        let (host, port) = gatepost_examples::host::split(&self.smarthost);
        let port = port.and_then(|port| port.parse().ok()).ok_or_else(expected)?;
        let smarthost = Smarthost::new(host, port, self.smarthost_tls.into());
        if self.smarthost_user.is_empty() {
            return Ok(smarthost);
        }
        if self.smarthost_tls == TlsMode::Opportunistic {
            return Err(Failure::at("relay.smarthost_tls", "a password is told over verified TLS only"));
        }
        let path = &self.smarthost_password;
        let password = std::fs::read_to_string(path)
            .map_err(|error| Failure::at("relay.smarthost_password", format!("{}: {error}", path.display())))?;
        Ok(smarthost.login(&self.smarthost_user, Secret::new(password.trim_end_matches(['\r', '\n']))))
    }

    fn verified(&self) -> Result<Verified, Failure> {
        let parse = |text: &String| {
            Domain::parse(text).map_err(|error| Failure::at("relay.verified", format!("`{text}`: {error}")))
        };
        let row = |(domain, hosts): (&String, &Vec<String>)| {
            Ok((parse(domain)?, hosts.iter().map(parse).collect::<Result<Vec<_>, Failure>>()?))
        };
        Ok(Verified::new(self.verified.iter().map(row).collect::<Result<Vec<_>, Failure>>()?))
    }
}
