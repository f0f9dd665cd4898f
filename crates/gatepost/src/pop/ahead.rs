//! Reading messages: where blocking is fine, and there ahead of a client that takes one after the other; at once for one that
//! takes them here and there, where nothing must be waited for.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;

use gatepost_pop3::server::Server as Pop3;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::store::Maildrop;

/// Octets that are read at a time; a message that is longer is given piece by piece.
const PIECE: usize = 64 << 10;
/// Octets of messages that are read at a time where the client takes one after the other: these are given, and as many come.
/// They begin few and double, for who has taken much will take more, and each hop to where blocking is fine costs the same.
const AHEAD: (usize, usize) = (128 << 10, 512 << 10);
/// Messages that are read at a time, however small they are.
const MESSAGES: usize = 1024;

/// A maildrop, and what was read of it.
pub(super) struct Ahead {
    maildrop: Arc<dyn Maildrop>,
    /// Messages that the client may want next, whole, or their beginning.
    read: VecDeque<Taken>,
    /// The messages behind them, on their way.
    coming: Option<JoinHandle<VecDeque<Taken>>>,
    /// The rest of the message that is being given.
    rest: Option<Reader>,
    /// What the client takes next if it goes on as it did.
    next: usize,
    /// Octets that are read at a time if it does.
    octets: usize,
}

type Reader = Box<dyn Read + Send>;

/// A message, or its beginning with a reader of the rest.
struct Taken {
    index: usize,
    piece: io::Result<(Vec<u8>, Option<Reader>)>,
}

impl Ahead {
    pub(super) fn new(maildrop: Arc<dyn Maildrop>) -> Self {
        Ahead { maildrop, read: VecDeque::new(), coming: None, rest: None, next: usize::MAX, octets: AHEAD.0 }
    }

    /// Gives the next piece of a message.
    pub(super) async fn give(&mut self, endpoint: &mut Pop3, index: usize) {
        let taken = match self.rest.take() {
            Some(reader) => Taken { index, piece: blocking(move || piece(reader, PIECE)).await },
            None => self.take(index).await,
        };
        match taken.piece {
            Ok((octets, rest)) => match (endpoint.message(&octets), rest) {
                (true, Some(reader)) => self.rest = Some(reader),
                _ => endpoint.end(),
            },
            Err(error) => {
                tracing::error!(%error, "a message can not be read");
                endpoint.unreadable();
            }
        }
    }

    /// A message's first piece: read already, on its way, or to be read now.
    async fn take(&mut self, index: usize) -> Taken {
        let in_order = index == self.next;
        self.next = index + 1;
        if !in_order {
            self.read.clear();
            self.octets = AHEAD.0;
        }
        if !in_order && self.coming.is_none() {
            // what the system has in memory takes less than asking another thread for one message of it
            if let Some(octets) = self.maildrop.read_at_once(index, PIECE) {
                return Taken { index, piece: Ok((octets, None)) };
            }
        }
        loop {
            while let Some(taken) = self.read.pop_front() {
                if taken.index == index {
                    if in_order && self.coming.is_none() {
                        self.send_for(self.read.back().map_or(index, |last| last.index) + 1, self.octets);
                        self.octets = (2 * self.octets).min(AHEAD.1);
                    }
                    return taken;
                }
            }
            if self.coming.is_none() {
                self.send_for(index, if in_order { self.octets } else { 0 });
            }
            match self.coming.take() {
                Some(coming) => match coming.await {
                    Ok(read) => self.read = read,
                    Err(error) => return Taken { index, piece: Err(error.into()) },
                },
                None => return Taken { index, piece: Err(io::ErrorKind::NotFound.into()) },
            }
        }
    }

    /// Reads a message and, up to so many octets, those behind it.
    fn send_for(&mut self, index: usize, octets: usize) {
        let maildrop = Arc::clone(&self.maildrop);
        let sizes: Vec<u64> = maildrop.entries().iter().skip(index).take(MESSAGES).map(|entry| entry.size).collect();
        if sizes.is_empty() {
            return;
        }
        self.coming = Some(spawn_blocking(move || {
            let (mut read, mut sum) = (VecDeque::new(), 0);
            for (index, size) in (index..).zip(sizes) {
                let room = usize::try_from(size).unwrap_or(PIECE).min(PIECE);
                if sum > 0 && sum + room > octets {
                    break;
                }
                sum += room.max(1);
                read.push_back(Taken { index, piece: maildrop.read(index).and_then(|reader| piece(reader, room + 1)) });
            }
            read
        }));
    }

    /// Deletes, and unlocks.
    pub(super) async fn commit(mut self, deleted: Vec<usize>) -> bool {
        if let Some(coming) = self.coming.take() {
            let _ = coming.await; // it has the maildrop, too
        }
        let maildrop = self.maildrop;
        blocking(move || Ok(maildrop.commit(&deleted))).await.unwrap_or(false)
    }
}

/// So many octets, and the reader where there may be more.
fn piece(mut reader: Reader, length: usize) -> io::Result<(Vec<u8>, Option<Reader>)> {
    let mut octets = vec![0; length];
    let mut filled = 0;
    while let Some(room @ [_, ..]) = octets.get_mut(filled..) {
        match reader.read(room) {
            Ok(0) => {
                octets.truncate(filled);
                return Ok((octets, None));
            }
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok((octets, Some(reader)))
}

/// Does something where blocking is fine.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await?
}
