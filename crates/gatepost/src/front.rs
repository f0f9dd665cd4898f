//! What stands behind a listener: the gate, and a task a connection.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use gatepost_smtp::server::Server as Smtp;
use gatepost_wire::Endpoint;
use gatepost_wire::proxy::{self, ProxyHeader, ProxyLimits};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::delivery::Shared;
use crate::drive::{Broken, Handler, Pace, Stream, drive};
use crate::gate::{Gate, Pass, Place, Refused};
use crate::metrics::{Count, Metrics};
use crate::mx::Mx;
use crate::network::Network;
use crate::pop::Pop;
use crate::random;
use crate::service::Service;
use crate::submission::Submission;
use crate::tls::{Side, Tls};

/// What sessions begin with. Another one can take its place; those that have begun keep theirs.
pub(crate) struct Site {
    pub(crate) shared: Arc<Shared>,
    pub(crate) tls: Tls,
    /// Peers that speak for others.
    pub(crate) proxies: Vec<Network>,
}

/// One listener's work.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) service: Service,
    pub(crate) site: Arc<ArcSwap<Site>>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stopping: watch::Receiver<bool>,
}

/// A peer that was let in. What it takes up is given back when this is dropped.
struct Visit {
    peer: IpAddr,
    _place: Place,
    _pass: Pass,
}

impl Front {
    pub(crate) async fn accept(self, listener: TcpListener) {
        let mut sessions = JoinSet::new();
        let mut stopping = self.stopping.clone();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stopping.changed() => break,
            };
            while sessions.try_join_next().is_some() {} // what is left of a session that has ended is small, but not nothing
            match accepted {
                Ok((tcp, address)) => match self.gate.place() {
                    // boxed: a task is moved ten times until it has its place, and keeps it until it is joined
                    Ok(place) => drop(sessions.spawn(Box::pin(self.clone().meet(tcp, address, place)))),
                    Err(refused) => self.turn_away(&tcp, address.ip(), refused),
                },
                Err(error) => {
                    // out of file descriptors, most likely: wait for some to be closed
                    tracing::error!(service = self.service.name(), %error, "accept; if there are too many open files, raise `ulimit -n`");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(listener);
        let grace = self.site.load().shared.limits.grace;
        let finished = async { while sessions.join_next().await.is_some() {} };
        if timeout(grace, finished).await.is_err() {
            tracing::warn!(service = self.service.name(), left = sessions.len(), "sessions are cut off");
        }
    }

    /// Says that it is too much, where that takes no handshake. Who does not read it at once does not get it.
    fn turn_away(&self, tcp: &TcpStream, peer: IpAddr, refused: Refused) {
        self.metrics.add(Count::Refused, refused.word());
        tracing::warn!(service = self.service.name(), %peer, reason = refused.word(), "a connection is refused");
        let _ = tcp.try_write(self.service.busy());
    }

    /// Learns who it is, and lets him in or not.
    async fn meet(self, mut tcp: TcpStream, address: SocketAddr, place: Place) {
        let peer = match self.peer(&mut tcp, address.ip().to_canonical()).await {
            Ok(peer) => peer,
            Err(error) => {
                self.metrics.add(Count::Broken, "proxy");
                return tracing::warn!(service = self.service.name(), proxy = %address.ip(), %error, "no PROXY header");
            }
        };
        match self.gate.enter(peer) {
            Ok(pass) => self.session(tcp, Visit { peer, _place: place, _pass: pass }).await,
            Err(refused) => self.turn_away(&tcp, peer, refused),
        }
    }

    /// The real peer: a configured proxy must say who it is, and of others such a header is an error of the protocol.
    async fn peer(&self, tcp: &mut TcpStream, address: IpAddr) -> io::Result<IpAddr> {
        let site = self.site.load_full();
        if !site.proxies.iter().any(|network| network.contains(address)) {
            return Ok(address);
        }
        let told = Box::pin(timeout(site.shared.limits.handshake, proxied(tcp))).await??;
        Ok(told.map_or(address, |told| told.ip().to_canonical()))
    }

    async fn session(self, tcp: TcpStream, visit: Visit) {
        let (service, peer, site) = (self.service, visit.peer, self.site.load_full());
        let shared = Arc::clone(&site.shared);
        let Some(nonce) = (if service.has_log_ins() { random::nonce() } else { Some(String::new()) }) else {
            return tracing::error!("the system has no randomness");
        };
        let _open = self.metrics.open(service.name());
        tracing::debug!(service = service.name(), %peer, "session begins");
        let ended = match service {
            Service::Mx => {
                let endpoint = Smtp::new(Arc::clone(&shared.mx), &nonce);
                self.run(tcp, &site, endpoint, Mx::new(shared, peer)).await
            }
            Service::Submission | Service::Submissions => {
                let endpoint = Smtp::new(Arc::clone(&shared.submission), &nonce);
                self.run(tcp, &site, endpoint, Submission::new(shared, peer)).await
            }
            Service::Pop3 | Service::Pop3s => {
                let endpoint = gatepost_pop3::server::Server::new(Arc::clone(&shared.pop3), &nonce);
                self.run(tcp, &site, endpoint, Pop::new(shared, peer)).await
            }
        };
        match ended {
            Ok(()) => tracing::debug!(service = service.name(), %peer, "session ended"),
            Err(error) => {
                self.metrics
                    .add(Count::Broken, if matches!(error, Broken::Handshake(_)) { "tls" } else { "connection" });
                tracing::info!(service = service.name(), %peer, %error, "session broke off");
            }
        }
    }

    async fn run<E>(
        &self,
        tcp: TcpStream,
        site: &Site,
        mut endpoint: E,
        mut handler: impl Handler<E>,
    ) -> Result<(), Broken>
    where
        E: Endpoint + Send + 'static,
        E::Event: Send,
    {
        tcp.set_nodelay(true)?;
        let pace = Pace::new(&site.shared.limits, Some((Arc::clone(&self.gate), Arc::clone(&self.metrics))));
        let (mut stream, side) = (Stream::Plain(tcp), Side::Server(site.tls.clone().alpn(self.service.alpn())));
        if self.service.is_implicit_tls() {
            endpoint.secured(stream.secure(&side, pace.handshake).await?);
        }
        let stopping = self.stopping.clone();
        let ended = drive(&mut stream, &side, &pace, &mut endpoint, &mut handler, stopping).await;
        handler.ended(&endpoint);
        ended
    }
}

/// Reads a PROXY header, and nothing behind it.
async fn proxied(tcp: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let (limits, mut octets) = (ProxyLimits::default(), Vec::new());
    loop {
        match proxy::read(&octets, &limits) {
            ProxyHeader::Complete { peer, .. } => return Ok(peer),
            ProxyHeader::Malformed => return Err(io::Error::other("what came is no PROXY header")),
            ProxyHeader::NeedMore(more) => {
                let begin = octets.len();
                octets.resize(begin + more, 0);
                tcp.read_exact(octets.get_mut(begin..).unwrap_or_default()).await?;
            }
        }
    }
}
