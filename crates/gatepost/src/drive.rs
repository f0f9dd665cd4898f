//! One driver for all endpoints: it does what they say, and does not wait for ever.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use gatepost_sasl::Secret;
use gatepost_wire::{Endpoint, Step, TlsInfo};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::gate::Gate;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::tls::{Side, TlsStream};

/// A connection, in clear or not.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// While a handshake has it.
    Taken,
}

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

/// How long the driver waits for what. Reads are the endpoint's to bound, and the throughput's.
#[derive(Clone)]
pub(crate) struct Pace {
    pub(crate) handshake: Duration,
    write: Duration,
    linger: Duration,
    session: Duration,
    throughput: u32,
    /// Our house, if we are its server: who is within, and who counts.
    house: Option<(Arc<Gate>, Arc<Metrics>)>,
}

impl Pace {
    pub(crate) fn new(limits: &Limits, house: Option<(Arc<Gate>, Arc<Metrics>)>) -> Self {
        let Limits { handshake, write, linger, session, throughput, .. } = *limits;
        Pace { handshake, write, linger, session, throughput: throughput.max(1), house }
    }
}

/// Octets that must be accepted within one [`Limits::write`].
const PIECE: usize = 64 << 10;

/// Octets that are read at a time.
const READ: usize = 32 << 10;

/// Octets that are thrown away at a time.
const PAGE: usize = 4 << 10;

/// So many octets are content, and given away; fewer are copied, for whoever is silent behind them shall hold no buffer.
const CONTENT: usize = 4 << 10;

thread_local! {
    /// What is read on the way into the endpoint. It is the same memory again and again, unless somebody keeps some of it.
    static BUFFER: RefCell<BytesMut> = RefCell::default();
}

impl Stream {
    pub(crate) async fn secure(&mut self, side: &Side, patience: Duration) -> Result<TlsInfo, Broken> {
        let Stream::Plain(tcp) = std::mem::replace(self, Stream::Taken) else {
            return Err(Broken::Handshake(io::Error::other("TLS within TLS")));
        };
        let handshake = Box::pin(timeout(patience, side.handshake(tcp))).await;
        let (stream, info) =
            handshake.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())).map_err(Broken::Handshake)?;
        *self = Stream::Tls(Box::new(stream));
        Ok(info)
    }

    /// Feeds what can be read; how many octets that were.
    fn poll_feed<E: Endpoint>(&mut self, context: &mut Context<'_>, endpoint: &mut E) -> Poll<io::Result<usize>> {
        BUFFER.with_borrow_mut(|buffer| {
            buffer.reserve(READ);
            let read = ready!(match self {
                Stream::Plain(stream) => pin!(stream.read_buf(buffer)).poll(context),
                Stream::Tls(stream) => pin!(stream.read_buf(buffer)).poll(context),
                Stream::Taken => Poll::Ready(Ok(0)),
            })?;
            let mut octets = buffer.split();
            match read {
                0 => endpoint.closed(),
                CONTENT.. => endpoint.feed_owned(octets),
                _ => {
                    endpoint.feed(&octets);
                    Secret::wipe(&mut octets); // there may be a password among them
                }
            }
            Poll::Ready(Ok(read))
        })
    }

    async fn write_piece(&mut self, octets: &[u8]) -> io::Result<()> {
        match self {
            Stream::Plain(stream) => stream.write_all(octets).await,
            Stream::Tls(stream) => {
                stream.write_all(octets).await?;
                stream.flush().await
            }
            Stream::Taken => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        match self {
            Stream::Plain(stream) => stream.shutdown().await,
            Stream::Tls(stream) => stream.shutdown().await,
            Stream::Taken => Ok(()),
        }
    }

    /// Throws away what the peer says behind our last word, if it has not heard us yet: where octets are unread the system resets
    /// the connection (RFC 1122 §4.2.2.13), and our reply may be lost with it.
    async fn linger(&self, patience: Duration) {
        let stream = match self {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.get_ref().0,
            Stream::Taken => return,
        };
        if !matches!(throw_away(stream), Ok(1..)) {
            return;
        }
        let rest = async {
            while stream.readable().await.is_ok() {
                match throw_away(stream) {
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => break,
                    Ok(0) => break,
                    _ => tokio::task::yield_now().await, // who has much to say is not to keep others waiting
                }
            }
        };
        let _ = timeout(patience, rest).await;
    }
}

