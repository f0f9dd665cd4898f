//! Mail for other domains: queued durably, relayed through the MX or a smarthost, tried again, and reported on.

mod bounce;
mod deliver;
mod dispatch;
mod index;
mod kept;
mod live;
mod policy;
mod retry;
mod route;
mod session;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use gatepost_dns::Resolver;
use gatepost_sasl::Secret;
use gatepost_smtp::mx;
use gatepost_syntax::Domain;

pub(crate) use dispatch::Engine;
pub use dispatch::Outbound;
pub use policy::{NextHopPolicy, Opportunistic, Promise, Promised, Verified};
pub use retry::Retry;

use crate::client::{self, ClientTls};
use crate::tls::TlsError;
use session::Login;

/// Bounds of what is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Messages in the queue (default 10,000); beyond, submitters are told to come back later.
    pub messages: usize,
    /// Octets of all messages in the queue (default 10 GiB).
    pub octets: u64,
    /// Deliveries at a time (default 50).
    pub deliveries: usize,
    /// Deliveries to one domain at a time (default 5).
    pub per_destination: usize,
    /// Messages over one connection, while more for its destination wait (default 100); 1 is a connection for each.
    pub per_connection: usize,
    /// Recipients of one transaction (default 100; RFC 5321 §4.5.3.1.8 lets every server take as many).
    pub recipients: usize,
    /// How long one attempt may take with all its hosts (default 1 hour).
    pub attempt: Duration,
    /// Hosts of a domain.
    pub mx: mx::Limits,
    /// Connecting.
    pub connect: client::Limits,
    /// The session.
    pub session: gatepost_smtp::client::Limits,
    /// Reports to senders.
    pub report: gatepost_smtp::report::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            messages: 10_000,
            octets: 10 << 30,
            deliveries: 50,
            per_destination: 5,
            per_connection: 100,
            recipients: 100,
            attempt: Duration::from_secs(3600),
            mx: mx::Limits::default(),
            connect: client::Limits::default(),
            session: gatepost_smtp::client::Limits::default(),
            report: gatepost_smtp::report::Limits::default(),
        }
    }
}

/// How the smarthost is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SmarthostTls {
    /// TLS from the first octet (RFC 8314 §3).
    Implicit,
    /// STARTTLS, and nothing without it.
    #[default]
    Required,
    /// STARTTLS where it is offered, with any certificate: only for a machine beside this one. No password is told.
    Opportunistic,
}

/// A server that takes all mail.
#[derive(Clone, Debug)]
pub struct Smarthost {
    host: String,
    port: u16,
    tls: SmarthostTls,
    login: Option<Login>,
}

impl Smarthost {
    /// A host by the name that its certificate has.
    pub fn new(host: &str, port: u16, tls: SmarthostTls) -> Self {
        Smarthost { host: host.to_owned(), port, tls, login: None }
    }

    /// Logs in, which is done over verified TLS only.
    #[must_use]
    pub fn login(mut self, user: &str, password: Secret) -> Self {
        self.login = Some(Login { user: user.to_owned(), password });
        self
    }
}

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// How mail for other domains is sent.
pub struct Relay {
    folder: PathBuf,
    smarthost: Option<Smarthost>,
    retry: Retry,
    limits: Limits,
    policy: Arc<dyn NextHopPolicy>,
    verified: Option<ClientTls>,
    port: u16,
    mx_aliases: bool,
    address_literals: bool,
    clock: Clock,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("folder", &self.folder)
            .field("smarthost", &self.smarthost)
            .finish_non_exhaustive()
    }
}

impl Relay {
    /// Through the MX of each domain, from a queue in this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Relay {
            folder: folder.into(),
            smarthost: None,
            retry: Retry::default(),
            limits: Limits::default(),
            policy: Arc::new(Opportunistic),
            verified: None,
            port: 25,
            mx_aliases: false,
            address_literals: false,
            clock: Arc::new(SystemTime::now),
        }
    }

    /// Through one server instead.
    #[must_use]
    pub fn smarthost(mut self, smarthost: Smarthost) -> Self {
        self.smarthost = Some(smarthost);
        self
    }

    /// Other times of trying again.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Other bounds.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What next hops promise; nothing, by default.
    #[must_use]
    pub fn policy(mut self, policy: impl NextHopPolicy + 'static) -> Self {
        self.policy = Arc::new(policy);
        self
    }

    /// Whom to believe where certificates are verified; the system's authorities, by default.
    #[must_use]
    pub fn roots(mut self, tls: ClientTls) -> Self {
        self.verified = Some(tls);
        self
    }

    /// Another port than 25, for a test network.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Whether an MX may be an alias, which RFC 2181 §10.3 forbids and some domains have all the same.
    #[must_use]
    pub fn mx_aliases(mut self, allowed: bool) -> Self {
        self.mx_aliases = allowed;
        self
    }

    /// Whether mail is sent to `user@[192.0.2.1]`: to a host that no domain's policy names.
    #[must_use]
    pub fn address_literals(mut self, allowed: bool) -> Self {
        self.address_literals = allowed;
        self
    }

    /// Another clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }
}

/// What a delivery needs.
pub(crate) struct Sender {
    relay: Relay,
    hostname: Domain,
    dns: Arc<dyn Resolver>,
    anybody: ClientTls,
    /// `None` where the system has no authorities: verified hops wait then.
    verified: Option<ClientTls>,
    /// Connections between two messages.
    kept: kept::Pool,
}

impl Sender {
    fn new(mut relay: Relay, hostname: Domain, dns: Arc<dyn Resolver>) -> Result<Self, TlsError> {
        let anybody = ClientTls::opportunistic()?;
        let system = || {
            let system = ClientTls::system();
            system.inspect_err(|error| tracing::warn!(%error, "no certificate can be verified")).ok()
        };
        let verified = relay.verified.take().or_else(system);
        Ok(Sender { relay, hostname, dns, anybody, verified, kept: kept::Pool::default() })
    }

    fn is_smarthost(&self) -> bool {
        self.relay.smarthost.is_some()
    }

    fn now(&self) -> SystemTime {
        (self.relay.clock)()
    }
}
