//! The contract of all endpoints.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::tls::TlsInfo;

/// A side of a line protocol that does no I/O.
///
/// The driver's whole duty: `poll`, do what the step says, tell what came of it, and again. An event that is a question is
/// shown by each `poll` until it is answered by a method of the endpoint; nothing is read meanwhile.
pub trait Endpoint {
    /// What the application has to decide or to know.
    type Event;
    /// Takes octets from the peer: a copy of them, so that who is silent in the middle of a line holds no buffer of the
    /// driver's.
    fn feed(&mut self, input: &[u8]);
    /// Takes octets from the peer that are given away: of many of them no copy is made, and content reaches the application
    /// as slices of them.
    fn feed_owned(&mut self, input: BytesMut) {
        self.feed(&input);
    }
    /// What takes long to compute and comes before the next step, if there is something: the proof of SCRAM may take most of a
    /// second. A driver that serves others on its thread asks before each [`Endpoint::poll`], computes it elsewhere and finishes it
    /// here. Where nobody asks, `poll` computes it.
    fn work(&mut self) -> Option<Work<Self>>
    where
        Self: Sized,
    {
        None
    }
    /// Says what to do now.
    fn poll(&mut self) -> Step<Self::Event>;
    /// TLS was set up after [`Step::StartTls`], or before the first octet.
    fn secured(&mut self, tls: TlsInfo);
    /// A read took longer than the step allowed.
    fn timed_out(&mut self);
    /// The peer closed its side.
    fn closed(&mut self);
    /// Our side is going down. Where the peer can be told so and be left now, this is done; whether it was. Where not, the
    /// session goes on: ask again before the next read.
    fn shut_down(&mut self) -> bool {
        false
    }
}

/// What takes long, and may be computed on another thread.
pub type Work<E> = Box<dyn FnOnce() -> Finish<E> + Send>;

/// What came of [`Work`]: it is told to the endpoint.
pub type Finish<E> = Box<dyn FnOnce(&mut E) + Send>;

/// What a driver does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<E> {
    /// Send these octets.
    Write(Bytes),
    /// Read octets and feed them, for at most this long.
    Read(Duration),
    /// Set up TLS; no octet of the peer is left in the endpoint.
    StartTls,
    /// Decide or know.
    Event(E),
    /// Close the connection.
    Close,
}
