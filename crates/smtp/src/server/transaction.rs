//! MAIL and RCPT (RFC 5321 §4.1.1.2, §4.1.1.3).

use gatepost_syntax::Mailbox;

use super::state::{Chunks, Transaction};
use super::{Event, Profile, Server, State};
use crate::envelope::{Body, MailFrom, RcptTo};
use crate::reply::{self, Reply};

impl Server {
    pub(super) fn mail(&mut self, mail: MailFrom) {
        let extended = match &self.state {
            State::Ready(Some(hello)) => hello.extended,
            State::Ready(None) => return self.fail(&reply::HELLO_FIRST),
            _ => return self.fail(&reply::NO_TRANSACTION_NOW),
        };
        if let Some(reply) = self.mail_refusal(&mail, extended) {
            return self.fail(&reply);
        }
        self.pending = Some(Event::Mail(mail));
    }

    fn mail_refusal(&self, mail: &MailFrom, extended: bool) -> Option<Reply> {
        let offered = &self.config.extensions;
        let not_offered = (!extended && mail.is_extended())
            || (mail.body == Body::BinaryMime && !(offered.chunking && offered.binary_mime))
            || (mail.utf8 && !offered.smtp_utf8)
            || ((mail.ret.is_some() || mail.envelope_id.is_some()) && !offered.dsn)
            || (mail.require_tls && !offered.require_tls);
        if not_offered {
            return Some(reply::PARAMETER); // RFC 5321 §4.1.1.11
        }
        if mail.require_tls && self.tls.is_none() {
            return Some(reply::REQUIRETLS_NEEDS_TLS); // RFC 8689 §2
        }
        if mail.size.is_some_and(|size| size > self.config.limits.message) {
            return Some(reply::TOO_LARGE); // RFC 1870 §6.1
        }
        self.is_unqualified(mail.path.mailbox()).then_some(reply::SENDER_NOT_QUALIFIED)
    }

    pub(super) fn recipient(&mut self, recipient: RcptTo) {
        let transaction = match &self.state {
            State::Transaction(transaction) if matches!(transaction.chunks, Chunks::None) => transaction,
            State::Transaction(Transaction { chunks: Chunks::Failed, .. }) => return self.fail(&reply::CHUNKS_FAILED),
            State::Transaction(_) => return self.fail(&reply::NO_TRANSACTION_NOW), // the message has begun
            _ => return self.fail(&reply::MAIL_FIRST),
        };
        if transaction.recipients >= self.config.limits.recipients {
            // RFC 5321 §4.5.3.1.10; no error: those before it are to be served
            return self.say(&reply::TOO_MANY_RECIPIENTS);
        }
        let wants_report = recipient.notify.is_some() || recipient.original.is_some();
        if wants_report && !(self.config.extensions.dsn && transaction.hello.extended) {
            return self.fail(&reply::PARAMETER);
        }
        if self.is_unqualified(recipient.path.mailbox()) {
            return self.fail(&reply::RECIPIENT_NOT_QUALIFIED);
        }
        self.pending = Some(Event::Recipient(recipient));
    }

    /// RFC 6409 §4.2: a domain of one label would be completed by whoever sees it.
    fn is_unqualified(&self, mailbox: Option<&Mailbox>) -> bool {
        let domain = mailbox.and_then(Mailbox::domain);
        self.config.profile == Profile::Submission && domain.is_some_and(|domain| domain.label_count() < 2)
    }

    /// The application has accepted the sender.
    pub(super) fn begin(&mut self, mail: &MailFrom) {
        if let Some(hello) = self.take_hello() {
            self.state = State::Transaction(Transaction {
                hello,
                binary: mail.body == Body::BinaryMime,
                utf8: mail.utf8,
                recipients: 0,
                size: 0,
                chunks: Chunks::None,
            });
        }
    }
}
