//! What a client said from MAIL to the end of the message, whoever it is: other servers and users alike.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::SystemTime;

use gatepost_results::trace;
use gatepost_smtp::server::Server as Smtp;
use gatepost_smtp::{MailFrom, RcptTo, Reply};
use gatepost_syntax::{Domain, Mailbox, ReversePath};

use crate::delivery::Shared;
use crate::judge::Envelope;
use crate::queue::{Entry, Recipient};

/// A transaction (RFC 5321 §3.3).
pub(crate) struct Transaction {
    mail: MailFrom,
    /// As the client said.
    addressed: Vec<Mailbox>,
    /// Who of ours gets the message: each once.
    users: BTreeSet<Mailbox>,
    /// Recipients in other domains, and those here of whose delivery the sender wants to know.
    elsewhere: Vec<Recipient>,
}

impl Transaction {
    pub(crate) fn new(mail: MailFrom) -> Self {
        Transaction { mail, addressed: Vec::new(), users: BTreeSet::new(), elsewhere: Vec::new() }
    }

    pub(crate) fn from(&self) -> &ReversePath {
        &self.mail.path
    }

    /// A recipient that was accepted, and the users who get its mail.
    pub(crate) fn add(&mut self, mailbox: Mailbox, users: Vec<Mailbox>) {
        self.users.extend(users);
        self.addressed.push(mailbox);
    }

    /// Such a recipient, where there is a queue: for whoever is not here, and for reports.
    pub(crate) fn queue(&mut self, mailbox: &Mailbox, recipient: &RcptTo, here: bool, now: SystemTime) {
        self.elsewhere.extend(Recipient::addressed(mailbox, recipient, here, now));
    }

    /// The users who get the message; it is theirs once.
    pub(crate) fn take_users(&mut self) -> Vec<Mailbox> {
        std::mem::take(&mut self.users).into_iter().collect()
    }

    /// What is to be queued, if anything is; likewise.
    pub(crate) fn take_entry(&mut self, now: SystemTime) -> Option<Entry> {
        let elsewhere = std::mem::take(&mut self.elsewhere);
        if elsewhere.is_empty() {
            return None;
        }
        let mut entry = Entry::new(self.mail.path.clone(), elsewhere, now);
        entry.utf8 = self.mail.utf8;
        entry.envelope_id.clone_from(&self.mail.envelope_id);
        entry.returned = self.mail.ret;
        Some(entry)
    }

    /// What the message is judged by.
    pub(crate) fn envelope(&self, session: &Smtp, peer: IpAddr, now: SystemTime) -> Envelope {
        Envelope {
            ip: peer,
            helo: session.hello().map(|hello| hello.name.clone()).unwrap_or_default(),
            mail_from: self.mail.path.mailbox().map(ToString::to_string).unwrap_or_default(),
            now,
        }
    }

    /// The Received field (RFC 5321 §4.4). It names the recipient where there is but one: no other may learn of him.
    pub(crate) fn received(&self, session: &Smtp, hostname: &Domain, peer: IpAddr, now: SystemTime) -> String {
        let only = match self.addressed.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        trace::Received {
            helo: session.hello().map_or("", |hello| hello.name.as_str()),
            client: peer,
            by: hostname.as_str(),
            with: session.protocol(),
            id: &format!("{:x}", now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos())),
            tls: session.tls().map(|tls| (tls.version.word(), tls.cipher.as_str())),
            recipient: only,
            time: now,
        }
        .to_field()
    }
}

/// Counts what came of a message, and says it.
pub(crate) fn end(session: &mut Smtp, shared: &Shared, finished: &Result<(), Reply>) {
    shared.count(finished);
    match finished {
        Ok(()) => session.accept(),
        Err(reply) => session.refuse(reply),
    }
}
