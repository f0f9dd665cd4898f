//! Where mail is kept.

mod crlf;
mod discard;
mod maildir;
mod memory;

use std::io::{self, Read};

pub use gatepost_pop3::server::{Entry, OpenError, SurrogateSize};
use gatepost_sasl::Identity;
use gatepost_syntax::Mailbox;

pub use discard::Discard;
pub use maildir::{Incoming, Maildir};
pub use memory::Memory;

/// Which folder of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Folder {
    /// What POP3 shows.
    #[default]
    Inbox,
    /// Where quarantined mail goes.
    Junk,
}

/// Keeps mail for users. Methods may block; the server calls them where that is fine.
pub trait MailStore: Send + Sync {
    /// Stores a message durably: when this returns, a crash does not lose it. The server gives whole lines, with CRLF.
    fn deliver(&self, to: &Mailbox, folder: Folder, message: &mut dyn Read) -> io::Result<()>;
    /// Whether [`MailStore::deliver`] waits for a disk or a network. What does not is called where the session runs: handing it
    /// over to a thread that may wait costs more than it does.
    fn waits(&self) -> bool {
        true
    }
    /// Opens a user's inbox for one session alone.
    fn open(&self, owner: &Identity) -> Result<Box<dyn Maildrop>, OpenError>;
}

/// One user's inbox, locked until dropped. Its numbers do not change.
pub trait Maildrop: Send + Sync {
    /// The messages.
    fn entries(&self) -> &[Entry];
    /// A message with CRLF line ends, from its beginning.
    fn read(&self, index: usize) -> io::Result<Box<dyn Read + Send>>;
    /// A message of at most `limit` octets with CRLF line ends, where nothing must be waited for; `None` where something must,
    /// and as long as a store does not say otherwise. The server calls this where blocking is not fine, and [`Maildrop::read`]
    /// elsewhere if it got nothing.
    fn read_at_once(&self, _index: usize, _limit: usize) -> Option<Vec<u8>> {
        None
    }
    /// Deletes messages for good; whether all were deleted. What is not named stays whatever happens.
    fn commit(&self, deleted: &[usize]) -> bool;
}

impl<S: MailStore + ?Sized> MailStore for std::sync::Arc<S> {
    fn deliver(&self, to: &Mailbox, folder: Folder, message: &mut dyn Read) -> io::Result<()> {
        (**self).deliver(to, folder, message)
    }

    fn waits(&self) -> bool {
        (**self).waits()
    }

    fn open(&self, owner: &Identity) -> Result<Box<dyn Maildrop>, OpenError> {
        (**self).open(owner)
    }
}
