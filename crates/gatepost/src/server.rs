//! The server: listeners, a task a connection, and an end that loses nothing.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gatepost_dkim::PrivateKey;
use gatepost_dns::Resolver;
use gatepost_syntax::Domain;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::delivery::{Shared, SigningIdentity};
use crate::front::{Front, Gate};
use crate::judge::Judge;
use crate::outbound::{Engine, Outbound, Relay};
use crate::policy::Policy;
use crate::store::MailStore;
use crate::tls::Tls;
use crate::users::Users;

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Mail from other servers, STARTTLS offered (port 25).
    Mx,
    /// Mail from users after STARTTLS and AUTH (port 587).
    Submission,
    /// The same over implicit TLS (port 465, RFC 8314 §3.3).
    Submissions,
    /// POP3 with STLS (port 110).
    Pop3,
    /// POP3 over implicit TLS (port 995).
    Pop3s,
}

impl Service {
    /// A short name for logs.
    pub fn name(self) -> &'static str {
        match self {
            Service::Mx => "mx",
            Service::Submission => "submission",
            Service::Submissions => "submissions",
            Service::Pop3 => "pop3",
            Service::Pop3s => "pop3s",
        }
    }

    /// SMTP has no name in that registry.
    pub(crate) fn alpn(self) -> Option<&'static str> {
        (self == Service::Pop3s).then_some("pop3")
    }

    pub(crate) fn is_implicit_tls(self) -> bool {
        matches!(self, Service::Submissions | Service::Pop3s)
    }
}

/// Bounds of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at a time (default 1000).
    pub connections: usize,
    /// Connections of one address at a time (default 50).
    pub per_peer: usize,
    /// Octets of a message (default 50 MiB).
    pub message: u64,
    /// How long sessions may go on after the server was told to stop (default 10 s).
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { connections: 1000, per_peer: 50, message: 50 << 20, grace: Duration::from_secs(10) }
    }
}

/// Why a server can not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Something that a server needs was not given.
    #[error("the server needs {0}")]
    Missing(&'static str),
    /// An address can not be listened on.
    #[error("{service} on {address}: {error}")]
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

/// A mail server to be.
///
/// See the crate's page for an example.
pub struct Server {
    hostname: Domain,
    resolver: Option<Arc<dyn Resolver>>,
    tls: Option<Tls>,
    users: Option<Users>,
    store: Option<Arc<dyn MailStore>>,
    spool: PathBuf,
    policy: Policy,
    sealers: Vec<Domain>,
    bundles: Option<PathBuf>,
    signer: Option<SigningIdentity>,
    relay: Option<Relay>,
    limits: Limits,
    listen: Vec<(Service, SocketAddr)>,
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
            store: None,
            spool: std::env::temp_dir(),
            policy: Policy::default(),
            sealers: Vec::new(),
            bundles: None,
            signer: None,
            relay: None,
            limits: Limits::default(),
            listen: Vec::new(),
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

    /// Signs mail of users in this domain.
    #[must_use]
    pub fn sign(mut self, domain: Domain, selector: Domain, key: PrivateKey) -> Self {
        self.signer = Some(SigningIdentity { domain, selector, key });
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
    pub async fn start(self) -> Result<Handle, Error> {
        let hostname = self.hostname;
        let resolver = self.resolver.ok_or(Error::Missing("a resolver"))?;
        let judge = Judge::new(Arc::clone(&resolver), hostname.as_str());
        let engine = self.relay.map(|relay| Engine::open(relay, hostname.clone(), resolver)).transpose()?;
        let judge = judge.preset(self.policy.preset()).trusted_sealers(self.sealers);
        let shared = Arc::new(Shared {
            judge: if self.bundles.is_some() { judge.bundles() } else { judge },
            bundles: self.bundles,
            users: self.users.ok_or(Error::Missing("users"))?,
            store: self.store.ok_or(Error::Missing("a store"))?,
            spool: self.spool,
            signer: self.signer,
            message_limit: self.limits.message,
            outbound: engine.map(Arc::new),
            hostname,
        });
        let tls = self.tls.ok_or(Error::Missing("a certificate"))?;
        let (stop, stopping) = watch::channel(false);
        let gate = Arc::new(Gate::new(&self.limits));
        let (mut accepting, mut addresses) = (JoinSet::new(), Vec::new());
        for (service, address) in self.listen {
            let failed = |error| Error::Listen { service: service.name(), address: address.to_string(), error };
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            addresses.push((service, listener.local_addr().map_err(failed)?));
            let front = Front {
                service,
                shared: Arc::clone(&shared),
                tls: tls.clone(),
                gate: Arc::clone(&gate),
                stopping: stopping.clone(),
            };
            accepting.spawn(front.accept(listener, self.limits.grace));
        }
        if let Some(engine) = &shared.outbound {
            accepting.spawn(Arc::clone(engine).run(Arc::clone(&shared), stopping, self.limits.grace));
        }
        let outbound = shared.outbound.clone().map(Outbound::new);
        Ok(Handle { addresses, stop, accepting, tls, outbound })
    }

    /// Runs until SIGTERM or SIGINT; SIGHUP reads the certificate again.
    pub fn run(self) -> Result<(), Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Runtime)?;
        runtime.block_on(async {
            let handle = self.start().await?;
            handle.until_signal(|| ()).await.map_err(Error::Runtime)
        })
    }
}

/// A server that runs. Dropping it ends all sessions at once; [`Handle::stop`] lets them finish.
#[derive(Debug)]
pub struct Handle {
    addresses: Vec<(Service, SocketAddr)>,
    stop: watch::Sender<bool>,
    accepting: JoinSet<()>,
    tls: Tls,
    outbound: Option<Outbound>,
}

impl Handle {
    /// The queue, where mail for other domains is taken.
    pub fn outbound(&self) -> Option<&Outbound> {
        self.outbound.as_ref()
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[(Service, SocketAddr)] {
        &self.addresses
    }

    /// The first address of a service.
    pub fn address(&self, service: Service) -> Option<SocketAddr> {
        self.addresses.iter().find(|(other, _)| *other == service).map(|(_, address)| *address)
    }

    /// Accepts nobody any more and waits for the sessions that are in flight.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true); // an error only says that all have ended
        while self.accepting.join_next().await.is_some() {}
    }

    /// Runs until SIGTERM or SIGINT, then stops. SIGHUP reads the certificate again and calls `reload`.
    pub async fn until_signal(self, reload: impl Fn()) -> io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut term, mut int, mut hup) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?);
        loop {
            tokio::select! {
                _ = term.recv() => break,
                _ = int.recv() => break,
                _ = hup.recv() => {
                    if let Err(error) = self.tls.reload() {
                        tracing::error!(%error, "the certificate stays as it was");
                    }
                    reload();
                }
            }
        }
        self.stop().await;
        Ok(())
    }
}
