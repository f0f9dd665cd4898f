//! Users, stored as SCRAM keys: nobody can log in with what is in the file.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use gatepost_sasl::{Answer, Authenticator, BoxFuture, Identity, Question, ScramKeys, Secret};
use gatepost_syntax::{Domain, Mailbox, MailboxError};
use thiserror::Error;

/// How many iterations new keys take.
pub const ITERATIONS: NonZeroU32 = match NonZeroU32::new(10_000) {
    Some(iterations) => iterations,
    None => NonZeroU32::MIN,
};

/// Users with their keys. Clones share them; [`Users::reload`] changes them for all.
#[derive(Clone)]
pub struct Users {
    keys: Arc<ArcSwap<BTreeMap<String, ScramKeys>>>,
    /// Makes the fake keys of users that do not exist.
    secret: Arc<Secret>,
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Users({})", self.keys.load().len())
    }
}

/// Why a file of users can not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UsersError {
    /// The file can not be opened.
    #[error("{path}: {error}")]
    Io {
        /// Which file.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// A line is malformed.
    #[error("line {line}: expected `user@domain:SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`")]
    Line {
        /// Which line, from 1.
        line: usize,
    },
    /// A name is no mailbox.
    #[error("line {line}: {error}")]
    Name {
        /// Which line, from 1.
        line: usize,
        /// What is wrong with the name.
        error: MailboxError,
    },
}

impl Users {
    /// Nobody yet. The secret is 32 octets of randomness that stay the same for as long as possible: with it nobody can
    /// tell users that exist from those that do not.
    pub fn new(secret: Secret) -> Self {
        Users { keys: Arc::default(), secret: Arc::new(secret) }
    }

    /// Reads a file: a user a line, `name:keys`; empty lines and those that begin with `#` are skipped.
    pub fn open(path: impl AsRef<Path>, secret: Secret) -> Result<Self, UsersError> {
        let users = Users::new(secret);
        users.reload(path)?;
        Ok(users)
    }

    /// Reads a file again; when it can not be read all stays as it was.
    pub fn reload(&self, path: impl AsRef<Path>) -> Result<(), UsersError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|error| UsersError::Io { path: path.display().to_string(), error })?;
        self.keys.store(Arc::new(parse(&text)?));
        Ok(())
    }

    /// Adds a user; the salt is 16 octets of randomness.
    pub fn add(&self, user: &Mailbox, password: &Secret, salt: &[u8]) {
        let keys = ScramKeys::derive(password, salt, ITERATIONS);
        let mut all = BTreeMap::clone(&self.keys.load());
        all.insert(user.to_string(), keys);
        self.keys.store(Arc::new(all));
    }

    /// The user whose mailbox this is, as he is stored: local parts are compared without case where that is needed.
    pub fn find(&self, mailbox: &Mailbox) -> Option<Mailbox> {
        let keys = self.keys.load();
        let wanted = mailbox.to_string();
        let name = match keys.get_key_value(&wanted) {
            Some((name, _)) => name,
            None => keys.keys().find(|name| name.eq_ignore_ascii_case(&wanted))?,
        };
        Mailbox::parse(name).ok()
    }

    /// Whether a user has a mailbox in the domain.
    pub(crate) fn has_domain(&self, domain: &Domain) -> bool {
        self.keys.load().keys().any(|name| Mailbox::parse(name).is_ok_and(|mailbox| mailbox.domain() == Some(domain)))
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        self.keys.load().iter().map(|(user, keys)| format!("{user}:{keys}\n")).collect()
    }

    /// The keys of a user with the name as it is stored; fake ones where there is no such user.
    fn keys_of(&self, user: &str) -> (ScramKeys, String, bool) {
        let name = Mailbox::parse(user).ok().and_then(|mailbox| self.find(&mailbox)).map(|mailbox| mailbox.to_string());
        let keys = name.as_ref().and_then(|name| self.keys.load().get(name).cloned());
        match (name, keys) {
            (Some(name), Some(keys)) => (keys, name, true),
            _ => (ScramKeys::fake(&self.secret, user, ITERATIONS), user.to_owned(), false),
        }
    }
}

fn parse(text: &str) -> Result<BTreeMap<String, ScramKeys>, UsersError> {
    let mut users = BTreeMap::new();
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    for (index, text) in lines {
        let line = index + 1;
        let (name, keys) = text.rsplit_once(":SCRAM-SHA-256$").ok_or(UsersError::Line { line })?;
        let keys = format!("SCRAM-SHA-256${}", keys.trim_end()).parse().map_err(|_| UsersError::Line { line })?;
        let name = Mailbox::parse(name).map_err(|error| UsersError::Name { line, error })?;
        users.insert(name.to_string(), keys);
    }
    Ok(users)
}

impl Authenticator for Users {
    fn answer<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            match question {
                Question::Password { user, authzid: None, password } => {
                    let (keys, user, exists) = self.keys_of(user);
                    let (password, identity) = (password.clone(), Identity { user });
                    // the derivation is the same work for users that do not exist
                    let fits = tokio::task::spawn_blocking(move || keys.fits(&password)).await.unwrap_or(false);
                    if fits && exists { Answer::Grant(identity) } else { Answer::Deny }
                }
                Question::ScramKeys { user, authzid: None } => {
                    let (keys, user, _) = self.keys_of(user);
                    Answer::Keys(keys, Identity { user })
                }
                // acting as somebody else is never allowed here
                _ => Answer::Deny,
            }
        })
    }
}
