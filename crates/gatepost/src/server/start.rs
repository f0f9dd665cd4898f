//! The start: listeners, a task a connection, and an end that loses nothing.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use gatepost_pop3::server::Config as Pop3Config;
use gatepost_smtp::server::{Config as SmtpConfig, Profile};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Error, Server};
use crate::delivery::Shared;
use crate::front::{Front, Site};
use crate::gate::Gate;
use crate::handle::Handle;
use crate::http;
use crate::judge::Judge;
use crate::metrics::Metrics;
use crate::outbound::{Engine, Outbound};
use crate::pop::Logins;

impl Server {
    /// Starts listening, within a tokio runtime. The process may open as many files from here on as the system lets it.
    pub async fn start(mut self) -> Result<Handle, Error> {
        raise_open_files(self.limits.connections);
        let (listen, operators) = (std::mem::take(&mut self.listen), self.operators);
        let outbound = self.engine()?;
        if let Some(queue) = outbound.clone().map(Outbound::new) {
            let length = move || u32::try_from(queue.len()).map_or(f64::INFINITY, f64::from);
            self = self.gauge("gatepost_queue_messages", "Messages that wait to be sent.", length);
        }
        let metrics = Arc::new(Metrics::new(std::mem::take(&mut self.gauges)));
        let gate = Arc::new(Gate::new(self.limits.clone()));
        let site = self.site(Arc::clone(&gate), Arc::clone(&metrics), outbound.clone())?;
        let site = Arc::new(ArcSwap::from_pointee(site));
        let (stop, stopping) = watch::channel(false);
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
                stopping: stopping.clone(),
            };
            accepting.spawn(front.accept(listener));
        }
        if let Some(engine) = &outbound {
            accepting.spawn(Arc::clone(engine).run(Arc::clone(&site), stopping.clone()));
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

    /// What sessions begin with, in place of what another server had: metrics, store and spool stay; the gate and the queue
    /// stay with what they hold, and take the new bounds and the new way. Where mail for other domains is not taken any
    /// more, what is queued goes on as before.
    pub(crate) fn site_after(mut self, before: &Shared, engine: Option<Arc<Engine>>) -> Result<Site, Error> {
        self.store = Some(Arc::clone(&before.store));
        self.spool.clone_from(&before.spool);
        let (relay, resolver) = (self.relay.take(), self.resolver.clone());
        let (limits, hostname) = (self.limits.clone(), self.hostname.clone());
        let outbound = engine.filter(|_| relay.is_some());
        let site = self.site(Arc::clone(&before.gate), Arc::clone(&before.metrics), outbound.clone())?;
        if let (Some(engine), Some(relay), Some(resolver)) = (outbound, relay, resolver) {
            engine.adopt(relay, hostname, resolver)?;
        }
        raise_open_files(limits.connections);
        before.gate.adopt(limits);
        Ok(site)
    }

    fn site(&mut self, gate: Arc<Gate>, metrics: Arc<Metrics>, outbound: Option<Arc<Engine>>) -> Result<Site, Error> {
        let resolver = self.resolver.take().ok_or(Error::Missing("a resolver"))?;
        let tls = self.tls.clone().ok_or(Error::Missing("a certificate"))?;
        tls.warn(&self.hostname, SystemTime::now());
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
            mx: Arc::new(self.smtp_config(Profile::Mx, false)),
            submission: Arc::new(self.smtp_config(Profile::Submission, outbound.is_some())),
            outbound,
            authenticator: self.authenticator.clone(),
            pop3: Arc::new(Pop3Config { stls: true, ..self.pop3.clone() }),
            logins: Logins::default(),
        };
        Ok(Site { shared: Arc::new(shared), tls, proxies: std::mem::take(&mut self.proxies) })
    }

    fn smtp_config(&self, profile: Profile, dsn: bool) -> SmtpConfig {
        let mut config = SmtpConfig::new(self.hostname.clone(), profile);
        config.limits.message = self.limits.message;
        config.extensions.dsn = dsn;
        config.sasl = self.sasl.clone();
        config
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

/// Files that are open beside a connection's own: its message on the way, locks, logs, deliveries.
const BESIDE: usize = 256;

/// Many systems let a process open 1,024 files until it asks for what it may have.
fn raise_open_files(connections: usize) {
    let mut files = getrlimit(Resource::Nofile);
    if files.current != files.maximum {
        files.current = files.maximum;
        let _ = setrlimit(Resource::Nofile, files); // what holds is looked at below
        files = getrlimit(Resource::Nofile);
    }
    let (wanted, may) = (connections.saturating_add(BESIDE), files.current);
    if may.is_some_and(|may| usize::try_from(may).is_ok_and(|may| may < wanted)) {
        tracing::warn!(
            connections,
            may,
            "too few files may be open for so many connections: raise `ulimit -n` or LimitNOFILE="
        );
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
