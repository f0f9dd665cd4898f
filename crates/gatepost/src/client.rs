//! Connections of clients: any client endpoint over TCP and TLS.
//!
//! ```no_run
//! use gatepost::client::{self, ClientTls};
//! use gatepost_smtp::client::{Client, Config, Event, Limits};
//!
//! # async fn ask() -> Result<(), Box<dyn std::error::Error>> {
//! let connection = client::connect("mx.example.org", 587, &ClientTls::system()?, false).await?;
//! let config = Config::new("laptop.example".parse()?);
//! client::run(connection, &mut Client::new(config), |smtp: &mut Client, event| {
//!     match event {
//!         Event::Ready(can) if can.starttls => smtp.start_tls(),
//!         Event::Ready(can) => {
//!             println!("{:?}", can.auth);
//!             smtp.quit();
//!         }
//!         _ => {}
//!     }
//!     Ok(())
//! })
//! .await?;
//! # Ok(()) }
//! ```

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use gatepost_wire::{Endpoint, TlsInfo};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

pub use crate::drive::{Broken, Handler};
use crate::drive::{Pace, Stream, drive};
use crate::limits::Limits as ServerLimits;
use crate::tls::Side;
pub use crate::tls::client::ClientTls;
use crate::tls::client::Peer;

/// Bounds of connecting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How long one address may take (default 30 s).
    pub connect: Duration,
    /// Addresses of a host that are tried (default 8; RFC 5321 §5.1 wants two at least).
    pub addresses: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { connect: Duration::from_secs(30), addresses: 8 }
    }
}

/// Why there is no connection.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The name can be no host's.
    #[error("{0:?} is no host name")]
    Name(String),
    /// The host has no address.
    #[error("{host}: {error}")]
    NoAddress {
        /// Which host.
        host: String,
        /// Why.
        error: io::Error,
    },
    /// No address answers; this is said of the last one.
    #[error("{address}: {error}")]
    Unreachable {
        /// Which address.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// TLS could not be set up.
    #[error("{host}: TLS: {error}")]
    Handshake {
        /// Which host.
        host: String,
        /// Why: the certificate is not believed, most likely.
        error: io::Error,
    },
}

/// A connection on which nothing has been said.
pub struct Connection {
    stream: Stream,
    side: Side,
    address: SocketAddr,
    tls: Option<TlsInfo>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("address", &self.address).field("tls", &self.tls).finish_non_exhaustive()
    }
}

impl Connection {
    /// The server's address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What implicit TLS came to.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }
}

/// Connects to a host by the system's name service. Its certificate must be for this very name. With implicit TLS the
/// handshake comes first; without, the endpoint may ask for it later.
pub async fn connect(host: &str, port: u16, tls: &ClientTls, implicit: bool) -> Result<Connection, ConnectError> {
    let no_address = |error| ConnectError::NoAddress { host: host.to_owned(), error };
    let addresses: Vec<_> = tokio::net::lookup_host((host, port)).await.map_err(no_address)?.collect();
    connect_to(&addresses, host, tls, implicit, &Limits::default()).await
}

/// Connects to the first address that answers; `host` is the name that the certificate must have.
pub async fn connect_to(
    addresses: &[SocketAddr],
    host: &str,
    tls: &ClientTls,
    implicit: bool,
    limits: &Limits,
) -> Result<Connection, ConnectError> {
    let side = Side::Client(Peer::new(host, tls).ok_or_else(|| ConnectError::Name(host.to_owned()))?);
    let (tcp, address) = first(addresses, host, limits).await?;
    let (mut stream, mut tls) = (Stream::Plain(tcp), None);
    if implicit {
        let secured = stream.secure(&side, Pace::new(&ServerLimits::default(), None).handshake).await;
        tls = Some(secured.map_err(|broken| ConnectError::Handshake { host: host.to_owned(), error: broken.into() })?);
    }
    Ok(Connection { stream, side, address, tls })
}

async fn first(addresses: &[SocketAddr], host: &str, limits: &Limits) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let mut failure = ConnectError::NoAddress { host: host.to_owned(), error: io::ErrorKind::NotFound.into() };
    for &address in addresses.iter().take(limits.addresses) {
        let connected = timeout(limits.connect, TcpStream::connect(address)).await;
        match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(tcp) => {
                let _ = tcp.set_nodelay(true); // slower without, not wrong
                return Ok((tcp, address));
            }
            Err(error) => failure = ConnectError::Unreachable { address, error },
        }
    }
    Err(failure)
}

/// Runs a client endpoint over a connection, to the end of both.
pub async fn run<E>(mut connection: Connection, endpoint: &mut E, mut handler: impl Handler<E>) -> Result<(), Broken>
where
    E: Endpoint + Send + 'static,
    E::Event: Send,
{
    go_on(&mut connection, endpoint, &mut handler).await
}

/// The same over a connection that is somebody else's. Where it is given up between two questions, while the server waits for
/// the next command, somebody may go on later.
pub(crate) async fn go_on<E>(
    connection: &mut Connection,
    endpoint: &mut E,
    handler: &mut impl Handler<E>,
) -> Result<(), Broken>
where
    E: Endpoint + Send + 'static,
    E::Event: Send,
{
    if let Some(tls) = connection.tls.take() {
        endpoint.secured(tls);
    }
    let (_running, never) = watch::channel(false);
    let pace = Pace::new(&ServerLimits::default(), None);
    drive(&mut connection.stream, &connection.side, &pace, endpoint, handler, never).await
}
