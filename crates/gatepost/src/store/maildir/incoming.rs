//! A message on its way into a Maildir: a file that has no name before it is whole, or one in `tmp` where there are none.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom, SystemRandom};

use super::{nameless, sync_folder};
use crate::store::crlf::Sizes;

/// A message that is shown in `new` once it is whole and on the disk. Dropped before that it is gone.
#[derive(Debug)]
pub struct Incoming {
    maildir: PathBuf,
    unique: String,
    file: File,
    /// Its name in `tmp`, if it has one.
    temporary: Option<PathBuf>,
    sizes: Sizes,
}

impl Incoming {
    /// Makes what is missing of the Maildir, too.
    pub fn begin(maildir: impl Into<PathBuf>) -> io::Result<Self> {
        let (maildir, unique) = (maildir.into(), unique_name()?);
        match prepared(&maildir, || nameless::open(&maildir.join("new")))? {
            Some(file) => Ok(Incoming { maildir, unique, file, temporary: None, sizes: Sizes::default() }),
            None => Self::named(maildir, unique),
        }
    }

    /// With a name in `tmp`.
    fn named(maildir: PathBuf, unique: String) -> io::Result<Self> {
        let path = maildir.join("tmp").join(&unique);
        let file = prepared(&maildir, || File::options().write(true).create_new(true).mode(0o600).open(&path))?;
        Ok(Incoming { maildir, unique, file, temporary: Some(path), sizes: Sizes::default() })
    }

    /// Shows it. When this returns, a crash does not lose it.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        let sizes = std::mem::take(&mut self.sizes);
        // S= and W= as Dovecot writes them: octets, and octets with CRLF line ends
        let mut name = format!("{},S={},W={}", self.unique, sizes.octets, sizes.crlf);
        if let (_, Some(surrogate)) = sizes.both_as_sent() {
            name += &format!(",A={surrogate}"); // of the surrogate in ASCII, which nobody but us has
        }
        let folder = self.maildir.join("new");
        let shown = folder.join(name);
        prepared(&self.maildir, || match &self.temporary {
            Some(temporary) => fs::rename(temporary, &shown),
            None => nameless::name(&self.file, &shown),
        })?;
        self.temporary = None;
        sync_folder(&folder)
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
        if let Some(temporary) = &self.temporary {
            let _ = fs::remove_file(temporary); // the next session finds it when it is old
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

/// Does what needs a Maildir. Nearly always it is there, and was not looked for.
fn prepared<T>(maildir: &Path, act: impl Fn() -> io::Result<T>) -> io::Result<T> {
    match act() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => prepare(maildir).and_then(|()| act()),
        done => done,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn names(maildir: &Path, part: &str) -> Vec<String> {
        let entries = fs::read_dir(maildir.join(part)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Both ways show a message when it is whole and not before, in a Maildir that was not there, and leave nothing behind.
    #[test]
    fn a_message_is_shown_when_it_is_whole() {
        let maildir = std::env::temp_dir().join(format!("gatepost-incoming-{}", std::process::id()));
        for (count, named) in [(1, false), (2, true)] {
            let begin = || match named {
                false => Incoming::begin(&maildir).unwrap(),
                true => Incoming::named(maildir.clone(), unique_name().unwrap()).unwrap(),
            };
            let (mut dropped, mut kept) = (begin(), begin());
            dropped.write_all(b"half a mess").unwrap();
            kept.write_all(b"a: b\n\nc\n").unwrap();
            assert_eq!((names(&maildir, "new").len(), names(&maildir, "tmp").is_empty()), (count - 1, !named));
            drop(dropped);
            fs::remove_dir(maildir.join("cur")).unwrap(); // nobody but readers needs it
            kept.finish().unwrap();
            assert!(names(&maildir, "new").iter().all(|name| name.ends_with(".gatepost,S=8,W=11")));
            assert_eq!((names(&maildir, "new").len(), names(&maildir, "tmp").len()), (count, 0));
            prepare(&maildir).unwrap();
        }
        fs::remove_dir_all(&maildir).unwrap();
    }
}
