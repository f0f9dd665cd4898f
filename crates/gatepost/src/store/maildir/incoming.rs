//! A message on its way into a Maildir.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom, SystemRandom};

use super::sync_folder;
use crate::store::crlf::Sizes;

/// A message that is written to `tmp`, and shown in `new` once it is whole and on the disk. Dropped before that it is gone.
#[derive(Debug)]
pub struct Incoming {
    maildir: PathBuf,
    unique: String,
    file: File,
    sizes: Sizes,
    finished: bool,
}

impl Incoming {
    /// Makes what is missing of the Maildir, too.
    pub fn begin(maildir: impl Into<PathBuf>) -> io::Result<Self> {
        let maildir = maildir.into();
        prepare(&maildir)?;
        let unique = unique_name()?;
        let file = File::options().write(true).create_new(true).mode(0o600).open(maildir.join("tmp").join(&unique))?;
        Ok(Incoming { maildir, unique, file, sizes: Sizes::default(), finished: false })
    }

    /// Shows it. When this returns, a crash does not lose it.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        // S= and W= as Dovecot writes them: octets, and octets with CRLF line ends
        let name = format!("{},S={},W={}", self.unique, self.sizes.octets, self.sizes.crlf);
        fs::rename(self.temporary(), self.maildir.join("new").join(name))?;
        self.finished = true;
        sync_folder(&self.maildir.join("new"))
    }

    fn temporary(&self) -> PathBuf {
        self.maildir.join("tmp").join(&self.unique)
    }
}

impl Write for Incoming {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let length = self.file.write(octets)?;
        self.sizes.count(octets.get(..length).unwrap_or_default());
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_file(self.temporary()); // the next session finds it when it is old
        }
    }
}

/// `seconds.MmicrosecondsPpidRrandomQcounter.gatepost`: never used twice, on no host.
fn unique_name() -> io::Result<String> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, micros, pid) = (now.as_secs(), now.subsec_micros(), std::process::id());
    let counter = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut octets = [0; 8];
    SystemRandom::new().fill(&mut octets).map_err(|_| io::Error::other("the system has no randomness"))?;
    let random = u64::from_ne_bytes(octets);
    Ok(format!("{seconds}.M{micros:06}P{pid}R{random:016x}Q{counter}.gatepost"))
}

/// Makes what is missing of a Maildir, so that a crash does not undo it.
pub(super) fn prepare(maildir: &Path) -> io::Result<()> {
    ["tmp", "cur", "new"].iter().try_for_each(|part| create_durably(&maildir.join(part)))
}

/// A folder that only its owner can read; the entry in its parent is on the disk, too.
fn create_durably(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = match folder.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Err(io::ErrorKind::NotFound.into()),
    };
    create_durably(parent)?;
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder(parent),
    }
}
