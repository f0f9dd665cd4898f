//! Reports to senders: what they say, and that nobody's words break out of their place.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

use std::time::{Duration, UNIX_EPOCH};

use gatepost_smtp::client::{Failure, Response};
use gatepost_smtp::report::{Action, Limits, Recipient, Report, Returned, Written};
use gatepost_smtp::{Class, Status};
use gatepost_syntax::{Domain, Mailbox};
use proptest::prelude::*;

fn write(to: &str, recipient: &str, reply: Option<&Response>, original: &str, id: &str) -> Written {
    let (mta, to) = (Domain::parse("mx.example.test").unwrap(), Mailbox::parse(to).unwrap());
    let address = Mailbox::parse(recipient).unwrap();
    let at = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let recipients = vec![Recipient {
        address: &address,
        original: Some(("rfc822", original)),
        status: reply.map_or(Status::new(Class::Permanent, 4, 4), Status::of),
        remote: Some("mx.else.test"),
        reply,
        reason: Some("no such domain"),
        tried: Some(at),
        until: None,
    }];
    Report {
        mta: &mta,
        to: &to,
        envelope_id: Some(original),
        arrived: at,
        now: at,
        id,
        action: Action::Failed,
        recipients,
        returned: Returned::Headers,
        eight_bit: false,
        utf8: false,
    }
    .write(&Limits::default())
}

#[test]
fn a_failure_is_told_to_people_and_to_programs() {
    let reply = Response { code: 550, lines: vec!["5.1.1 no such user".into(), "5.1.1 go away".into()] };
    let written = write("ann@example.test", "bob@else.test", Some(&reply), "Bob@else.test", "4f");
    assert_eq!(
        written.header,
        "From: Mail Delivery System <MAILER-DAEMON@mx.example.test>\r\nTo: <ann@example.test>\r\n\
         Subject: Your message could not be delivered\r\nDate: Fri, 15 Jan 2027 08:00:00 +0000\r\n\
         Message-ID: <4f.report@mx.example.test>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"report-4f\"\r\n\r\n"
    );
    assert_eq!(
        written.before,
        "This is a report in MIME format.\r\n\r\n--report-4f\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
         This is the mail server mx.example.test.\r\n\r\nYour message could not be delivered to:\r\n\r\n<bob@else.test>\r\n    \
         mx.else.test said: 550 5.1.1 no such user / 5.1.1 go away\r\n\r\n\
         Details for programs and the header of the message follow.\r\n\r\n--report-4f\r\n\
         Content-Type: message/delivery-status\r\n\r\n\
         Original-Envelope-Id: Bob@else.test\r\nReporting-MTA: dns; mx.example.test\r\n\
         Arrival-Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n\r\nOriginal-Recipient: rfc822; Bob@else.test\r\n\
         Final-Recipient: rfc822; bob@else.test\r\nAction: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mx.else.test\r\n\
         Diagnostic-Code: smtp; 550 5.1.1 no such user / 5.1.1 go away\r\n\
         Last-Attempt-Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n\r\n--report-4f\r\nContent-Type: text/rfc822-headers\r\n\r\n"
    );
    assert_eq!(written.after, "\r\n--report-4f--\r\n");
    let unsaid = write("ann@example.test", "bob@else.test", None, "x", "4f");
    assert!(
        unsaid.before.contains("<bob@else.test>\r\n    no such domain\r\n") && !unsaid.before.contains("Diagnostic")
    );
}

#[test]
fn addresses_beyond_ascii_need_the_global_forms() {
    let written = write("ann@example.test", "бob@else.test", None, "x", "4f");
    for part in ["message/global-delivery-status", "Final-Recipient: utf-8; бob@else.test", "message/global-headers"] {
        assert!(written.before.contains(part), "{part}");
    }
    assert!(written.header.contains("Content-Transfer-Encoding: 8bit\r\n"));
}

#[test]
fn failures_have_a_status() {
    let response = |text: &str| Response { code: 451, lines: vec![text.to_owned()] };
    for (failure, status) in [
        (Failure::Utf8NotOffered, "5.6.7"),
        (Failure::EightBitNotOffered, "5.6.3"),
        (Failure::TooLarge { limit: 1 }, "5.3.4"),
        (Failure::Timeout, "4.4.2"),
        (Failure::Refused(response("4.7.1 greylisted")), "4.7.1"),
        (Failure::Refused(response("5.7.1 of another class")), "4.0.0"),
        (Failure::Refused(response("4.7.1000 too long")), "4.0.0"),
        (Failure::Refused(response("")), "4.0.0"),
    ] {
        assert_eq!(failure.status().to_string(), status, "{failure}");
    }
}

proptest! {
    /// Whatever is said: fields stay fields, lines end with CRLF and are short enough, the boundary is ours.
    #[test]
    fn strangers_words_stay_in_their_place(lines in prop::collection::vec("(?s).{0,1200}", 0..4), original in "[ -~]{1,300}") {
        let reply = Response { code: 550, lines };
        let written = write("ann@example.test", "\"a b\"@else.test", Some(&reply), &original, "unguessable");
        let all = format!("{}{}{}", written.header, written.before, written.after);
        prop_assert!(all.is_ascii());
        prop_assert_eq!(all.matches("--report-unguessable").count(), 4);
        for line in all.split("\r\n") {
            prop_assert!(line.len() <= 998 && !line.contains(['\r', '\n', '\0']), "{:?}", line);
        }
        let fields = written.before.split("message/delivery-status\r\n\r\n").nth(1).unwrap();
        let recipient = fields.split("\r\n\r\n").nth(1).unwrap();
        let names: Vec<&str> = recipient
            .split("\r\n")
            .filter(|line| !line.starts_with('\t'))
            .map(|line| line.split(':').next().unwrap())
            .collect();
        prop_assert_eq!(names, ["Original-Recipient", "Final-Recipient", "Action", "Status", "Remote-MTA", "Diagnostic-Code", "Last-Attempt-Date"]);
        prop_assert!(recipient.split("\r\n").all(|line| !line.trim().is_empty()));
    }
}
