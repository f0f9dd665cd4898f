//! Delivery status notifications (RFC 3464, and RFC 6533 where there is UTF-8): what a sender is told of his message.
//!
//! The report is written around the original message, which is not touched: [`Report::write`] gives what stands before
//! it and what stands after it. It is sent with a null reverse-path, and never about a message that had one
//! (RFC 5321 §4.5.5).

use std::fmt::Write;
use std::time::SystemTime;

use gatepost_syntax::{Domain, Mailbox, date_time, escape};

use crate::client::Response;
use crate::dsn::{self, OriginalRecipient};
use crate::status::Status;

/// Bounds of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Recipients that are reported; the rest is counted (default 1000).
    pub recipients: usize,
    /// Characters of a server's words that are repeated, or kept to be so (default 1000).
    pub words: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { recipients: 1000, words: 1000 }
    }
}

/// What became of a message for a recipient (RFC 3464 §2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It was given up.
    Failed,
    /// It is still tried.
    Delayed,
    /// It was handed to a server that will not report on it (RFC 3461 §5.2.3).
    Relayed,
    /// It is in the recipient's mailbox.
    Delivered,
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Action::Failed => "failed",
            Action::Delayed => "delayed",
            Action::Relayed => "relayed",
            Action::Delivered => "delivered",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Action::Failed => "Your message could not be delivered to",
            Action::Delayed => "Your message has not been delivered yet, and is still being tried, for",
            Action::Relayed => "Your message was handed on to servers that report no further, for",
            Action::Delivered => "Your message was delivered to",
        }
    }

    fn subject(self) -> &'static str {
        match self {
            Action::Failed => "Your message could not be delivered",
            Action::Delayed => "Your message is delayed",
            Action::Relayed => "Your message was handed on",
            Action::Delivered => "Your message was delivered",
        }
    }
}

/// What is said of one recipient.
#[derive(Clone, Debug)]
pub struct Recipient<'a> {
    /// As it was in the envelope.
    pub address: &'a Mailbox,
    /// ORCPT without its xtext: the type and the address (RFC 3461 §4.2).
    pub original: Option<(&'a str, &'a str)>,
    /// Why.
    pub status: Status,
    /// Which server said so.
    pub remote: Option<&'a str>,
    /// What it said.
    pub reply: Option<&'a Response>,
    /// What is known where no server said anything.
    pub reason: Option<&'a str>,
    /// When it was tried last.
    pub tried: Option<SystemTime>,
    /// Until when it will be tried.
    pub until: Option<SystemTime>,
}

/// The part of the original message that comes with the report (RFC 3461 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Returned {
    /// `RET=HDRS`: the header section.
    Headers,
    /// `RET=FULL`: all of it.
    Full,
}

/// A report about recipients of one message that came to the same.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// Who reports.
    pub mta: &'a Domain,
    /// The sender of the original message.
    pub to: &'a Mailbox,
    /// ENVID without its xtext (RFC 3461 §4.4).
    pub envelope_id: Option<&'a str>,
    /// When the original message was accepted.
    pub arrived: SystemTime,
    /// When this is written.
    pub now: SystemTime,
    /// Letters and digits that nobody can guess: they go into the boundary, which must not be in the original, and into
    /// the Message-ID.
    pub id: &'a str,
    /// What became of it.
    pub action: Action,
    /// For whom.
    pub recipients: Vec<Recipient<'a>>,
    /// What is returned.
    pub returned: Returned,
    /// Whether what is returned has octets beyond ASCII.
    pub eight_bit: bool,
    /// Whether the original message was sent with SMTPUTF8 (RFC 6533).
    pub utf8: bool,
}

/// A report but for the original message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The header section with the empty line behind it.
    pub header: String,
    /// The body up to the original message.
    pub before: String,
    /// The body after the original message, which must end with CRLF.
    pub after: String,
}

