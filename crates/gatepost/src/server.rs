//! The server: listeners, a task a connection, and an end that loses nothing.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use gatepost_dkim::PrivateKey;
use gatepost_dns::Resolver;
use gatepost_pop3::server::Config as Pop3Config;
use gatepost_sasl::{Authenticator, Policy as SaslPolicy};
use gatepost_syntax::Domain;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::delivery::{Shared, SigningIdentity};
use crate::directory::Directory;
use crate::drive::Pace;
use crate::front::{Front, Site};
use crate::gate::Gate;
use crate::handle::Handle;
use crate::http;
use crate::judge::Judge;
use crate::limits::Limits;
use crate::metrics::{Gauge, Metrics};
use crate::network::Network;
use crate::outbound::{Engine, Outbound, Relay};
use crate::policy::Policy;
use crate::pop::Logins;
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

    /// Starts listening, within a tokio runtime.
    pub async fn start(mut self) -> Result<Handle, Error> {
        let (listen, operators, limits) = (std::mem::take(&mut self.listen), self.operators, self.limits.clone());
        let proxies: Arc<[Network]> = std::mem::take(&mut self.proxies).into();
        let outbound = self.engine()?;
        if let Some(queue) = outbound.clone().map(Outbound::new) {
            let length = move || u32::try_from(queue.len()).map_or(f64::INFINITY, f64::from);
            self = self.gauge("gatepost_queue_messages", "Messages that wait to be sent.", length);
        }
        let metrics = Arc::new(Metrics::new(std::mem::take(&mut self.gauges)));
        let gate = Arc::new(Gate::new(limits.clone()));
        let site =
            Arc::new(ArcSwap::from_pointee(self.site(Arc::clone(&gate), Arc::clone(&metrics), outbound.clone())?));
        let (stop, stopping) = watch::channel(false);
        let pace = Pace::new(&limits, Some((Arc::clone(&gate), Arc::clone(&metrics))));
        let (mut accepting, mut addresses) = (JoinSet::new(), Vec::new());
        for &(service, address) in &listen {
            let failed = |error| Error::Listen { service: service.name(), address: address.to_string(), error };
            let only_v6 = listen.iter().any(|(_, other)| other.is_ipv4() && other.port() == address.port());
            let listener = bind(address, only_v6).map_err(failed)?;
            addresses.push((service, listener.local_addr().map_err(failed)?));
            let front = Front {
                service,
                site: Arc::clone(&site),
                gate: Arc::clone(&gate),
                metrics: Arc::clone(&metrics),
                pace: pace.clone(),
                proxies: Arc::clone(&proxies),
                stopping: stopping.clone(),
            };
            accepting.spawn(front.accept(listener, limits.grace));
        }
        if let Some(engine) = &outbound {
            accepting.spawn(Arc::clone(engine).run(Arc::clone(&site), stopping.clone(), limits.grace));
        }
        let (mut answering, mut answers_at) = (JoinSet::new(), None);
        if let Some(address) = operators {
            let failed = |error| Error::Listen { service: "metrics", address: address.to_string(), error };
            let listener = bind(address, false).map_err(failed)?;
            answers_at = Some(listener.local_addr().map_err(failed)?);
            answering.spawn(http::serve(listener, Arc::clone(&metrics), stopping));
        }
        let outbound = outbound.map(Outbound::new);
        Ok(Handle { addresses, operators: answers_at, stop, accepting, answering, site, metrics, outbound })
    }

    fn engine(&mut self) -> Result<Option<Arc<Engine>>, Error> {
        let (Some(relay), Some(resolver)) = (self.relay.take(), &self.resolver) else {
            return Ok(None);
        };
        Engine::open(relay, self.hostname.clone(), Arc::clone(resolver)).map(|engine| Some(Arc::new(engine)))
    }

    /// What sessions begin with, in place of what another server had: gate, metrics, store, spool and queue are one for all.
    pub(crate) fn site_after(mut self, before: &Shared) -> Result<Site, Error> {
        self.store = Some(Arc::clone(&before.store));
        self.spool.clone_from(&before.spool);
        self.site(Arc::clone(&before.gate), Arc::clone(&before.metrics), before.outbound.clone())
    }

    fn site(&mut self, gate: Arc<Gate>, metrics: Arc<Metrics>, outbound: Option<Arc<Engine>>) -> Result<Site, Error> {
        let resolver = self.resolver.take().ok_or(Error::Missing("a resolver"))?;
        let judge = Judge::new(resolver, self.hostname.as_str()).preset(self.policy.preset());
        let judge = judge.trusted_sealers(std::mem::take(&mut self.sealers));
        let shared = Shared {
            judge: if self.bundles.is_some() { judge.bundles() } else { judge },
            bundles: self.bundles.clone(),
            users: self.users.clone().ok_or(Error::Missing("users"))?,
            store: self.store.clone().ok_or(Error::Missing("a store"))?,
            spool: self.spool.clone(),
            signers: std::mem::take(&mut self.signers),
            directory: std::mem::take(&mut self.directory).domain_of_host(&self.hostname),
            limits: self.limits.clone(),
            hostname: self.hostname.clone(),
            gate,
            metrics,
            outbound,
            sasl: self.sasl.clone(),
            authenticator: self.authenticator.clone(),
            pop3: Pop3Config { stls: true, ..self.pop3.clone() },
            logins: Logins::default(),
        };
        Ok(Site { shared: Arc::new(shared), tls: self.tls.clone().ok_or(Error::Missing("a certificate"))? })
    }

    /// Runs until SIGTERM or SIGINT; SIGHUP reads the certificate again.
    pub fn run(self) -> Result<(), Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Runtime)?;
        runtime.block_on(async {
            let handle = self.start().await?;
            let reload = |handle: &Handle| match handle.reload_certificate() {
                Ok(()) => tracing::info!("the certificate was read again"),
                Err(error) => tracing::error!(%error, "the certificate stays as it was"),
            };
            handle.until_signal(reload).await.map_err(Error::Runtime)
        })
    }
}

/// Connections that the system keeps until they are accepted.
const BACKLOG: i32 = 4096;

/// Listens at an address; `only_v6` where IPv4 has a listener of its own on the port.
fn bind(address: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    socket.set_reuse_address(true)?; // connections of the last run may linger
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
