//! The server to be: what it is given. `start.rs` makes it run.

mod start;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;

use gatepost_dkim::PrivateKey;
use gatepost_dns::Resolver;
use gatepost_pop3::server::Config as Pop3Config;
use gatepost_sasl::{Authenticator, Policy as SaslPolicy};
use gatepost_syntax::Domain;
use thiserror::Error;

use crate::delivery::SigningIdentity;
use crate::directory::Directory;
use crate::limits::Limits;
use crate::metrics::Gauge;
use crate::network::Network;
use crate::outbound::Relay;
use crate::policy::Policy;
use crate::service::Service;
use crate::store::MailStore;
use crate::tls::Tls;
use crate::users::Users;

/// Why a server can not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Something that a server needs was not given.
    #[error("the server needs {0}")]
    Missing(&'static str),
    /// An address can not be listened on.
    #[error("{service} on {address}: {error}{}", listen_hint(error))]
    Listen {
        /// For which service.
        service: &'static str,
        /// Which address.
        address: String,
        /// Why.
        error: io::Error,
    },
    /// The queue can not be used.
    #[error("the queue {folder}: {error}")]
    Queue {
        /// Where it should be.
        folder: String,
        /// Why.
        error: io::Error,
    },
    /// The runtime can not be made.
    #[error("the runtime: {0}")]
    Runtime(io::Error),
}

fn listen_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; another program listens there, or this one runs twice: choose another port",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need CAP_NET_BIND_SERVICE",
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        _ => "",
    }
}

/// A mail server to be.
///
/// See the crate's page for an example.
pub struct Server {
    hostname: Domain,
    resolver: Option<Arc<dyn Resolver>>,
    tls: Option<Tls>,
    users: Option<Users>,
    authenticator: Option<Arc<dyn Authenticator>>,
    sasl: SaslPolicy,
    store: Option<Arc<dyn MailStore>>,
    spool: PathBuf,
    policy: Policy,
    pop3: Pop3Config,
    sealers: Vec<Domain>,
    bundles: Option<PathBuf>,
    signers: Vec<Arc<SigningIdentity>>,
    directory: Directory,
    relay: Option<Relay>,
    limits: Limits,
    listen: Vec<(Service, SocketAddr)>,
    operators: Option<SocketAddr>,
    proxies: Vec<Network>,
    gauges: Vec<Gauge>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("hostname", &self.hostname).field("listen", &self.listen).finish_non_exhaustive()
    }
}

impl Server {
    /// A server of this name, which is its authserv-id, too.
    pub fn new(hostname: Domain) -> Self {
        Server {
            hostname,
            resolver: None,
            tls: None,
            users: None,
            authenticator: None,
            sasl: SaslPolicy::default(),
            store: None,
            spool: std::env::temp_dir(),
            policy: Policy::default(),
            pop3: Pop3Config::default(),
            sealers: Vec::new(),
            bundles: None,
            signers: Vec::new(),
            directory: Directory::default(),
            relay: None,
            limits: Limits::default(),
            listen: Vec::new(),
            operators: None,
            proxies: Vec::new(),
            gauges: Vec::new(),
        }
    }

