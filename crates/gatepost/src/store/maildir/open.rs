//! One session's Maildir: who has it, what is in it, and what is left of it.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ring::digest::{SHA256, digest};
use rustix::fs::{FlockOperation, flock};

use super::cached;
use super::index::Index;
use super::sync_folder;
use crate::store::crlf::{Crlf, with_crlf};
use crate::store::{Entry, Maildrop};

/// How long a file may lie in `tmp` (as the Maildir specification has it).
const LEFT_OVER: Duration = Duration::from_secs(36 * 60 * 60);

pub(super) struct Open {
    maildir: PathBuf,
    messages: Vec<Message>,
    entries: Vec<Entry>,
    /// Locked while it is open; the operating system forgets it with the process.
    _lock: File,
}

/// A message's file.
struct Message {
    part: &'static str,
    name: OsString,
    delivered: (u64, u64),
    /// The name without flags: it stays when a mail reader moves or marks the file.
    stable: String,
}

impl Open {
    /// Fails with [`io::ErrorKind::WouldBlock`] while another session has it.
    pub(super) fn new(maildir: &Path) -> io::Result<Self> {
        let lock =
            File::options().write(true).create(true).truncate(false).mode(0o600).open(maildir.join("gatepost.lock"))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        remove_left_overs(&maildir.join("tmp"));
        let messages = list(maildir)?;
        let entries = entries(maildir, &messages)?;
        Ok(Open { maildir: maildir.to_owned(), messages, entries, _lock: lock })
    }

    /// Does something with a message's file, wherever a mail reader moved it meanwhile.
    fn with<T>(&self, message: &Message, work: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
        match work(&self.maildir.join(message.part).join(&message.name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let moved = list(&self.maildir)?.into_iter().find(|other| other.stable == message.stable);
                let moved = moved.ok_or(error)?;
                work(&self.maildir.join(moved.part).join(moved.name))
            }
            done => done,
        }
    }
}

/// What a program left there that was killed while it delivered.
fn remove_left_overs(tmp: &Path) {
    let old = |file: &fs::DirEntry| {
        let modified = file.metadata().and_then(|metadata| metadata.modified());
        modified.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > LEFT_OVER))
    };
    for file in fs::read_dir(tmp).into_iter().flatten().flatten().filter(old) {
        let _ = fs::remove_file(file.path()); // the next session tries again
    }
}

/// All messages in order of delivery. `new` is read first: a file that is moved to
/// `cur` meanwhile is seen twice then, never missed.
fn list(maildir: &Path) -> io::Result<Vec<Message>> {
    let mut messages = Vec::new();
    for part in ["new", "cur"] {
        for file in fs::read_dir(maildir.join(part))? {
            let file = file?;
            let name = file.file_name();
            let text = name.to_string_lossy();
            if !text.starts_with('.') && file.file_type()?.is_file() {
                let stable = text.split(':').next().unwrap_or_default().to_owned();
                messages.push(Message { part, name, delivered: delivered(&stable), stable });
            }
        }
    }
    // before a `new` of the same name is its `cur`: the newer place
    messages.sort_by(|a, b| (a.delivered, &a.stable, a.part).cmp(&(b.delivered, &b.stable, b.part)));
    messages.dedup_by(|later, first| later.stable == first.stable);
    Ok(messages)
}

/// When a file was delivered, as its name tells: seconds, and microseconds behind `.M`, of any number of digits.
fn delivered(name: &str) -> (u64, u64) {
    let number = |text: &str| {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        text.get(..digits).and_then(|digits| digits.parse().ok()).unwrap_or(0)
    };
    let (seconds, rest) = name.split_once('.').unwrap_or((name, ""));
    (number(seconds), rest.strip_prefix('M').map_or(0, number))
}

/// Sizes and unique ids.
fn entries(maildir: &Path, messages: &[Message]) -> io::Result<Vec<Entry>> {
    let mut index = Index::default();
    let named = |message: &Message, key: &str| -> Option<u64> {
        message.stable.split(',').find_map(|part| part.strip_prefix(key)?.parse().ok())
    };
    let sizes: Vec<Option<u64>> = messages.iter().map(|message| named(message, "W=")).collect();
    if sizes.contains(&None) {
        index = Index::read(maildir);
    }
    let (mut entries, mut used) = (Vec::with_capacity(messages.len()), HashSet::with_capacity(messages.len()));
    for (message, size) in messages.iter().zip(sizes) {
        let (size, surrogate) = match size {
            Some(size) => (size, named(message, "A=")),
            None => index.sizes(&message.stable, &maildir.join(message.part).join(&message.name))?,
        };
        let mut uid = uid(&message.stable);
        if !used.insert(uid.clone()) {
            uid = hashed(&message.stable); // names that differ in `,S=` alone
        }
        entries.push(Entry { size, surrogate, uid });
    }
    index.write(maildir);
    Ok(entries)
}

/// 1 to 70 printable characters (RFC 1939 §7): the name without its sizes, or a digest where it can not be said so.
fn uid(stable: &str) -> String {
    let name = stable.split(",S=").next().unwrap_or_default();
    let name = name.split(",W=").next().unwrap_or_default();
    let sayable = (1..=70).contains(&name.len()) && name.bytes().all(|octet| octet.is_ascii_graphic());
    if sayable { name.to_owned() } else { hashed(stable) }
}

fn hashed(name: &str) -> String {
    digest(&SHA256, name.as_bytes()).as_ref().iter().map(|octet| format!("{octet:02x}")).collect()
}

impl Maildrop for Open {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn read(&self, index: usize) -> io::Result<Box<dyn Read + Send>> {
        let message = self.messages.get(index).ok_or(io::ErrorKind::NotFound)?;
        let file = self.with(message, |path| File::open(path))?;
        Ok(Box::new(Crlf::new(file)))
    }

    fn read_at_once(&self, index: usize, limit: usize) -> Option<Vec<u8>> {
        let message = self.messages.get(index)?;
        cached::read(&self.maildir.join(message.part).join(&message.name), limit).map(with_crlf)
    }

    fn commit(&self, deleted: &[usize]) -> bool {
        let gone = |index: &usize| match self.messages.get(*index).map(|m| self.with(m, |path| fs::remove_file(path))) {
            Some(Err(error)) => error.kind() == io::ErrorKind::NotFound, // somebody else deleted it
            Some(Ok(())) => true,
            None => false,
        };
        let all = deleted.iter().filter(|index| !gone(index)).count() == 0; // each is tried
        let synced = ["new", "cur"].map(|part| deleted.is_empty() || sync_folder(&self.maildir.join(part)).is_ok());
        all && !synced.contains(&false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_when_files_were_delivered() {
        let names = ["9.x", "10.M5180P1.vm", "10.M208877P1.vm,S=1", "10.M474394P1", "x", "99999999999999999999999.y"];
        assert_eq!(names.map(delivered), [(9, 0), (10, 5180), (10, 208_877), (10, 474_394), (0, 0), (0, 0)]);
    }

    #[test]
    fn unique_ids_are_names_where_names_can_be_said() {
        assert_eq!(uid("1.M2P3.host,S=10,W=12"), "1.M2P3.host");
        assert_eq!(uid("1.M2P3.host,W=12"), "1.M2P3.host");
        assert_eq!(uid("a,b"), "a,b");
        for odd in ["", "two words", "ümlaut", &"x".repeat(71)] {
            assert_eq!(uid(odd).len(), 64, "{odd}");
        }
    }
}
