//! Maildir: a file a message, readable by Dovecot, mutt and others.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use gatepost_sasl::Identity;
use gatepost_syntax::{Mailbox, escape};

use super::{Entry, Folder, MailStore, Maildrop, OpenError};

/// A folder with a Maildir per user: `ROOT/domain/local-part/{tmp,new,cur}`, junk in `.Junk` below it (Maildir++).
#[derive(Clone, Debug)]
pub struct Maildir {
    root: PathBuf,
    /// Users whose inbox a session of this process has.
    locked: Arc<Mutex<HashSet<String>>>,
}

impl Maildir {
    /// Uses a folder, which is made when it is not there.
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        fs::create_dir_all(&root)?;
        Ok(Maildir { root, locked: Arc::default() })
    }

    fn folder(&self, user: &Mailbox, folder: Folder) -> PathBuf {
        // no stranger's text becomes a path: what is not a plain character is percent-encoded, and dots in front
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_+=.".contains(c);
        let mut local = String::new();
        for (index, c) in user.local().char_indices() {
            if plain(c) && !(index == 0 && c == '.') {
                local.push(c);
            } else {
                local.extend(c.to_string().bytes().map(|octet| format!("%{octet:02x}")));
            }
        }
        let host = user.domain().map_or_else(|| "literal".to_owned(), ToString::to_string);
        let inbox = self.root.join(host).join(local);
        match folder {
            Folder::Inbox => inbox,
            Folder::Junk => inbox.join(".Junk"),
        }
    }
}

impl MailStore for Maildir {
    fn deliver(&self, to: &Mailbox, folder: Folder, message: &mut dyn Read) -> io::Result<()> {
        let maildir = self.folder(to, folder);
        for part in ["tmp", "new", "cur"] {
            fs::create_dir_all(maildir.join(part))?;
        }
        let unique = unique_name();
        let temporary = maildir.join("tmp").join(&unique);
        let written = write_durably(&temporary, message);
        let size = match written {
            Ok(size) => size,
            Err(error) => {
                let _ = fs::remove_file(&temporary); // the error that counts is the first one
                return Err(error);
            }
        };
        // S= and W= as Dovecot writes them: octets, and octets with CRLF line ends
        fs::rename(&temporary, maildir.join("new").join(format!("{unique},S={size},W={size}")))?;
        File::open(maildir.join("new"))?.sync_all()
    }

    fn open(&self, owner: &Identity) -> Result<Box<dyn Maildrop>, OpenError> {
        let user = Mailbox::parse(&owner.user).map_err(|_| OpenError::Temporary)?;
        let mut locked = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        if !locked.insert(owner.user.clone()) {
            return Err(OpenError::InUse);
        }
        drop(locked);
        // from here on dropping unlocks
        let mut open = Open {
            locked: Arc::clone(&self.locked),
            owner: owner.user.clone(),
            files: Vec::new(),
            entries: Vec::new(),
        };
        open.list(&self.folder(&user, Folder::Inbox)).map_err(|error| {
            tracing::error!(user = %escape(&owner.user), %error, "the maildrop can not be read");
            OpenError::Temporary
        })?;
        Ok(Box::new(open))
    }
}

/// Writes a file and makes sure that it is on the disk.
fn write_durably(path: &Path, message: &mut dyn Read) -> io::Result<u64> {
    let mut file = File::options().write(true).create_new(true).open(path)?;
    let size = io::copy(message, &mut file)?;
    file.flush()?;
    file.sync_all()?;
    Ok(size)
}

/// `seconds.MmicrosecondsPpidQcounter.host`: never used twice.
fn unique_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let counter = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}.M{:06}P{}Q{counter}.gatepost", now.as_secs(), now.subsec_micros(), std::process::id())
}

struct Open {
    locked: Arc<Mutex<HashSet<String>>>,
    owner: String,
    files: Vec<PathBuf>,
    entries: Vec<Entry>,
}

impl Open {
    fn list(&mut self, maildir: &Path) -> io::Result<()> {
        let mut found: Vec<(String, PathBuf)> = Vec::new();
        for part in ["cur", "new"] {
            let folder = match fs::read_dir(maildir.join(part)) {
                Ok(folder) => folder,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for file in folder {
                let file = file?;
                let name = file.file_name().to_string_lossy().into_owned();
                if !name.starts_with('.') && file.file_type()?.is_file() {
                    found.push((name, file.path()));
                }
            }
        }
        found.sort();
        for (name, path) in found {
            let base = name.split([':', ',']).next().unwrap_or_default();
            let size = match name.split([':', ',']).find_map(|part| part.strip_prefix("W=")?.parse().ok()) {
                Some(size) => size,
                None => u64::try_from(with_crlf(fs::read(&path)?).len()).unwrap_or(u64::MAX),
            };
            self.entries.push(Entry { size, uid: uid(base) });
            self.files.push(path);
        }
        Ok(())
    }
}

/// 1 to 70 printable characters (RFC 1939 §7); longer names are cut in front, where they agree most.
fn uid(base: &str) -> String {
    let printable: Vec<char> = base.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
    printable.get(printable.len().saturating_sub(70)..).unwrap_or_default().iter().collect()
}

/// Files of other programs may have LF line ends.
fn with_crlf(octets: Vec<u8>) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len());
    let mut previous = 0;
    for octet in octets {
        if octet == b'\n' && previous != b'\r' {
            out.push(b'\r');
        }
        out.push(octet);
        previous = octet;
    }
    out
}

impl Maildrop for Open {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn read(&self, index: usize) -> io::Result<Vec<u8>> {
        let path = self.files.get(index).ok_or(io::ErrorKind::NotFound)?;
        fs::read(path).map(with_crlf)
    }

    fn commit(&mut self, deleted: &[usize]) -> bool {
        let files = deleted.iter().filter_map(|index| self.files.get(*index));
        files.filter(|file| fs::remove_file(file).is_err()).count() == 0 // each is tried
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.owner);
    }
}