    /// Whom it asks for DNS data.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolver + 'static) -> Self {
        self.resolver = Some(Arc::new(resolver));
        self
    }

    /// Its certificate.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Who may log in; their names are the mailboxes that it delivers to.
    #[must_use]
    pub fn users(mut self, users: Users) -> Self {
        self.users = Some(users);
        self
    }

    /// Who is asked in the place of the users' file who may log in: a directory, or whoever knows access tokens.
    #[must_use]
    pub fn authenticator(mut self, authenticator: impl Authenticator + 'static) -> Self {
        self.authenticator = Some(Arc::new(authenticator));
        self
    }

    /// By which mechanisms users may log in.
    #[must_use]
    pub fn sasl(mut self, policy: SaslPolicy) -> Self {
        self.pop3.sasl = policy.clone();
        self.sasl = policy;
        self
    }

    /// Where it keeps mail.
    #[must_use]
    pub fn store(mut self, store: impl MailStore + 'static) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Where large messages wait while they arrive; the system's folder for temporary files by default.
    #[must_use]
    pub fn spool(mut self, folder: impl Into<PathBuf>) -> Self {
        self.spool = folder.into();
        self
    }

    /// What it does with mail that fails DMARC.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// How POP3 behaves: LOGIN-DELAY, EXPIRE, whether passwords may come in clear. STLS is offered in any case.
    #[must_use]
    pub fn pop3_config(mut self, config: Pop3Config) -> Self {
        self.pop3 = config;
        self
    }

    /// Whose ARC seals may keep that policy from being applied, such as those of mailing lists; nobody's by default.
    #[must_use]
    pub fn trusted_sealers(mut self, sealers: Vec<Domain>) -> Self {
        self.sealers = sealers;
        self
    }

    /// Keeps every message that comes and all that its judgement depends on in this folder, to be replayed.
    #[must_use]
    pub fn bundles(mut self, folder: impl Into<PathBuf>) -> Self {
        self.bundles = Some(folder.into());
        self
    }

    /// Signs mail of authors in this domain and below, unless there is a key for a domain that is nearer. Of one domain
    /// all keys sign: an RSA key beside an Ed25519 key serves verifiers that know only one of them (RFC 8463 §5).
    #[must_use]
    pub fn sign(mut self, domain: Domain, selector: Domain, key: PrivateKey) -> Self {
        self.signers.push(Arc::new(SigningIdentity { domain, selector, key }));
        self
    }

    /// Local domains, aliases, catch-alls and sub-addresses; by default only the users' own addresses get mail.
    #[must_use]
    pub fn directory(mut self, directory: Directory) -> Self {
        self.directory = directory;
        self
    }

    /// Peers in these networks are proxies: their connections must begin with a PROXY header, versions 1 or 2, which tells
    /// the real peer. Without it SPF would judge the proxy.
    #[must_use]
    pub fn proxies(mut self, networks: impl IntoIterator<Item = Network>) -> Self {
        self.proxies.extend(networks);
        self
    }

    /// Answers operators' programs here by HTTP: `/metrics` for Prometheus, `/health` and `/ready`. Nothing there is
    /// secret, but it is nobody else's business: choose a loopback address.
    #[must_use]
    pub fn metrics(mut self, address: SocketAddr) -> Self {
        self.operators = Some(address);
        self
    }

    /// One more gauge among the metrics.
    #[must_use]
    pub fn gauge(
        mut self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Self {
        self.gauges.push(Gauge { name, help, read: Box::new(read) });
        self
    }

    /// Takes mail for other domains from users, and sends it. Without this it is refused.
    #[must_use]
    pub fn relay(mut self, relay: Relay) -> Self {
        self.relay = Some(relay);
        self
    }

    /// Other bounds.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Serves other servers at this address.
    pub fn smtp(self, address: impl ToSocketAddrs + std::fmt::Display) -> Result<Self, Error> {
        self.listen(Service::Mx, address)
    }

    /// Serves users who submit mail over implicit TLS at this address.
    pub fn submission(self, address: impl ToSocketAddrs + std::fmt::Display) -> Result<Self, Error> {
        self.listen(Service::Submissions, address)
    }

    /// Serves users who fetch mail over implicit TLS at this address.
    pub fn pop3(self, address: impl ToSocketAddrs + std::fmt::Display) -> Result<Self, Error> {
        self.listen(Service::Pop3s, address)
    }

    /// Serves any service at an address.
    pub fn listen(mut self, service: Service, address: impl ToSocketAddrs + std::fmt::Display) -> Result<Self, Error> {
        let failed = |error| Error::Listen { service: service.name(), address: address.to_string(), error };
        for address in address.to_socket_addrs().map_err(failed)? {
            self.listen.push((service, address));
        }
        Ok(self)
    }
}
