//! Connections that are kept for the next message to the same host: a transaction after the other (RFC 5321 §4.1.4) costs
//! neither side another handshake.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gatepost_smtp::client::{Client, Event};
use tokio::time::{sleep, timeout};

use crate::client::{self, Connection};

/// How long a connection waits for the next message. It is kept only while one is due, so that somebody comes for it at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long saying good-bye may take.
const GOOD_BYE: Duration = Duration::from_secs(5);

/// What two messages must have in common to go over one connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) host: String,
    /// Whether TLS with a verified certificate was asked for.
    pub(super) require: bool,
    pub(super) implicit: bool,
}

/// A connection between two transactions.
pub(super) struct Kept {
    pub(super) connection: Connection,
    pub(super) smtp: Client,
    /// Messages that went over it.
    pub(super) messages: usize,
}

/// All of one way of sending; a reload begins with none.
#[derive(Clone, Default)]
pub(super) struct Pool {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    kept: HashMap<Key, Vec<(u64, Kept)>>,
    next: u64,
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that was used last, if it leads to one of these addresses.
    pub(super) fn take(&self, key: &Key, addresses: &[SocketAddr]) -> Option<Kept> {
        let mut shared = self.lock();
        let kept = shared.kept.get_mut(key)?;
        let place = kept.iter().rposition(|(_, kept)| addresses.contains(&kept.connection.address()))?;
        let (_, taken) = kept.remove(place);
        if kept.is_empty() {
            shared.kept.remove(key);
        }
        Some(taken)
    }

    /// Keeps a connection for a moment; if nobody comes, it ends with QUIT.
    pub(super) fn keep(&self, key: Key, kept: Kept) {
        let mut shared = self.lock();
        shared.next += 1;
        let number = shared.next;
        shared.kept.entry(key.clone()).or_default().push((number, kept));
        drop(shared);
        let pool = self.clone();
        tokio::spawn(async move {
            sleep(PATIENCE).await;
            if let Some(kept) = pool.remove(&key, number) {
                quit(kept).await;
            }
        });
    }

    fn remove(&self, key: &Key, number: u64) -> Option<Kept> {
        let mut shared = self.lock();
        let kept = shared.kept.get_mut(key)?;
        let place = kept.iter().position(|(other, _)| *other == number)?;
        let (_, taken) = kept.remove(place);
        if kept.is_empty() {
            shared.kept.remove(key);
        }
        Some(taken)
    }

    /// Ends all.
    pub(super) async fn end(&self) {
        let all = std::mem::take(&mut self.lock().kept);
        for (_, kept) in all.into_values().flatten() {
            quit(kept).await;
        }
    }
}

/// RFC 5321 §4.1.1.10: nobody closes without having said QUIT.
async fn quit(mut kept: Kept) {
    let mut nothing = |smtp: &mut Client, _: Event| {
        smtp.quit();
        Ok::<(), io::Error>(())
    };
    let ended = timeout(GOOD_BYE, client::go_on(&mut kept.connection, &mut kept.smtp, &mut nothing)).await;
    if let Ok(Err(error)) = ended {
        tracing::debug!(%error, "a kept connection had ended");
    }
}
