#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod message;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gatepost_dns::{Answer, CacheLimits, Cached, Lookup, LookupError, Question, Resolver};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{ResolverBuilder, TokioResolver};
use thiserror::Error;

/// Asks DNS servers over the network, within a tokio runtime, and keeps answers for their TTL.
pub struct SystemResolver {
    inner: Cached<Network>,
}

impl std::fmt::Debug for SystemResolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SystemResolver").finish_non_exhaustive()
    }
}

/// Why there is no resolver.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The system's configuration names no servers that can be used.
    #[error("the system's DNS configuration can not be used: {reason}")]
    System {
        /// What is wrong with it.
        reason: String,
    },
}

/// How servers are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// How long to wait for one answer (default 5 s).
    pub timeout: Duration,
    /// How often to ask again (default once).
    pub attempts: usize,
    /// Bounds of the cache.
    pub cache: CacheLimits,
}

impl Default for Options {
    fn default() -> Self {
        Options { timeout: Duration::from_secs(5), attempts: 1, cache: CacheLimits::default() }
    }
}

impl SystemResolver {
    /// Asks the servers of the system's configuration (`/etc/resolv.conf`).
    pub fn from_system() -> Result<Self, ConfigError> {
        let builder = TokioResolver::builder_tokio().map_err(system)?;
        Self::build(builder, Options::default())
    }

    /// Asks one server: by UDP, and by TCP where an answer was truncated.
    pub fn at(server: SocketAddr) -> Result<Self, ConfigError> {
        Self::with_options(server, Options::default())
    }

    /// Asks one server, with other options.
    pub fn with_options(server: SocketAddr, options: Options) -> Result<Self, ConfigError> {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
            connection.port = server.port();
            connection
        });
        let server = NameServerConfig::new(server.ip(), true, connections.to_vec());
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        Self::build(TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()), options)
    }

    fn build(mut builder: ResolverBuilder<TokioRuntimeProvider>, options: Options) -> Result<Self, ConfigError> {
        set(builder.options_mut(), &options);
        let hickory = builder.build().map_err(system)?;
        let began = Instant::now();
        let clock = Box::new(move || began.elapsed());
        Ok(SystemResolver { inner: Cached::new(Network { hickory }, options.cache, clock) })
    }
}

fn system(error: impl std::fmt::Display) -> ConfigError {
    ConfigError::System { reason: error.to_string() }
}

fn set(opts: &mut ResolverOpts, options: &Options) {
    opts.timeout = options.timeout;
    opts.attempts = options.attempts;
    opts.use_hosts_file = ResolveHosts::Never; // /etc/hosts is no DNS: it must not answer SPF
    opts.cache_size = 0; // the cache is ours, with the TTLs of the answers
    opts.edns0 = true; // or each answer beyond 512 octets, such as one with a DKIM key, is asked for again by TCP
    opts.ndots = 0; // with fully qualified names: no search list
}

impl Resolver for SystemResolver {
    fn lookup<'a>(&'a self, question: &'a Question) -> Lookup<'a> {
        self.inner.lookup(question)
    }
}

/// The resolver without its cache.
struct Network {
    hickory: TokioResolver,
}

impl Network {
    async fn ask(&self, question: &Question) -> Result<Answer, LookupError> {
        let name = message::name(&question.name).ok_or(LookupError::Malformed)?;
        match self.hickory.lookup(name, message::record_type(question.kind)?).await {
            Ok(found) => message::answer(found.answers(), question.kind),
            Err(error) => message::nothing(&error),
        }
    }
}

impl Resolver for Network {
    fn lookup<'a>(&'a self, question: &'a Question) -> Lookup<'a> {
        Lookup::new(self.ask(question))
    }
}
