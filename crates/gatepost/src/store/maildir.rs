//! Maildir: a file a message, readable by Dovecot, mutt and others at the same time.

mod cached;
mod incoming;
mod index;
mod nameless;
mod open;

use std::fs::{self, File};
use std::io::{self, BufWriter, IntoInnerError, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use gatepost_sasl::Identity;
use gatepost_syntax::{Mailbox, escape};

use incoming::prepare;

pub use incoming::Incoming;

use super::{Folder, MailStore, Maildrop, OpenError};

/// A folder with a Maildir per user: `ROOT/domain/local-part/{tmp,new,cur}`, junk in `.Junk` below it (Maildir++), or as
/// [`Maildir::junk`] says.
///
/// A session has a maildrop alone by a lock of the operating system on `gatepost.lock`, which ends with the process; sizes of
/// messages that other programs stored are remembered in `gatepost.index`, which may be removed at any time.
#[derive(Clone, Debug)]
pub struct Maildir {
    root: PathBuf,
    junk: String,
}

impl Maildir {
    /// Uses a folder, which is made when it is not there.
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        fs::create_dir_all(&root)?;
        Ok(Maildir { root, junk: ".Junk".to_owned() })
    }

    /// Another name for the folder of quarantined mail; a dot parts a folder from one below it, as in `Trash.Spam`. Letters,
    /// digits, spaces and `-_` only: other programs write all else in codes of their own.
    pub fn junk(mut self, name: &str) -> io::Result<Self> {
        let plain =
            |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || " -_".contains(c));
        if !name.split('.').all(plain) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "expected letters, digits, spaces, `-`, `_`, and dots between",
            ));
        }
        self.junk = format!(".{name}");
        Ok(self)
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
            Folder::Junk => inbox.join(&self.junk),
        }
    }
}

impl MailStore for Maildir {
    fn deliver(&self, to: &Mailbox, folder: Folder, message: &mut dyn Read) -> io::Result<()> {
        let maildir = self.folder(to, folder);
        let stored = Incoming::begin(&maildir).and_then(|incoming| {
            let mut incoming = BufWriter::with_capacity(GATHERED, incoming);
            if folder == Folder::Junk {
                // Maildir++: this is a folder of another Maildir
                File::options().create(true).append(true).mode(0o600).open(maildir.join("maildirfolder"))?;
            }
            io::copy(message, &mut incoming)?;
            incoming.into_inner().map_err(IntoInnerError::into_error)?.finish()
        });
        stored.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", maildir.display())))
    }

    fn open(&self, owner: &Identity) -> Result<Box<dyn Maildrop>, OpenError> {
        let user = Mailbox::parse(&owner.user).map_err(|_| OpenError::Temporary)?;
        let maildir = self.folder(&user, Folder::Inbox);
        let opened = prepare(&maildir).and_then(|()| open::Open::new(&maildir));
        match opened {
            Ok(open) => Ok(Box::new(open)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(OpenError::InUse),
            Err(error) => {
                tracing::error!(user = %escape(&owner.user), folder = %maildir.display(), %error, "the maildrop can not be read");
                Err(OpenError::Temporary)
            }
        }
    }
}

/// A message comes in pieces: our fields, the rest of its header, its body. Most have room in so many octets, and are one write.
const GATHERED: usize = 32 << 10;

/// Makes sure that names in a folder are on the disk.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
