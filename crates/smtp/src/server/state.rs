//! The states of a session. Each holds what is valid in it: RCPT without MAIL can not be represented.

use gatepost_sasl::ServerExchange;
use gatepost_wire::{DotReader, LineCheck};

use crate::envelope::Hello;
use crate::reply::Reply;

pub(super) enum State {
    /// Before the greeting.
    Start,
    Ready(Option<Hello>),
    Authenticating(Hello, ServerExchange),
    Transaction(Transaction),
    Data(Transaction, DotReader),
    Chunk(Chunk),
    /// The application decides on a whole message.
    Ending(Transaction),
    Upgrading,
    Closed,
}

/// From MAIL to the end of the message.
pub(super) struct Transaction {
    pub(super) hello: Hello,
    /// Whether the content is not made of lines (RFC 3030 §3).
    pub(super) binary: bool,
    /// Whether SMTPUTF8 was said.
    pub(super) utf8: bool,
    /// How many were accepted.
    pub(super) recipients: usize,
    /// Octets of content so far.
    pub(super) size: u64,
    pub(super) chunks: Chunks,
}

/// What BDAT has brought.
pub(super) enum Chunks {
    None,
    Some(LineCheck),
    /// One was refused: the others are, too (RFC 3030 §2).
    Failed,
}

/// Within the octets behind a BDAT.
pub(super) struct Chunk {
    pub(super) left: u64,
    pub(super) last: bool,
    /// Why the octets are thrown away; said when they have come (RFC 3030 §2).
    pub(super) refusal: Option<Reply>,
    /// The state around it.
    pub(super) within: Box<State>,
}

impl State {
    /// As in `docs/states/smtp-server.md`.
    pub(super) fn name(&self) -> &'static str {
        match self {
            State::Start => "Start",
            State::Ready(None) => "Connected",
            State::Ready(Some(_)) => "Ready",
            State::Authenticating(..) => "Authenticating",
            State::Transaction(Transaction { chunks: Chunks::Some(_), .. }) => "Chunks",
            State::Transaction(Transaction { chunks: Chunks::Failed, .. }) => "Failed",
            State::Transaction(Transaction { recipients: 0, .. }) => "Transaction",
            State::Transaction(_) => "Recipients",
            State::Data(..) => "Data",
            State::Chunk(_) => "Chunk",
            State::Ending(_) => "Ending",
            State::Upgrading => "Upgrading",
            State::Closed => "Closed",
        }
    }

    pub(super) fn hello(&self) -> Option<&Hello> {
        match self {
            State::Ready(hello) => hello.as_ref(),
            State::Authenticating(hello, _) => Some(hello),
            State::Chunk(chunk) => chunk.within.hello(),
            _ => self.transaction().map(|transaction| &transaction.hello),
        }
    }

    pub(super) fn into_hello(self) -> Option<Hello> {
        match self {
            State::Ready(hello) => hello,
            State::Authenticating(hello, _) => Some(hello),
            State::Transaction(transaction) | State::Data(transaction, _) | State::Ending(transaction) => {
                Some(transaction.hello)
            }
            State::Chunk(chunk) => chunk.within.into_hello(),
            State::Start | State::Upgrading | State::Closed => None,
        }
    }

    pub(super) fn transaction(&self) -> Option<&Transaction> {
        match self {
            State::Transaction(transaction) | State::Data(transaction, _) | State::Ending(transaction) => {
                Some(transaction)
            }
            State::Chunk(chunk) => chunk.within.transaction(),
            _ => None,
        }
    }
}
