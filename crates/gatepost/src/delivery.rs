//! What the server shares among sessions, and how a judged message gets into a store.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gatepost_dkim::PrivateKey;
use gatepost_pop3::server::Config as Pop3Config;
use gatepost_results::{strip_for_delivery, trace};
use gatepost_sasl::{Answer, Authenticator, Question};
use gatepost_smtp::Reply;
use gatepost_smtp::server::Config as SmtpConfig;
use gatepost_syntax::{Domain, ForwardPath, HeaderBlock, Mailbox, ReversePath};

use crate::bundle::Bundle;
use crate::directory::Directory;
use crate::gate::Gate;
use crate::judge::{Inbound, Judge};
use crate::limits::Limits;
use crate::metrics::{Count, Metrics};
use crate::outbound::Engine;
use crate::spool::Spool;
use crate::store::{Folder, MailStore};
use crate::users::Users;

/// What all sessions of a server share.
pub(crate) struct Shared {
    pub(crate) hostname: Domain,
    pub(crate) judge: Judge,
    pub(crate) users: Users,
    pub(crate) store: Arc<dyn MailStore>,
    pub(crate) spool: PathBuf,
    pub(crate) signers: Vec<Arc<SigningIdentity>>,
    pub(crate) directory: Directory,
    pub(crate) limits: Limits,
    pub(crate) gate: Arc<Gate>,
    pub(crate) metrics: Arc<Metrics>,
    /// Mail for other domains; `None` where it is not taken.
    pub(crate) outbound: Option<Arc<Engine>>,
    /// Where bundles are kept, if they are.
    pub(crate) bundles: Option<PathBuf>,
    /// How sessions behave, shared by them.
    pub(crate) mx: Arc<SmtpConfig>,
    pub(crate) submission: Arc<SmtpConfig>,
    pub(crate) pop3: Arc<Pop3Config>,
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    pub(crate) logins: crate::pop::Logins,
}

/// Whose key signs submitted mail.
pub(crate) struct SigningIdentity {
    pub(crate) domain: Domain,
    pub(crate) selector: Domain,
    pub(crate) key: PrivateKey,
}

impl Shared {
    /// The users who get the mail for an address.
    pub(crate) fn recipients(&self, address: &Mailbox) -> Vec<Mailbox> {
        self.directory.users(&self.users, address)
    }

    /// The mailbox of a path; a lone postmaster is that of this host (RFC 5321 §4.1.1.3).
    pub(crate) fn mailbox(&self, path: &ForwardPath) -> Option<Mailbox> {
        match path {
            ForwardPath::Mailbox(mailbox) => Some(mailbox.clone()),
            ForwardPath::Postmaster => Mailbox::new("postmaster", self.hostname.clone()).ok(),
        }
    }

    /// Whether mail for the domain ends here.
    pub(crate) fn is_local(&self, domain: &Domain) -> bool {
        self.directory.is_local(&self.users, domain)
    }

    /// Asks the users' store, or who is asked in its place.
    pub(crate) async fn answer(&self, question: &Question) -> Answer {
        match &self.authenticator {
            Some(other) => other.answer(question).await,
            None => self.users.answer(question).await,
        }
    }

    /// Counts what came of a message.
    pub(crate) fn count(&self, finished: &Result<(), Reply>) {
        let result = match finished {
            Ok(()) => "accepted",
            Err(reply) if reply.code() < 500 => "deferred",
            Err(_) => "refused",
        };
        self.metrics.add(Count::Messages, result);
    }

    /// The keys that sign for an author: those of the nearest domain that has any.
    pub(crate) fn signers(&self, author: &Domain) -> Vec<&Arc<SigningIdentity>> {
        let near = |identity: &&Arc<SigningIdentity>| author.is_or_below(&identity.domain);
        let nearest = self.signers.iter().filter(near).map(|identity| identity.domain.label_count()).max();
        self.signers.iter().filter(near).filter(|identity| Some(identity.domain.label_count()) == nearest).collect()
    }

    /// Keeps the bundle of a judgement and the message beside it, if the operator wants that; gives the body back. That it
    /// fails must not keep mail from being delivered.
    pub(crate) async fn keep_bundle(&self, inbound: &Inbound, mut body: Spool) -> io::Result<Spool> {
        let (Some(folder), Some(bundle)) = (self.bundles.clone(), inbound.bundle.clone()) else {
            return Ok(body);
        };
        let headers = Arc::clone(&inbound.headers);
        let kept = tokio::task::spawn_blocking(move || {
            let written = write_bundle(&folder, &bundle, &headers, &mut body);
            if let Err(error) = written {
                tracing::error!(%error, folder = %folder.display(), "a bundle can not be kept");
            }
            body
        });
        kept.await.map_err(io::Error::other)
    }

    /// Stores a judged message for its recipients: our fields on top, forged ones removed, durable when this returns.
    pub(crate) async fn deliver(
        self: &Arc<Self>,
        message: Judged,
        from: &ReversePath,
        recipients: Vec<Mailbox>,
        folder: Folder,
    ) -> io::Result<()> {
        if !self.store.waits() && message.body.is_in_memory() {
            return self.store_for(message, from, &recipients, folder);
        }
        let (shared, from) = (Arc::clone(self), from.clone());
        let stored = tokio::task::spawn_blocking(move || shared.store_for(message, &from, &recipients, folder));
        stored.await.map_err(io::Error::other)?
    }

    fn store_for(
        &self,
        mut message: Judged,
        from: &ReversePath,
        recipients: &[Mailbox],
        folder: Folder,
    ) -> io::Result<()> {
        message.body.end_line()?;
        let stripped = strip_for_delivery(&message.inbound.headers, &[self.hostname.as_str()]);
        let mut top = trace::return_path(from);
        top.push_str(&message.inbound.results().to_field());
        top.push_str(message.inbound.received_spf());
        top.push_str(&message.received);
        for recipient in recipients {
            let head = top.as_bytes().chain(stripped.headers.as_slice()).chain(&b"\r\n"[..]);
            self.store.deliver(recipient, folder, &mut head.chain(message.body.reader()?))?;
        }
        Ok(())
    }
}

/// What is said, and logged, of a message that can not be stored.
pub(crate) fn not_stored(error: &io::Error) -> Reply {
    tracing::error!(%error, "a message can not be stored");
    match error.kind() {
        // RFC 5321 §4.2.3, RFC 3463 §3.4
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Reply::transient(452, "4.3.1", "insufficient system storage, try again later")
        }
        _ => Reply::transient(451, "4.3.0", "local error, try again later"),
    }
}

/// A message with its verdicts, to be stored.
pub(crate) struct Judged {
    pub(crate) inbound: Inbound,
    pub(crate) received: String,
    pub(crate) body: Spool,
}

/// `HASH.json` and `HASH.eml`: the message as it came.
fn write_bundle(folder: &Path, bundle: &Bundle, headers: &HeaderBlock, body: &mut Spool) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let file = |extension: &str| folder.join(format!("{}.{extension}", bundle.message_sha256));
    std::fs::write(file("json"), bundle.to_json())?;
    let mut message = std::fs::File::create(file("eml"))?;
    io::copy(&mut headers.raw().chain(&b"\r\n"[..]).chain(body.reader()?), &mut message)?;
    message.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_errors() {
        assert_eq!(not_stored(&io::ErrorKind::StorageFull.into()).code(), 452);
        assert_eq!(not_stored(&io::Error::other("broken")).code(), 451);
    }
}
