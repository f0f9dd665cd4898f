//! One driver for all endpoints: it does what they say.

use std::future::Future;
use std::io;
use std::time::Duration;

use gatepost_wire::{Endpoint, Step, TlsInfo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::tls::{Tls, TlsStream};

/// A connection, in clear or not.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// While a handshake has it.
    Taken,
}

/// How long a peer may take to accept what is written, and to do a handshake.
const PATIENCE: Duration = Duration::from_secs(60);

impl Stream {
    pub(crate) async fn secure(&mut self, tls: &Tls) -> io::Result<TlsInfo> {
        let Stream::Plain(tcp) = std::mem::replace(self, Stream::Taken) else {
            return Err(io::Error::other("TLS within TLS"));
        };
        let (stream, info) = timeout(PATIENCE, tls.accept(tcp)).await??;
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

/// Decides an endpoint's questions.
pub(crate) trait Handler<E: Endpoint>: Send {
    fn on(&mut self, endpoint: &mut E, event: E::Event) -> impl Future<Output = io::Result<()>> + Send;
}

/// How long a peer may be silent once the server is stopping.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Runs a session to its end. When the server is stopping, a peer that goes on sending is heard to the end of what it
/// does, and one that is silent is told that time is over.
pub(crate) async fn drive<E>(
    stream: &mut Stream,
    tls: &Tls,
    endpoint: &mut E,
    handler: &mut impl Handler<E>,
    mut stopping: watch::Receiver<bool>,
) -> io::Result<()>
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
                    Ok(Err(error)) => return Err(error), // a TLS stream that ends without close_notify, too
                    Err(_) => endpoint.timed_out(),
                }
            }
            Step::StartTls => endpoint.secured(stream.secure(tls).await?),
            Step::Event(event) => handler.on(endpoint, event).await?,
            Step::Close => return stream.close().await,
        }
    }
}
