//! Users, in a file of `gatepost-sasl`: nobody can log in with what is in it.

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
pub use gatepost_sasl::ITERATIONS;
use gatepost_sasl::{
    Answer, Authenticator, BoxFuture, PrepareError, Question, ScramHash, ScramKeys, Secret, UserFile, UserFileError,
    UserProblem, Verifier,
};
use gatepost_syntax::{Domain, Mailbox, MailboxError};
use thiserror::Error;
use tokio::sync::Semaphore;

/// Users, whose names are mailboxes. Clones share them; [`Users::reload`] changes them for all.
#[derive(Clone)]
pub struct Users {
    file: Arc<ArcSwap<UserFile>>,
    /// Makes users that do not exist look like those that do.
    secret: Arc<Secret>,
    /// How many passwords may be hashed at a time, one for each processor: more would not be faster, and argon2 takes 19 MiB for
    /// each.
    hashing: Arc<Semaphore>,
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Users({})", self.file.load().names().count())
    }
}

/// Why a file of users can not be used, or a user not be added.
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
    #[error(transparent)]
    Line(#[from] UserFileError),
    /// A name is no mailbox.
    #[error("user {name:?}: {error}")]
    Mailbox {
        /// Which name.
        name: String,
        /// What is wrong with it.
        error: MailboxError,
    },
    /// A name is not written as it is looked up: a domain with letters beyond ASCII, say.
    #[error("user {name:?}: write {right}")]
    Written {
        /// The name as it stands.
        name: String,
        /// The name as it has to be.
        right: Mailbox,
    },
    /// A password that nobody can type.
    #[error("the password has {0}")]
    Password(#[from] PrepareError),
    /// A name that no user may have.
    #[error(transparent)]
    Problem(#[from] UserProblem),
}

impl Users {
    /// Nobody yet. The secret is 32 octets of randomness that stay the same for as long as possible: with it nobody can
    /// tell users that exist from those that do not.
    pub fn new(secret: Secret) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Users { file: Arc::default(), secret: Arc::new(secret), hashing: Arc::new(Semaphore::new(processors)) }
    }

    /// Reads a [`UserFile`] whose names are mailboxes.
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
        let file: UserFile = text.parse()?;
        for name in file.names() {
            let mailbox = Mailbox::parse(name).map_err(|error| UsersError::Mailbox { name: name.to_owned(), error })?;
            if !mailbox.to_string().eq_ignore_ascii_case(name) {
                return Err(UsersError::Written { name: name.to_owned(), right: mailbox });
            }
        }
        self.file.store(Arc::new(file));
        Ok(())
    }

    /// Adds a user, or changes the password; the salt is 16 octets of randomness.
    pub fn add(&self, user: &Mailbox, password: &Secret, salt: &[u8]) -> Result<(), UsersError> {
        let keys = ScramKeys::derive(ScramHash::Sha256, &password.prepared()?, salt, ITERATIONS);
        let mut file = UserFile::clone(&self.file.load());
        file.add(&user.to_string(), Verifier::Scram(keys))?;
        self.file.store(Arc::new(file));
        Ok(())
    }

    /// The user whose mailbox this is, as he is stored: names are compared without case.
    pub fn find(&self, mailbox: &Mailbox) -> Option<Mailbox> {
        self.file.load().name(&mailbox.to_string()).and_then(|name| Mailbox::parse(name).ok())
    }

    /// Whether a user has a mailbox in the domain.
    pub(crate) fn has_domain(&self, domain: &Domain) -> bool {
        self.file.load().names().any(|name| Mailbox::parse(name).is_ok_and(|mailbox| mailbox.domain() == Some(domain)))
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        self.file.load().to_string()
    }
}

/// The question about names as they are written in the file.
fn written(question: &Question) -> Question {
    let mut question = question.clone();
    let (user, authzid) = match &mut question {
        Question::Password { user, authzid, .. } | Question::ScramKeys { user, authzid, .. } => (Some(user), authzid),
        Question::Certificate { authzid, .. } => (None, authzid),
        _ => return question,
    };
    for name in user.into_iter().chain(authzid) {
        if let Ok(mailbox) = Mailbox::parse(name) {
            *name = mailbox.to_string();
        }
    }
    question
}

impl Authenticator for Users {
    fn answer<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Answer> {
        let (file, secret, question) = (self.file.load_full(), Arc::clone(&self.secret), written(question));
        let hashing = Arc::clone(&self.hashing);
        Box::pin(async move {
            match question {
                // a password takes milliseconds of work, by intent
                Question::Password { .. } => {
                    let Ok(place) = hashing.acquire_owned().await else { return Answer::Unavailable };
                    let work = move || {
                        let answer = file.answer(&question, &secret);
                        drop(place); // not before: who left does not make room for another one
                        answer
                    };
                    tokio::task::spawn_blocking(work).await.unwrap_or(Answer::Unavailable)
                }
                question => file.answer(&question, &secret),
            }
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use std::time::Duration;

    use super::*;

    /// Many who try passwords at once wait for each other, and take no more memory than the processors can use.
    #[tokio::test]
    async fn as_many_passwords_are_hashed_as_there_are_processors() {
        let users = Users::new(Secret::new("a test secret"));
        users.add(&"ann@example.test".parse().unwrap(), &Secret::new("pencil"), b"salt of 16 bytes").unwrap();
        let question =
            Question::Password { user: "ann@example.test".into(), authzid: None, password: Secret::new("pencil") };
        let busy = users.hashing.acquire_many(users.hashing.available_permits().try_into().unwrap()).await.unwrap();
        let mut answer = users.answer(&question);
        assert!(tokio::time::timeout(Duration::from_millis(50), &mut answer).await.is_err());
        let keys = Question::ScramKeys { hash: ScramHash::Sha256, user: "ann@example.test".into(), authzid: None };
        assert!(matches!(users.answer(&keys).await, Answer::Keys(..)), "that is no work");
        drop(busy);
        assert!(matches!(answer.await, Answer::Grant(_)));
    }
}
