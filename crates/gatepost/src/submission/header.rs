//! The header section of what a user submits: who it says wrote it, what is missing, and what nobody else shall see.

use std::time::SystemTime;

use gatepost_results::trace;
use gatepost_smtp::Reply;
use gatepost_syntax::author::{self, Authors};
use gatepost_syntax::{Domain, HeaderBlock, HeaderLimits, Mailbox};

use super::malformed;

/// The authors, if each of them is the user (RFC 6409 §6.1), and so is who sent it on their behalf: mail programs show both.
pub(super) fn authors(headers: &HeaderBlock, is_own: impl Fn(&Mailbox) -> bool) -> Result<Authors, Reply> {
    let authors = author::authors(headers).map_err(malformed)?;
    if !authors.mailboxes().iter().all(&is_own) {
        return Err(Reply::permanent(550, "5.7.1", "the author address (From) is not yours"));
    }
    // RFC 5322 §3.6.2: one mailbox, which From's grammar holds; a second one, or a second field, has to be the user's, too
    for sender in headers.named("Sender") {
        let sender = sender.text().and_then(|text| author::parse(text).ok());
        if !sender.is_some_and(|sender| sender.mailboxes().iter().all(&is_own)) {
            return Err(Reply::permanent(550, "5.7.1", "the address of the Sender field is not yours"));
        }
    }
    Ok(authors)
}

/// As it is to be sent: with Date and Message-ID (RFC 6409 §8.2, §8.3); without Bcc, which names those whom the others
/// shall not know of (RFC 5322 §3.6.3), and without Return-Path, which only final delivery writes (RFC 5321 §4.4).
pub(super) fn completed(headers: &HeaderBlock, hostname: &Domain, now: SystemTime) -> Result<HeaderBlock, Reply> {
    let mut octets = Vec::with_capacity(headers.raw().len() + ROOM);
    for field in headers.fields().filter(|field| !REMOVED.iter().any(|name| field.is(name))) {
        octets.extend_from_slice(field.raw());
    }
    if !octets.is_empty() && !octets.ends_with(b"\r\n") {
        octets.extend_from_slice(b"\r\n");
    }
    if headers.named("Date").next().is_none() {
        octets.extend_from_slice(format!("Date: {}\r\n", trace::date_time(now)).as_bytes());
    }
    if headers.named("Message-ID").next().is_none() {
        let nanos = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        octets.extend_from_slice(format!("Message-ID: <{nanos:x}.{}@{hostname}>\r\n", std::process::id()).as_bytes());
    }
    HeaderBlock::parse(&octets, &HeaderLimits::default()).map(|(headers, _)| headers).map_err(malformed)
}

const REMOVED: [&str; 3] = ["Bcc", "Resent-Bcc", "Return-Path"];

/// For what may be added.
const ROOM: usize = 200;

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;

    fn section(text: &str) -> HeaderBlock {
        HeaderBlock::parse(text.as_bytes(), &HeaderLimits::default()).unwrap().0
    }

    #[test]
    fn who_wrote_and_who_sent_it_is_the_user() {
        let is_own = |mailbox: &Mailbox| ["ann@a.test", "ann+x@a.test"].contains(&&*mailbox.to_string());
        for (header, refused) in [
            ("From: Ann <ann@a.test>\r\n", None),
            ("From: ann@a.test\r\nSender: \"Ann\" <ann+x@a.test> (Ann)\r\n", None),
            ("From: ann@a.test, bob@a.test\r\nSender: ann@a.test\r\n", Some("From")),
            ("From: ann@a.test\r\nSender: Boss <bob@a.test>\r\n", Some("Sender")),
            ("From: ann@a.test\r\nSender: ann@a.test\r\nsender: bob@a.test\r\n", Some("Sender")),
            ("From: ann@a.test\r\nSender: ann@a.test, bob@a.test\r\n", Some("Sender")),
            ("From: ann@a.test\r\nSender: Boss\r\n", Some("Sender")),
            ("From: ann@a.test\r\nSender: ann@a.test <bob@a.test>\r\n", Some("Sender")),
            ("Sender: ann@a.test\r\n", Some("From")),
        ] {
            let told = authors(&section(header), is_own).err().map(|reply| format!("{reply:?}"));
            assert_eq!(told.is_some(), refused.is_some(), "{header:?} {told:?}");
            assert!(told.unwrap_or_default().contains(refused.unwrap_or_default()), "{header:?}");
        }
    }

    #[test]
    fn what_is_missing_is_added_and_what_is_nobodys_business_removed() {
        let sent = |header: &str| {
            let completed = completed(&section(header), &"mx.a.test".parse().unwrap(), SystemTime::UNIX_EPOCH).unwrap();
            String::from_utf8(completed.raw().to_vec()).unwrap()
        };
        let whole = "Date: now\r\nFrom: ann@a.test\r\nMessage-ID: <1@a.test>\r\nTo: bob@b.test\r\n";
        assert_eq!(sent(whole), whole);
        let secret =
            "bcc: c@c.test,\r\n d@d.test\r\nBCC:\r\nReturn-Path: <x@x.test>\r\nResent-Bcc: e@e.test\r\nX-Bcc: f\r\n";
        assert_eq!(sent(&format!("{secret}{whole}")), format!("X-Bcc: f\r\n{whole}"));
        let id = format!("Message-ID: <0.{}@mx.a.test>\r\n", std::process::id());
        let date = "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n";
        assert_eq!(sent("From: ann@a.test"), format!("From: ann@a.test\r\n{date}{id}"));
        assert_eq!(sent("Bcc: x@x.test"), format!("{date}{id}"));
    }
}
