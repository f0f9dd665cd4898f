//! Reports to senders: written, signed, and delivered before the queue forgets what they are about.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::SystemTime;

use gatepost_dkim::sign::{Signer, Spec};
use gatepost_results::trace;
use gatepost_smtp::report::{Action, Recipient as Told, Report, Returned, Written};
use gatepost_smtp::{Class, EnvelopeId, Notify, Status};
use gatepost_syntax::{HeaderBlock, HeaderLimits, Mailbox, ReversePath};

use super::Sender;
use super::dispatch::Engine;
use super::live::{Live, blocking};
use crate::delivery::{Shared, SigningIdentity};
use crate::queue::{Entry, Recipient, State};
use crate::random;
use crate::store::Folder;

/// Octets of a header section that is returned; one that is larger is left out.
const HEADER: u64 = 64 << 10;

impl Engine {
    /// Tells the sender what he does not know yet, and writes down that he knows.
    pub(super) async fn report(&self, shared: &Arc<Shared>, live: &Arc<Live>) -> io::Result<()> {
        let _alone = live.reporting.lock().await;
        for action in [Action::Failed, Action::Delayed, Action::Relayed, Action::Delivered] {
            let entry = live.entry();
            let about: Vec<usize> =
                (0..entry.recipients.len()).filter(|i| self.is_about(shared, &entry, *i, action)).collect();
            let Some(sender) = entry.from.mailbox().filter(|_| !about.is_empty()) else {
                continue;
            };
            let full = entry.returned == Some(Returned::Full) && action == Action::Failed;
            let report = self.write(&entry, sender, &about, action, full)?;
            let report = Outgoing { to: sender.clone(), report, full, now: self.now() };
            let (shared, queue) = (Arc::clone(shared), self.queue.clone());
            let queued = blocking(live, move |live| {
                let signature = report.signature(live, &shared)?;
                match shared.recipients(&report.to).as_slice() {
                    [] => {
                        let mut draft = queue.begin()?;
                        io::copy(&mut report.octets(live, &signature)?, &mut draft)?;
                        draft.ready(report.envelope()).map(Some)
                    }
                    users => {
                        for user in users {
                            let mut octets = report.octets(live, &signature)?;
                            let top = trace::return_path(&ReversePath::Null);
                            shared.store.deliver(user, Folder::Inbox, &mut top.as_bytes().chain(&mut octets))?;
                        }
                        Ok(None)
                    }
                }
            })
            .await?;
            if let Some(ready) = queued {
                self.accept(ready)?;
            }
            tracing::info!(id = entry.id, ?action, recipients = about.len(), "reported to the sender");
            blocking(live, move |live| live.change(move |entry| known(entry, &about, action))).await?;
        }
        Ok(())
    }

    fn is_about(&self, shared: &Shared, entry: &Entry, index: usize, action: Action) -> bool {
        let Some(recipient) = entry.recipients.get(index) else {
            return false;
        };
        match (action, recipient.state) {
            (Action::Failed, State::Failed) => entry.owes(recipient),
            (Action::Relayed | Action::Delivered, State::Delivered) => {
                let here = recipient.to.domain().is_some_and(|domain| shared.is_local(domain));
                entry.owes(recipient) && here == (action == Action::Delivered)
            }
            (Action::Delayed, State::Pending) => {
                let late = self.sender().relay.retry.is_late(entry.arrived, self.now());
                late && recipient.wants().delay && !recipient.warned && recipient.attempts > 0
            }
            _ => false,
        }
    }

