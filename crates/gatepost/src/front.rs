//! What stands behind a listener: the gate, and a task a connection.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gatepost_smtp::server::{Config as SmtpConfig, Profile, Server as Smtp};
use gatepost_wire::Endpoint;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::delivery::Shared;
use crate::drive::{Broken, Handler, Stream, drive};
use crate::mx::Mx;
use crate::pop::Pop;
use crate::random;
use crate::server::{Limits, Service};
use crate::submission::Submission;
use crate::tls::{Side, Tls};

/// Lets in as many as the limits say.
pub(crate) struct Gate {
    all: Arc<Semaphore>,
    peers: Mutex<HashMap<IpAddr, usize>>,
    per_peer: usize,
}

impl Gate {
    pub(crate) fn new(limits: &Limits) -> Self {
        Gate { all: Arc::new(Semaphore::new(limits.connections)), peers: Mutex::default(), per_peer: limits.per_peer }
    }

    fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Pass> {
        let permit = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let count = peers.entry(peer).or_default();
        if *count >= self.per_peer {
            return None;
        }
        *count += 1;
        Some(Pass { gate: Arc::clone(self), peer, _permit: permit })
    }
}

struct Pass {
    gate: Arc<Gate>,
    peer: IpAddr,
    _permit: tokio::sync::OwnedSemaphorePermit,
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut peers = self.gate.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = peers.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                peers.remove(&self.peer);
            }
        }
    }
}

/// One listener's work.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) service: Service,
    pub(crate) shared: Arc<Shared>,
    pub(crate) tls: Tls,
    pub(crate) gate: Arc<Gate>,
    pub(crate) stopping: watch::Receiver<bool>,
}

impl Front {
    pub(crate) async fn accept(self, listener: TcpListener, grace: Duration) {
        let mut sessions = JoinSet::new();
        let mut stopping = self.stopping.clone();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stopping.changed() => break,
            };
            match accepted {
                Ok((tcp, peer)) => match self.gate.enter(peer.ip()) {
                    Some(pass) => drop(sessions.spawn(self.clone().session(tcp, peer.ip().to_canonical(), pass))),
                    None => {
                        tracing::warn!(service = self.service.name(), peer = %peer.ip(), "too many connections")
                    }
                },
                Err(error) => {
                    // out of file descriptors, most likely: wait for some to be closed
                    tracing::error!(service = self.service.name(), %error, "accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            while sessions.try_join_next().is_some() {}
        }
        drop(listener);
        let finished = async { while sessions.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, finished).await.is_err() {
            tracing::warn!(service = self.service.name(), left = sessions.len(), "sessions are cut off");
        }
    }

    async fn session(self, tcp: TcpStream, peer: IpAddr, _pass: Pass) {
        let (service, shared) = (self.service, Arc::clone(&self.shared));
        let Some(nonce) = random::nonce() else {
            return tracing::error!("the system has no randomness");
        };
        let ended = match service {
            Service::Mx => self.run(tcp, self.smtp(Profile::Mx, &nonce), Mx::new(shared, peer)).await,
            Service::Submission | Service::Submissions => {
                self.run(tcp, self.smtp(Profile::Submission, &nonce), Submission::new(shared, peer)).await
            }
            Service::Pop3 | Service::Pop3s => {
                let config = gatepost_pop3::server::Config { stls: true, ..Default::default() };
                self.run(tcp, gatepost_pop3::server::Server::new(config, &nonce), Pop::new(shared)).await
            }
        };
        match ended {
            Ok(()) => tracing::debug!(service = service.name(), %peer, "session ended"),
            Err(error) => tracing::info!(service = service.name(), %peer, %error, "session broke off"),
        }
    }

    fn smtp(&self, profile: Profile, nonce: &str) -> Smtp {
        let mut config = SmtpConfig::new(self.shared.hostname.clone(), profile);
        config.limits.message = self.shared.message_limit;
        Smtp::new(config, nonce)
    }

    async fn run<E>(&self, tcp: TcpStream, mut endpoint: E, mut handler: impl Handler<E>) -> Result<(), Broken>
    where
        E: Endpoint + Send,
        E::Event: Send,
    {
        tcp.set_nodelay(true)?;
        let (mut stream, side) = (Stream::Plain(tcp), Side::Server(self.tls.clone().alpn(self.service.alpn())));
        if self.service.is_implicit_tls() {
            endpoint.secured(stream.secure(&side).await?);
        }
        drive(&mut stream, &side, &mut endpoint, &mut handler, self.stopping.clone()).await
    }
}
