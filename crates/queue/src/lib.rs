#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod entry;

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

pub use entry::{Entry, Recipient, Said, State, Unreadable};

/// A queue's folder. Any process may look into it and change it; the server notices within seconds.
#[derive(Clone, Debug)]
pub struct Queue {
    folder: PathBuf,
}

/// Tells a server that somebody else changed the queue.
const CHANGED: &str = "changed";

impl Queue {
    /// Uses a folder, which is made when it is not there; only its owner may look into it.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        Ok(Queue { folder })
    }

    /// All messages, the oldest first. An envelope that can not be read is told, and left alone.
    pub fn entries(&self) -> io::Result<Vec<Result<Entry, Unreadable>>> {
        let mut ids = self.ids("json")?;
        ids.sort();
        let mut entries = Vec::new();
        for id in ids {
            match self.read(&id) {
                Ok(Some(entry)) => entries.push(Ok(entry)),
                Ok(None) => {} // it has just been delivered
                Err(error) => entries.push(Err(Unreadable::of(&id, error))),
            }
        }
        Ok(entries)
    }

    /// One message's envelope; `None` when there is none.
    pub fn read(&self, id: &str) -> io::Result<Option<Entry>> {
        if !is_id(id) {
            return Ok(None);
        }
        match fs::read_to_string(self.path(id, "json")) {
            Ok(text) => Entry::parse(id, &text).map(Some).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a message due now; whether it was there.
    pub fn retry(&self, id: &str, now: SystemTime) -> io::Result<bool> {
        let Some(mut entry) = self.read(id)? else {
            return Ok(false);
        };
        for recipient in entry.recipients.iter_mut().filter(|recipient| recipient.state == State::Pending) {
            recipient.next = now;
        }
        self.prepare(&entry)?.commit()?;
        self.changed()?;
        Ok(true)
    }

    /// Forgets a message; nobody is told. Whether it was there.
    pub fn remove(&self, id: &str) -> io::Result<bool> {
        if !is_id(id) || !self.path(id, "json").exists() {
            return Ok(false);
        }
        self.forget(id)?;
        self.changed()?;
        Ok(true)
    }

    fn changed(&self) -> io::Result<()> {
        File::create(self.folder.join(CHANGED)).map(drop)
    }

    /// Whether somebody else changed the queue since this was last asked.
    pub fn was_changed(&self) -> bool {
        fs::remove_file(self.folder.join(CHANGED)).is_ok()
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes sure that one server alone empties the queue. Who only looks into it, or changes it, needs no lock.
    pub fn lock(&self) -> io::Result<Lock> {
        let folder = File::open(&self.folder)?;
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Lock { _folder: folder }),
            Err(Errno::WOULDBLOCK) => Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                "another server works on it; stop that one, or give this one a folder of its own",
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes what a crash left behind: messages without an envelope, which nobody was told were accepted.
    pub fn recover(&self) -> io::Result<()> {
        for id in self.ids("tmp")? {
            fs::remove_file(self.path(&id, "tmp"))?;
        }
        for id in self.ids("eml")? {
            if !self.path(&id, "json").exists() {
                fs::remove_file(self.path(&id, "eml"))?;
            }
        }
        Ok(())
    }

    /// A message's octets.
    pub fn message(&self, id: &str) -> io::Result<File> {
        File::open(self.path(id, "eml"))
    }

    /// Begins a message: what is written to the draft are its octets.
    pub fn begin(&self) -> io::Result<Draft> {
        let id = unique();
        let file = create(&self.path(&id, "eml"))?;
        Ok(Draft { file, size: 0, eight_bit: false, files: Files { queue: self.clone(), id, keep: false } })
    }

    /// Writes an envelope beside the one that holds; on the disk when this returns.
    pub fn prepare(&self, entry: &Entry) -> io::Result<Prepared> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("{}.{}", entry.id, NEXT.fetch_add(1, Ordering::Relaxed));
        let prepared = Prepared { from: self.path(&name, "tmp"), to: self.path(&entry.id, "json") };
        let mut file = create(&prepared.from)?;
        file.write_all(entry.to_json().as_bytes())?;
        file.sync_all()?;
        Ok(prepared)
    }

    /// Takes a message out of the queue. Its envelope goes first: what is left without one is no message.
    pub fn forget(&self, id: &str) -> io::Result<()> {
        self.withdraw(id)?;
        self.sync()?;
        remove(&self.path(id, "eml"))
    }

    /// The first half of [`Queue::forget`]: one system call.
    pub fn withdraw(&self, id: &str) -> io::Result<()> {
        remove(&self.path(id, "json"))
    }

    /// Makes renaming and removing last.
    pub fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn path(&self, id: &str, kind: &str) -> PathBuf {
        self.folder.join(format!("{id}.{kind}"))
    }

    fn ids(&self, kind: &str) -> io::Result<Vec<String>> {
        let mut ids = Vec::new();
        for file in fs::read_dir(&self.folder)? {
            let name = file?.file_name();
            let named = name.to_str().and_then(|name| name.rsplit_once('.'));
            ids.extend(named.filter(|(_, found)| *found == kind).map(|(id, _)| id.to_owned()));
        }
        Ok(ids)
    }
}

/// Nobody else empties the queue until this is dropped. The operating system's lock ends with the process, however that ends.
#[derive(Debug)]
pub struct Lock {
    _folder: File,
}

/// A message that is being written. Dropped before it is in the queue it is gone.
#[derive(Debug)]
pub struct Draft {
    file: File,
    size: u64,
    eight_bit: bool,
    files: Files,
}

impl Write for Draft {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let written = self.file.write(octets)?;
        self.size += u64::try_from(written).unwrap_or(0);
        self.eight_bit |= !octets.is_ascii();
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Draft {
    /// The message is whole: both files are on the disk when this returns, and it is still not in the queue. Name, size and
    /// whether there are octets beyond ASCII are filled in.
    pub fn ready(self, envelope: Entry) -> io::Result<Ready> {
        self.file.sync_all()?;
        let entry = Entry { id: self.files.id.clone(), size: self.size, eight_bit: self.eight_bit, ..envelope };
        let prepared = self.files.queue.prepare(&entry)?;
        Ok(Ready { entry, prepared, files: self.files })
    }
}

/// A message that only needs its name.
#[derive(Debug)]
pub struct Ready {
    entry: Entry,
    prepared: Prepared,
    files: Files,
}

impl Ready {
    /// Puts it into the queue, for good when this returns.
    pub fn commit(mut self) -> io::Result<Entry> {
        self.prepared.commit()?;
        self.files.keep = true;
        self.files.queue.sync()?;
        Ok(self.entry)
    }
}

/// The files of a message that is not in the queue yet; dropping it removes them.
#[derive(Debug)]
struct Files {
    queue: Queue,
    id: String,
    keep: bool,
}

impl Drop for Files {
    fn drop(&mut self) {
        if !self.keep {
            let _ = fs::remove_file(self.queue.path(&self.id, "eml")); // what stays is removed at the next start
        }
    }
}

/// An envelope that only needs its name.
#[derive(Debug)]
pub struct Prepared {
    from: PathBuf,
    to: PathBuf,
}

impl Prepared {
    /// Lets it hold: one system call. [`Queue::sync`] makes it last.
    pub fn commit(&self) -> io::Result<()> {
        fs::rename(&self.from, &self.to)
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.from); // not there once it holds
    }
}

fn create(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Sorted by time, never used twice.
fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}-{:x}", since.as_micros(), std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// An operator's text becomes a path only as one of ours.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_hexdigit() || octet == b'-')
}
