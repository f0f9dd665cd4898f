//! An envelope that is worked on, by one task or by several.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::queue::{Entry, Prepared, Queue};

/// An envelope in memory and on disk, which are the same whenever nobody holds its lock.
#[derive(Debug)]
pub(crate) struct Live {
    queue: Queue,
    held: Mutex<Held>,
    /// Who has it writes the report: nobody is told twice.
    pub(super) reporting: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Held {
    entry: Entry,
    version: u64,
    /// Whether the message has left the queue, for good.
    gone: bool,
}

/// A change that only needs to be let hold.
pub(crate) struct Change {
    next: Entry,
    version: u64,
    prepared: Option<Prepared>,
    change: Box<dyn Fn(&mut Entry) + Send + Sync>,
}

impl Live {
    pub(crate) fn new(queue: Queue, entry: Entry) -> Self {
        Live {
            queue,
            held: Mutex::new(Held { entry, version: 0, gone: false }),
            reporting: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn entry(&self) -> Entry {
        self.lock().entry.clone()
    }

    /// The message's octets.
    pub(crate) fn message(&self) -> io::Result<File> {
        self.queue.message(&self.lock().entry.id)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does all of a change that takes time: what is left for [`Live::commit`] is one system call. This is for the moment
    /// after a receiver's 250, when a crash would deliver twice.
    pub(crate) fn prepare(&self, change: impl Fn(&mut Entry) + Send + Sync + 'static) -> io::Result<Change> {
        let (mut next, version) = {
            let held = self.lock();
            (held.entry.clone(), held.version)
        };
        change(&mut next);
        let prepared = if next.is_finished() { None } else { Some(self.queue.prepare(&next)?) };
        Ok(Change { next, version, prepared, change: Box::new(change) })
    }

    /// Lets a change hold; [`Live::sync`] makes it last.
    pub(crate) fn commit(&self, mut change: Change) -> io::Result<()> {
        let mut held = self.lock();
        if held.version != change.version {
            // another task was faster: the change is made on top of what it left
            change.next = held.entry.clone();
            (change.change)(&mut change.next);
            change.prepared = if change.next.is_finished() { None } else { Some(self.queue.prepare(&change.next)?) };
        }
        match &change.prepared {
            Some(prepared) => prepared.commit()?,
            None => self.queue.withdraw(&change.next.id)?,
        }
        *held = Held { entry: change.next, version: held.version + 1, gone: false };
        Ok(())
    }

    /// Makes what holds last, and removes the message when all is done.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let mut held = self.lock();
        if held.gone {
            return Ok(());
        }
        held.gone = held.entry.is_finished();
        if held.gone { self.queue.forget(&held.entry.id) } else { self.queue.sync() }
    }

    /// All at once, where there is no hurry.
    pub(crate) fn change(&self, change: impl Fn(&mut Entry) + Send + Sync + 'static) -> io::Result<()> {
        if self.lock().gone {
            return Ok(());
        }
        self.commit(self.prepare(change)?)?;
        self.sync()
    }
}

/// Runs something that waits for the disk where that is fine.
pub(crate) async fn blocking<T: Send + 'static>(
    live: &Arc<Live>,
    work: impl FnOnce(&Live) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let live = Arc::clone(live);
    tokio::task::spawn_blocking(move || work(&live)).await.map_err(io::Error::other)?
}
