//! Maildir: a file a message, readable by Dovecot, mutt and others at the same time.

mod index;
mod open;

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use gatepost_sasl::Identity;
use gatepost_syntax::{Mailbox, escape};
use ring::rand::{SecureRandom, SystemRandom};

use super::crlf::Sizes;
use super::{Folder, MailStore, Maildrop, OpenError};

/// A folder with a Maildir per user: `ROOT/domain/local-part/{tmp,new,cur}`, junk in `.Junk` below it (Maildir++).
///
/// A session has a maildrop alone by a lock of the operating system on `gatepost.lock`, which ends with the process; sizes of
/// messages that other programs stored are remembered in `gatepost.index`, which may be removed at any time.
#[derive(Clone, Debug)]
pub struct Maildir {
    root: PathBuf,
    /// Makes names that another process can not make, be it on another host.
    token: Arc<str>,
}

impl Maildir {
    /// Uses a folder, which is made when it is not there.
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        fs::create_dir_all(&root)?;
        let mut octets = [0; 8];
        SystemRandom::new().fill(&mut octets).map_err(|_| io::Error::other("the system has no randomness"))?;
        let token: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        Ok(Maildir { root, token: token.into() })
    }

    /// Where a user's folder is, for other programs that read it.
    pub fn folder(&self, user: &Mailbox, folder: Folder) -> PathBuf {
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

    /// `seconds.MmicrosecondsPpidRrandomQcounter.host`: never used twice.
    fn unique_name(&self) -> String {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (seconds, micros, pid) = (now.as_secs(), now.subsec_micros(), std::process::id());
        let counter = NEXT.fetch_add(1, Ordering::Relaxed);
        format!("{seconds}.M{micros:06}P{pid}R{}Q{counter}.gatepost", self.token)
    }
}

impl MailStore for Maildir {
    fn deliver(&self, to: &Mailbox, folder: Folder, message: &mut dyn Read) -> io::Result<()> {
        let maildir = self.folder(to, folder);
        prepare(&maildir, folder)?;
        let unique = self.unique_name();
        let temporary = maildir.join("tmp").join(&unique);
        let stored = write_durably(&temporary, message).and_then(|sizes| {
            // S= and W= as Dovecot writes them: octets, and octets with CRLF line ends
            let name = format!("{unique},S={},W={}", sizes.octets, sizes.crlf);
            fs::rename(&temporary, maildir.join("new").join(name))
        });
        if let Err(error) = stored {
            let _ = fs::remove_file(&temporary); // the error that counts is the first one
            return Err(error);
        }
        sync_folder(&maildir.join("new"))
    }

    fn open(&self, owner: &Identity) -> Result<Box<dyn Maildrop>, OpenError> {
        let user = Mailbox::parse(&owner.user).map_err(|_| OpenError::Temporary)?;
        let maildir = self.folder(&user, Folder::Inbox);
        let opened = prepare(&maildir, Folder::Inbox).and_then(|()| open::Open::new(&maildir));
        match opened {
            Ok(open) => Ok(Box::new(open)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(OpenError::InUse),
            Err(error) => {
                tracing::error!(user = %escape(&owner.user), %error, "the maildrop can not be read");
                Err(OpenError::Temporary)
            }
        }
    }
}

/// Makes what is missing of a Maildir, so that a crash does not undo it.
fn prepare(maildir: &Path, folder: Folder) -> io::Result<()> {
    for part in ["tmp", "cur", "new"] {
        create_durably(&maildir.join(part))?; // `new` is last: where it is, all is
    }
    let mark = maildir.join("maildirfolder"); // Maildir++: this is a folder of another Maildir
    if folder == Folder::Junk && !mark.exists() {
        File::options().create(true).append(true).mode(0o600).open(mark)?;
    }
    Ok(())
}

/// A folder that only its owner can read; the entry in its parent is on the disk, too.
fn create_durably(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let Some(parent) = folder.parent() else {
        return Err(io::ErrorKind::NotFound.into());
    };
    create_durably(parent)?;
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder(parent),
    }
}

/// Makes sure that names in a folder are on the disk.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Writes a file and makes sure that it is on the disk.
fn write_durably(path: &Path, message: &mut dyn Read) -> io::Result<Sizes> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    let (mut sizes, mut buffer) = (Sizes::default(), vec![0; 64 << 10]);
    loop {
        match message.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => {
                let octets = buffer.get(..length).unwrap_or_default();
                file.write_all(octets)?;
                sizes.count(octets);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    file.sync_all()?;
    Ok(sizes)
}
