//! One driver for all endpoints: it does what they say.

use std::future::Future;
use std::io;
use std::time::Duration;

use gatepost_wire::{Endpoint, Step, TlsInfo};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::tls::{Side, TlsStream};

/// A connection, in clear or not.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// While a handshake has it.
    Taken,
}

/// How long a peer may take to accept what is written, and to do a handshake.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a session broke off.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Broken {
    /// The connection failed, or whoever answers the endpoint's questions gave up.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// TLS could not be set up.
    #[error("TLS: {0}")]
    Handshake(io::Error),
}

impl From<Broken> for io::Error {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Io(error) | Broken::Handshake(error) => error,
        }
    }
}

impl Stream {
    pub(crate) async fn secure(&mut self, side: &Side) -> Result<TlsInfo, Broken> {
        let Stream::Plain(tcp) = std::mem::replace(self, Stream::Taken) else {
            return Err(Broken::Handshake(io::Error::other("TLS within TLS")));
        };
        let handshake = timeout(PATIENCE, side.handshake(tcp)).await;
        let (stream, info) =
            handshake.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(Broken::Handshake)?;
        *self = Stream::Tls(Box::new(stream));
        Ok(info)
    }

    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(stream) => stream.read(buffer).await,
            Stream::Tls(stream) => stream.read(buffer).await,
            Stream::Taken => Ok(0),
        }
    }

    async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        let written = async {
            match self {
                Stream::Plain(stream) => stream.write_all(octets).await,
                Stream::Tls(stream) => {
                    stream.write_all(octets).await?;
                    stream.flush().await
                }
                Stream::Taken => Err(io::ErrorKind::NotConnected.into()),
            }
        };
        timeout(PATIENCE, written).await?
    }

    async fn close(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(stream) => stream.shutdown().await,
            Stream::Tls(stream) => stream.shutdown().await,
            Stream::Taken => Ok(()),
        }
    }
}

/// Decides an endpoint's questions. A closure that does not wait is one, too.
pub trait Handler<E: Endpoint>: Send {
    /// Answers an event by a method of the endpoint; an error breaks the session off.
    fn on(&mut self, endpoint: &mut E, event: E::Event) -> impl Future<Output = io::Result<()>> + Send;
}

impl<E: Endpoint, F: FnMut(&mut E, E::Event) -> io::Result<()> + Send> Handler<E> for F {
    fn on(&mut self, endpoint: &mut E, event: E::Event) -> impl Future<Output = io::Result<()>> + Send {
        std::future::ready(self(endpoint, event))
    }
}

/// How long a peer may be silent once we are stopping.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Runs a session to its end. When we are stopping, a peer that goes on sending is heard to the end of what it
/// does, and one that is silent is told that time is over.
pub(crate) async fn drive<E>(
    stream: &mut Stream,
    side: &Side,
    endpoint: &mut E,
    handler: &mut impl Handler<E>,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), Broken>
where
    E: Endpoint + Send,
    E::Event: Send,
{
    let mut buffer = vec![0; 16 << 10];
    loop {
        match endpoint.poll() {
            Step::Write(octets) => stream.write(&octets).await?,
            Step::Read(patience) => {
                let stop = *stopping.borrow();
                let patience = if stop { patience.min(LAST_WORDS) } else { patience };
                let read = tokio::select! {
                    read = timeout(patience, stream.read(&mut buffer)) => read,
                    _ = stopping.changed(), if !stop => continue,
                };
                match read {
                    Ok(Ok(0)) => endpoint.closed(),
                    Ok(Ok(length)) => endpoint.feed(buffer.get(..length).unwrap_or_default()),
                    Ok(Err(error)) => return Err(error.into()), // a TLS stream that ends without close_notify, too
                    Err(_) => endpoint.timed_out(),
                }
            }
            Step::StartTls => endpoint.secured(stream.secure(side).await?),
            Step::Event(event) => handler.on(endpoint, event).await?,
            Step::Close => return Ok(stream.close().await?),
        }
    }
}
