//! What the server asks the application, and what it is told.

use gatepost_sasl::{Identity, Question};

/// A message of a maildrop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Octets as sent, with CRLF line ends, without stuffing.
    pub size: u64,
    /// As many of the surrogate that a client gets which did not say UTF8, where that is another number and known: see
    /// [`SurrogateSize`](super::SurrogateSize).
    pub surrogate: Option<u64>,
    /// 1 to 70 characters of printable ASCII without space, never used for another message.
    pub uid: String,
}

impl Entry {
    /// A message whose header section is in ASCII.
    pub fn new(size: u64, uid: impl Into<String>) -> Self {
        Entry { size, surrogate: None, uid: uid.into() }
    }

    /// RFC 6856 §2.1: the size that LIST tells "SHOULD match the actual number of octets sent in a RETR response".
    pub(super) fn told(&self, utf8: bool) -> u64 {
        self.surrogate.filter(|_| !utf8).unwrap_or(self.size)
    }
}

/// Why a maildrop can not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// Another session has it (RFC 2449 §8.1.2).
    InUse,
    /// The user logged in too short a time ago (RFC 2449 §8.1.1).
    TooSoon,
    /// It can not be read now (RFC 3206 §4).
    Temporary,
    /// It can not be read until somebody repairs it (RFC 3206 §5).
    Permanent,
}

/// What the application decides or does. Each stays until it is answered. Indices are from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Who may log in? Answered by [`Server::answer`](super::Server::answer).
    Auth(Question),
    /// Lock and list this user's maildrop. Answered by [`Server::opened`](super::Server::opened).
    Open(Identity),
    /// Give a message piece by piece: [`Server::message`](super::Server::message) until all of it was given or no more is wanted, then
    /// [`Server::end`](super::Server::end). The event is shown again once a piece was sent. [`Server::unreadable`](super::Server::unreadable) where it can not be given.
    Retrieve(usize),
    /// Delete these messages for good and unlock. Answered by [`Server::committed`](super::Server::committed).
    Commit(Vec<usize>),
}