fn throw_away(stream: &TcpStream) -> io::Result<usize> {
    stream.try_read(&mut [0; PAGE])
}

/// Decides an endpoint's questions. A closure that does not wait is one, too.
pub trait Handler<E: Endpoint>: Send {
    /// Answers an event by a method of the endpoint; an error breaks the session off.
    fn on(&mut self, endpoint: &mut E, event: E::Event) -> impl Future<Output = io::Result<()>> + Send;

    /// The session is over, however it ended.
    fn ended(&mut self, _endpoint: &E) {}
}

impl<E: Endpoint, F: FnMut(&mut E, E::Event) -> io::Result<()> + Send> Handler<E> for F {
    fn on(&mut self, endpoint: &mut E, event: E::Event) -> impl Future<Output = io::Result<()>> + Send {
        std::future::ready(self(endpoint, event))
    }
}

/// How long a peer may be silent once we are stopping.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long a peer may be silent while nearly all places are taken.
const CROWDED: Duration = Duration::from_secs(10);

/// What a session has had so far.
struct Course<'a> {
    pace: &'a Pace,
    began: Instant,
    /// When we said something last, and octets that the peer said since.
    spoke: Instant,
    heard: u64,
}

impl Course<'_> {
    /// Until when the peer may take to say more. It has `patience` at a time, and altogether since we spoke last
    /// `patience` and a second for each [`Limits::throughput`] octets: who sends an octet a minute is not busy.
    fn deadline(&self, patience: Duration, is_stopping: bool) -> Instant {
        let is_crowded = self.pace.house.as_ref().is_some_and(|(gate, _)| gate.is_crowded());
        let patience = if is_crowded { patience.min(CROWDED) } else { patience };
        let patience = if is_stopping { patience.min(LAST_WORDS) } else { patience };
        let earned = Duration::from_secs(self.heard / u64::from(self.pace.throughput));
        let altogether = self.spoke + patience.saturating_add(earned).min(self.pace.session);
        (Instant::now() + patience).min(altogether).min(self.began + self.pace.session)
    }

    fn heard(&mut self, octets: usize) {
        let octets = u64::try_from(octets).unwrap_or(u64::MAX);
        self.heard = self.heard.saturating_add(octets);
        if let Some((_, metrics)) = &self.pace.house {
            metrics.received.fetch_add(octets, Ordering::Relaxed);
        }
    }

    async fn write(&mut self, stream: &mut Stream, octets: &[u8]) -> io::Result<()> {
        for piece in octets.chunks(PIECE) {
            timeout(self.pace.write, stream.write_piece(piece)).await??;
        }
        (self.spoke, self.heard) = (Instant::now(), 0);
        if let Some((_, metrics)) = &self.pace.house {
            metrics.sent.fetch_add(u64::try_from(octets.len()).unwrap_or(0), Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Runs a session to its end. When we are stopping, a peer that is between two messages is told so at once, one that goes
/// on sending is heard to the end of what it does, and one that is silent is told that time is over.
pub(crate) async fn drive<E>(
    stream: &mut Stream,
    side: &Side,
    pace: &Pace,
    endpoint: &mut E,
    handler: &mut impl Handler<E>,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), Broken>
where
    E: Endpoint + Send + 'static,
    E::Event: Send,
{
    let now = Instant::now();
    let mut course = Course { pace, began: now, spoke: now, heard: 0 };
    loop {
        if let Some(work) = endpoint.work() {
            let finish = tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?;
            finish(endpoint);
        }
        match endpoint.poll() {
            Step::Write(octets) => course.write(stream, &octets).await?,
            Step::Read(patience) => {
                let stop = *stopping.borrow();
                if stop && endpoint.shut_down() {
                    continue;
                }
                let read = poll_fn(|context| stream.poll_feed(context, endpoint));
                let read = tokio::select! {
                    biased;
                    read = timeout_at(course.deadline(patience, stop), read) => read,
                    _ = stopping.changed(), if !stop => continue,
                };
                match read {
                    Ok(read) => course.heard(read?), // an error: a TLS stream that ends without close_notify, too
                    Err(_) => endpoint.timed_out(),
                }
            }
            Step::StartTls => endpoint.secured(stream.secure(side, pace.handshake).await?),
            Step::Event(event) => handler.on(endpoint, event).await?,
            Step::Close => {
                timeout(pace.write, stream.close()).await.map_err(io::Error::from)??;
                stream.linger(pace.linger).await;
                return Ok(());
            }
        }
    }
}
