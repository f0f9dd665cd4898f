//! Mail to nowhere: for measuring all that comes before a store.

use std::io::{self, Read};

use gatepost_sasl::Identity;
use gatepost_syntax::Mailbox;

use super::{Folder, MailStore, Maildrop, OpenError};

/// A store that throws all mail away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl MailStore for Discard {
    fn deliver(&self, _to: &Mailbox, _folder: Folder, message: &mut dyn Read) -> io::Result<()> {
        io::copy(message, &mut io::sink()).map(drop)
    }

    fn waits(&self) -> bool {
        false
    }

    fn open(&self, _owner: &Identity) -> Result<Box<dyn Maildrop>, OpenError> {
        Err(OpenError::Temporary)
    }
}