    fn write(&self, entry: &Entry, to: &Mailbox, about: &[usize], action: Action, full: bool) -> io::Result<Written> {
        let Sender { relay, hostname, .. } = &*self.sender();
        let recipients = about.iter().filter_map(|index| entry.recipients.get(*index)).map(|recipient| {
            let said = recipient.last.as_ref().filter(|_| matches!(action, Action::Failed | Action::Delayed));
            Told {
                address: &recipient.to,
                original: recipient.original.as_ref().map(|original| (original.kind(), original.address())),
                status: said.map_or(Status::new(Class::Success, 0, 0), |said| said.status),
                remote: said.and_then(|said| said.host.as_deref()),
                reply: said.and_then(|said| said.reply.as_ref()),
                reason: said.and_then(|said| said.reason.as_deref()),
                tried: said.map(|said| said.at),
                until: Some(relay.retry.until(entry.arrived)),
            }
        });
        let id: String = random::nonce().ok_or_else(|| io::Error::other("the system has no randomness"))?;
        let report = Report {
            mta: hostname,
            to,
            envelope_id: entry.envelope_id.as_ref().map(EnvelopeId::as_str),
            arrived: entry.arrived,
            now: self.now(),
            id: &id,
            action,
            recipients: recipients.collect(),
            returned: if full { Returned::Full } else { Returned::Headers },
            eight_bit: entry.eight_bit,
            utf8: entry.utf8,
        };
        Ok(report.write(&relay.limits.report))
    }
}

/// The sender knows now.
fn known(entry: &mut Entry, about: &[usize], action: Action) {
    for index in about {
        if let Some(recipient) = entry.recipients.get_mut(*index) {
            match action {
                Action::Delayed => recipient.warned = true,
                Action::Failed | Action::Relayed | Action::Delivered => recipient.reported = true,
            }
        }
    }
}

/// A report on its way; the original message is read from the queue each time it is needed.
struct Outgoing {
    to: Mailbox,
    report: Written,
    full: bool,
    now: SystemTime,
}

impl Outgoing {
    /// The part of the original that is returned.
    fn original(&self, live: &Live) -> io::Result<Box<dyn Read>> {
        let mut message = live.message()?;
        if self.full {
            return Ok(Box::new(message));
        }
        let mut front = Vec::new();
        message.by_ref().take(HEADER).read_to_end(&mut front)?;
        let header = HeaderBlock::parse(&front, &HeaderLimits::default());
        let header = header.map(|(header, _)| header.raw().to_vec()).unwrap_or_default();
        Ok(Box::new(io::Cursor::new(header)))
    }

    /// All of it, behind its signature.
    fn octets<'s>(&'s self, live: &Live, signature: &'s str) -> io::Result<impl Read + 's> {
        let Written { header, before, after } = &self.report;
        let front = signature.as_bytes().chain(header.as_bytes()).chain(before.as_bytes());
        Ok(front.chain(self.original(live)?).chain(after.as_bytes()))
    }

    /// Our signatures, where the report comes from a domain that we sign for; empty otherwise.
    fn signature(&self, live: &Live, shared: &Shared) -> io::Result<String> {
        let (header, _) =
            HeaderBlock::parse(self.report.header.as_bytes(), &HeaderLimits::default()).map_err(io::Error::other)?;
        let mut signers = Vec::new();
        for identity in shared.signers(&shared.hostname) {
            let mut spec = Spec::new(identity.domain.clone(), identity.selector.clone());
            spec.time = Some(self.now);
            signers.push((identity, Signer::new(spec, header.clone()).map_err(io::Error::other)?));
        }
        let Written { before, after, .. } = &self.report;
        let mut body = before.as_bytes().chain(self.original(live)?).chain(after.as_bytes());
        let mut piece = vec![0; 64 << 10];
        while !signers.is_empty() {
            match body.read(&mut piece)? {
                0 => break,
                length => {
                    let octets = piece.get(..length).unwrap_or_default();
                    signers.iter_mut().for_each(|(_, signer)| signer.body(octets));
                }
            }
        }
        let sign = |(identity, signer): (&Arc<SigningIdentity>, Signer)| signer.finish()?.sign(&identity.key);
        signers.into_iter().map(sign).collect::<Result<_, _>>().map_err(io::Error::other)
    }

    /// To somebody who is no user here any more; nobody hears of it if it fails, too.
    fn envelope(&self) -> Entry {
        let mut recipient = Recipient::new(self.to.clone(), self.now);
        recipient.notify = Some(Notify::default());
        Entry::new(ReversePath::Null, vec![recipient], self.now)
    }
}
