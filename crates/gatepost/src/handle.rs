//! A server that runs: where it listens, how it is changed, and how it ends.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::front::Site;
use crate::metrics::Metrics;
use crate::notify::notify;
use crate::outbound::Outbound;
use crate::server::{Error, Server};
use crate::service::Service;
use crate::tls::TlsError;

/// A server that runs. Dropping it ends all sessions at once; [`Handle::stop`] lets them finish.
pub struct Handle {
    pub(crate) addresses: Vec<(Service, SocketAddr)>,
    pub(crate) operators: Option<SocketAddr>,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) accepting: JoinSet<()>,
    /// The listener of operators' programs, which goes on while the server is stopping.
    pub(crate) answering: JoinSet<()>,
    pub(crate) site: Arc<ArcSwap<Site>>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) outbound: Option<Outbound>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("addresses", &self.addresses).finish_non_exhaustive()
    }
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

    /// Where operators' programs are answered.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.operators
    }

    /// What `/metrics` says.
    pub fn metrics(&self) -> String {
        self.metrics.to_text()
    }

    /// Reads the certificate again, for connections to come; when it can not be used all stays as it was.
    pub fn reload_certificate(&self) -> Result<(), TlsError> {
        let site = self.site.load();
        site.tls.reload()?;
        site.tls.warn(&site.shared.hostname, SystemTime::now());
        Ok(())
    }

    /// Takes certificate, users, keys, directory, policy, resolver, relay and all bounds from another server, for sessions and
    /// deliveries to come. Those that have begun go on as they were; listeners, store, spool and the queue's folder stay, and
    /// a server that began without a queue gets none.
    pub fn adopt(&self, server: Server) -> Result<(), Error> {
        let engine = self.outbound.as_ref().map(Outbound::engine);
        let site = server.site_after(&self.site.load().shared, engine)?;
        self.site.store(Arc::new(site));
        Ok(())
    }

    /// Accepts nobody any more and waits for the sessions that are in flight.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true); // an error only says that all have ended
        while self.accepting.join_next().await.is_some() {}
        self.answering.shutdown().await;
    }

    /// Runs until SIGTERM or SIGINT, then stops. SIGHUP calls `reload`. systemd is told of each, if it wants to know.
    pub async fn until_signal(self, mut reload: impl FnMut(&Handle)) -> io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut term, mut int, mut hup) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?);
        notify("READY=1");
        loop {
            tokio::select! {
                _ = term.recv() => break,
                _ = int.recv() => break,
                _ = hup.recv() => reload(&self),
            }
        }
        let _ = self.stop.send(true); // before it is told, so that who hears of it finds `/ready` saying so
        notify("STOPPING=1");
        self.stop().await;
        Ok(())
    }
}