impl Report<'_> {
    /// Writes the report.
    pub fn write(&self, limits: &Limits) -> Written {
        let boundary = format!("report-{}", atom(self.id));
        // RFC 6533 §3: the UTF-8 forms are for where they are needed
        let addresses = self.recipients.iter().map(|recipient| recipient.address);
        let global = self.utf8 || !std::iter::once(self.to).chain(addresses).all(Mailbox::is_ascii);
        let original = match (self.returned, global) {
            (Returned::Headers, false) => "text/rfc822-headers",
            (Returned::Headers, true) => "message/global-headers",
            (Returned::Full, false) => "message/rfc822",
            (Returned::Full, true) => "message/global",
        };
        let (charset, status) =
            if global { ("utf-8", "message/global-delivery-status") } else { ("us-ascii", "message/delivery-status") };
        let encoding = |eight_bit: bool| if eight_bit { "Content-Transfer-Encoding: 8bit\r\n" } else { "" };
        let header = format!(
            "From: Mail Delivery System <MAILER-DAEMON@{mta}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: {date}\r\n\
             Message-ID: <{id}.report@{mta}>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"{boundary}\"\r\n{eight}\r\n",
            mta = self.mta,
            to = self.to,
            subject = self.action.subject(),
            date = date_time(self.now),
            id = atom(self.id),
            eight = encoding(self.eight_bit || global),
        );
        let before = format!(
            "This is a report in MIME format.\r\n\r\n--{boundary}\r\nContent-Type: text/plain; charset={charset}\r\n{eight}\r\n{text}\
             \r\n--{boundary}\r\nContent-Type: {status}\r\n{eight}\r\n{fields}\
             \r\n--{boundary}\r\nContent-Type: {original}\r\n{returned}\r\n",
            eight = encoding(global),
            text = self.text(limits),
            fields = self.fields(limits, global),
            returned = encoding(self.eight_bit),
        );
        Written { header, before, after: format!("\r\n--{boundary}--\r\n") }
    }

    /// For people.
    fn text(&self, limits: &Limits) -> String {
        let mut out = format!("This is the mail server {}.\r\n\r\n{}:\r\n", self.mta, self.action.sentence());
        for recipient in self.recipients.iter().take(limits.recipients) {
            let _ = write!(out, "\r\n<{}>\r\n", recipient.address); // writing to a String can not fail
            let words = recipient.words(limits);
            let said = match (recipient.remote, recipient.reply) {
                (Some(remote), Some(_)) => format!("{} said: {words}", plain(remote)),
                _ => words,
            };
            out += &wrapped(&said, "    ", "    ");
            if let (Action::Delayed, Some(until)) = (self.action, recipient.until) {
                let _ = write!(out, "    It is tried until {}.\r\n", date_time(until));
            }
        }
        match self.recipients.len().saturating_sub(limits.recipients) {
            0 => {}
            more => drop(write!(out, "\r\nand {more} more.\r\n")),
        }
        let end = match self.returned {
            Returned::Full => "\r\nDetails for programs and the message itself follow.\r\n",
            Returned::Headers => "\r\nDetails for programs and the header of the message follow.\r\n",
        };
        out + end
    }

    /// For programs: per-message fields, then a group of fields a recipient (RFC 3464 §2.1).
    fn fields(&self, limits: &Limits, global: bool) -> String {
        let mut out = String::new();
        if let Some(id) = self.envelope_id {
            out += &field("Original-Envelope-Id", &plain(id));
        }
        out += &field("Reporting-MTA", &format!("dns; {}", self.mta));
        out += &field("Arrival-Date", &date_time(self.arrived));
        for recipient in self.recipients.iter().take(limits.recipients) {
            out += "\r\n";
            if let Some((kind, address)) = recipient.original {
                let text = match OriginalRecipient::new(kind, address) {
                    _ if global => cleaned(address),
                    Some(utf8) if dsn::is_utf8(kind) => utf8.to_string().split_off(kind.len() + 1), // RFC 6533 §4
                    _ => plain(address),
                };
                out += &field("Original-Recipient", &format!("{}; {text}", atom(kind)));
            }
            let kind = if recipient.address.is_ascii() { "rfc822" } else { "utf-8" };
            out += &field("Final-Recipient", &format!("{kind}; {}", recipient.address));
            out += &field("Action", self.action.word());
            out += &field("Status", &recipient.status.to_string());
            if let Some(remote) = recipient.remote {
                out += &field("Remote-MTA", &format!("dns; {}", plain(remote)));
            }
            if recipient.reply.is_some() {
                out += &field("Diagnostic-Code", &format!("smtp; {}", recipient.words(limits)));
            }
            if let Some(tried) = recipient.tried {
                out += &field("Last-Attempt-Date", &date_time(tried));
            }
            if let (Action::Delayed, Some(until)) = (self.action, recipient.until) {
                out += &field("Will-Retry-Until", &date_time(until));
            }
        }
        out
    }
}

impl Recipient<'_> {
    /// What was said, or is known; a stranger's words in printable ASCII.
    fn words(&self, limits: &Limits) -> String {
        let words = match (self.reply, self.reason) {
            (Some(reply), _) => reply.to_string(),
            (None, Some(reason)) => plain(reason),
            (None, None) => self.status.to_string(),
        };
        words.chars().take(limits.words).collect()
    }
}

/// A stranger's text without anything that ends a line or a comment.
fn plain(text: &str) -> String {
    escape(text)
}

/// The same, where UTF-8 may stay.
fn cleaned(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn atom(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')).take(64).collect()
}

fn field(name: &str, value: &str) -> String {
    wrapped(&format!("{name}: {value}"), "", "\t")
}

/// Lines of 76 characters where there are spaces to break at, and never of more than 900 octets (RFC 5322 §2.1.1).
fn wrapped(text: &str, first: &str, others: &str) -> String {
    let (mut out, mut line) = (String::new(), first.to_owned());
    let mut fresh = true;
    for word in text.split(' ').filter(|word| !word.is_empty()).flat_map(pieces) {
        if !fresh && line.len() + 1 + word.len() > 76 {
            out += &line;
            out += "\r\n";
            others.clone_into(&mut line);
            fresh = true;
        }
        if !fresh {
            line.push(' ');
        }
        line += word;
        fresh = false;
    }
    out + &line + "\r\n"
}

/// A word in pieces that fit into a line whatever their characters.
fn pieces(word: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = word;
    while let Some((at, _)) = rest.char_indices().nth(220) {
        let (piece, more) = rest.split_at(at);
        pieces.push(piece);
        rest = more;
    }
    pieces.push(rest);
    pieces
}
