//! Mail in memory: for tests.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gatepost_sasl::Identity;
use gatepost_syntax::Mailbox;

use super::crlf::{Crlf, Sizes, with_crlf};
use super::{Entry, Folder, MailStore, Maildrop, OpenError};

/// A store that forgets all when it is dropped. Clones share their mail.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    shared: Arc<Mutex<Shared>>,
}

/// A message with its number, which is never used again.
type Numbered = (u64, Arc<[u8]>);

#[derive(Debug, Default)]
struct Shared {
    mail: HashMap<(String, Folder), Vec<Numbered>>,
    locked: HashSet<String>,
    next: u64,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Memory::default()
    }

    /// The messages of a user's folder.
    pub fn messages(&self, user: &str, folder: Folder) -> Vec<Vec<u8>> {
        let shared = self.lock();
        let mail = shared.mail.get(&(user.to_owned(), folder));
        mail.into_iter().flatten().map(|(_, message)| message.to_vec()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MailStore for Memory {
    fn deliver(&self, to: &Mailbox, folder: Folder, message: &mut dyn Read) -> io::Result<()> {
        let mut octets = Vec::new();
        message.read_to_end(&mut octets)?;
        let mut shared = self.lock();
        shared.next += 1;
        let number = shared.next;
        shared.mail.entry((to.to_string(), folder)).or_default().push((number, octets.into()));
        Ok(())
    }

    fn waits(&self) -> bool {
        false
    }

    fn open(&self, owner: &Identity) -> Result<Box<dyn Maildrop>, OpenError> {
        let mut shared = self.lock();
        if !shared.locked.insert(owner.user.clone()) {
            return Err(OpenError::InUse);
        }
        let messages = shared.mail.get(&(owner.user.clone(), Folder::Inbox)).cloned().unwrap_or_default();
        let entry = |(number, message): &Numbered| {
            let (size, surrogate) = Sizes::of(&message[..]).unwrap_or_default().both_as_sent();
            Entry { size, surrogate, uid: number.to_string() }
        };
        let entries = messages.iter().map(entry).collect();
        Ok(Box::new(Open { store: self.clone(), owner: owner.user.clone(), messages, entries }))
    }
}

struct Open {
    store: Memory,
    owner: String,
    messages: Vec<Numbered>,
    entries: Vec<Entry>,
}

impl Maildrop for Open {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn read(&self, index: usize) -> io::Result<Box<dyn Read + Send>> {
        let (_, message) = self.messages.get(index).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Crlf::new(io::Cursor::new(Arc::clone(message)))))
    }

    fn read_at_once(&self, index: usize, limit: usize) -> Option<Vec<u8>> {
        let (_, message) = self.messages.get(index)?;
        (message.len() <= limit).then(|| with_crlf(message.to_vec()))
    }

    fn commit(&self, deleted: &[usize]) -> bool {
        let gone: Vec<u64> =
            deleted.iter().filter_map(|index| self.messages.get(*index)).map(|(number, _)| *number).collect();
        let mut shared = self.store.lock();
        if let Some(mail) = shared.mail.get_mut(&(self.owner.clone(), Folder::Inbox)) {
            mail.retain(|(number, _)| !gone.contains(number));
        }
        gone.len() == deleted.len()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.store.lock().locked.remove(&self.owner);
    }
}
