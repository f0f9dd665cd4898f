//! Mail for other domains: where it goes, when it is tried again, and what senders are told.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)] // a test may

mod relaying;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gatepost::outbound::Limits;
use gatepost::store::Folder;
use gatepost::{Memory, Relay, Service, Smarthost, SmarthostTls};
use gatepost_smtp::client::Envelope;
use gatepost_smtp::report::Returned;
use gatepost_smtp::{EnvelopeId, Notify, OriginalRecipient};
use gatepost_syntax::{ForwardPath, ReversePath};
use relaying::{Hands, Place, Receiver, inbox, obliging, sending, server, submit, submit_envelope};

const ZONE: &str = "else.test MX 10 mx.else.test\nmx.else.test A 127.0.0.1";
const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread")]
async fn mail_goes_through_the_mx_over_tls() {
    let (place, store, theirs) = (Place::new("mx"), Memory::new(), Memory::new());
    let receiver = server(&place, &["bob@else.test"], &theirs, "").listen(Service::Mx, "127.0.0.1:0").unwrap();
    let receiver = receiver.start().await.unwrap();
    let relay = Relay::new(place.0.join("queue")).port(receiver.address(Service::Mx).unwrap().port());
    let handle = sending(&place, &store, ZONE, relay).await;
    assert_eq!(submit(&handle, &["bob@else.test"], "hi").await.code, 250);
    let outbound = handle.outbound().unwrap().clone();
    outbound.flush().await;
    let arrived = theirs.messages("bob@else.test", Folder::Inbox);
    let text = String::from_utf8_lossy(&arrived[0]);
    assert!(text.starts_with("Return-Path: <alice@example.test>\r\n"), "{text}");
    assert!(
        text.contains("by mx.example.test with ESMTPS\r\n\tid ")
            && text.contains("\ttls TLS_AES_256_GCM_SHA384 (TLS1.3);")
            && text.contains("with ESMTPSA"),
        "{text}"
    );
    assert_eq!((arrived.len(), outbound.len(), inbox(&store).len()), (1, 0, 0));
    assert_eq!(std::fs::read_dir(place.0.join("queue")).unwrap().count(), 0);
    handle.stop().await;
    receiver.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_sends_another_way() {
    let (place, store, hands) = (Place::new("reload"), Memory::new(), Hands::new());
    let (receiver, address) = Receiver::start("127.0.0.1:0", obliging);
    let folder = place.0.join("queue");
    let handle = sending(&place, &store, "", Relay::new(&folder).port(address.port()).clock(hands.clock())).await;
    let outbound = handle.outbound().unwrap().clone();
    let adopt = |zone: &str, relay: Option<Relay>| {
        let next = server(&place, &["alice@example.test"], &store, zone);
        handle.adopt(match relay {
            Some(relay) => next.relay(relay),
            None => next,
        })
    };
    let servfail = "else.test * !SERVFAIL";
    adopt(servfail, Some(Relay::new(&folder).port(address.port()).clock(hands.clock()))).unwrap();
    assert_eq!(submit(&handle, &["bob@else.test"], "waits for DNS").await.code, 250);
    outbound.flush().await;
    assert_eq!((outbound.len(), receiver.messages.lock().unwrap().len()), (1, 0));
    // another resolver, to which this domain is known
    adopt(ZONE, Some(Relay::new(&folder).port(address.port()).clock(hands.clock()))).unwrap();
    hands.forward(HOUR);
    outbound.flush().await;
    assert_eq!((outbound.len(), receiver.messages.lock().unwrap().len()), (0, 1));
    // a smarthost for what waits, too
    adopt(servfail, Some(Relay::new(&folder).clock(hands.clock()))).unwrap();
    assert_eq!(submit(&handle, &["bob@else.test"], "waits for a smarthost").await.code, 250);
    outbound.flush().await;
    let smarthost = Smarthost::new("127.0.0.1", address.port(), SmarthostTls::Opportunistic);
    adopt(servfail, Some(Relay::new(&folder).smarthost(smarthost).clock(hands.clock()))).unwrap();
    hands.forward(HOUR);
    outbound.flush().await;
    assert_eq!((outbound.len(), receiver.messages.lock().unwrap().len()), (0, 2));
    // none any more, and then again
    adopt(ZONE, None).unwrap();
    assert_eq!(submit(&handle, &["bob@else.test"], "refused").await.code, 550);
    adopt(ZONE, Some(Relay::new(&folder).port(address.port()).clock(hands.clock()))).unwrap();
    assert_eq!(submit(&handle, &["bob@else.test"], "taken").await.code, 250);
    outbound.flush().await;
    assert_eq!((outbound.len(), receiver.messages.lock().unwrap().len()), (0, 3));
    assert!(inbox(&store).is_empty());
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_works_on_a_queue() {
    let (place, store) = (Place::new("lock"), Memory::new());
    let relay = || Relay::new(place.0.join("queue"));
    let handle = sending(&place, &store, ZONE, relay()).await;
    let second = server(&place, &[], &store, ZONE).relay(relay()).start().await;
    let refused = second.err().unwrap().to_string();
    assert!(refused.contains("/queue: another server works on it"), "{refused}");
    handle.stop().await;
    server(&place, &[], &store, ZONE).relay(relay()).start().await.unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_now_is_tried_again_and_told_when_it_takes_long() {
    let (place, store, hands, times) = (Place::new("later"), Memory::new(), Hands::new(), AtomicUsize::new(0));
    let (receiver, address) = Receiver::start("127.0.0.1:0", move |line| match line {
        "RCPT TO:<bob@else.test>" if times.fetch_add(1, Ordering::Relaxed) < 8 => "451 4.7.1 greylisted\r\n".into(),
        _ => obliging(line),
    });
    let relay = Relay::new(place.0.join("queue")).port(address.port()).clock(hands.clock());
    let handle = sending(&place, &store, ZONE, relay).await;
    assert_eq!(submit(&handle, &["bob@else.test", "carol@else.test"], "hi").await.code, 250);
    let outbound = handle.outbound().unwrap().clone();
    outbound.flush().await;
    assert_eq!(receiver.messages.lock().unwrap().len(), 1); // Carol's
    let entry = outbound.queue().entries().unwrap().remove(0).unwrap();
    assert_eq!(entry.recipients[0].last.as_ref().unwrap().to_string(), "mx.else.test: 451 4.7.1 greylisted");
    assert_eq!((entry.recipients[0].attempts, entry.recipients[1].state.word()), (1, "delivered"));
    for _ in 0..6 {
        hands.forward(HOUR);
        outbound.flush().await;
    }
    let warnings = inbox(&store);
    assert_eq!(warnings.len(), 1);
    for part in ["Action: delayed", "Will-Retry-Until: ", "Status: 4.7.1", "<bob@else.test>", "451 4.7.1 greylisted"] {
        assert!(warnings[0].contains(part), "{part} in {}", warnings[0]);
    }
    assert!(!warnings[0].contains("carol"));
    for _ in 0..3 {
        hands.forward(4 * HOUR);
        outbound.flush().await;
    }
    assert_eq!((receiver.messages.lock().unwrap().len(), outbound.len(), inbox(&store).len()), (2, 0, 1));
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_delivered_is_reported_once() {
    for (test, zone, answers, status, words) in [
        ("user", ZONE, "RCPT 550 5.1.1 no such user", "5.1.1", "550 5.1.1 no such user"),
        ("content", ZONE, ". 554 5.7.1 we do not like it", "5.7.1", "554 5.7.1 we do not like it"),
        ("sender", ZONE, "MAIL 550 5.7.27 null MX", "5.7.27", "550 5.7.27 null MX"),
        ("null", "else.test MX 0 .", "", "5.1.10", "takes no mail"),
        ("nowhere", "", "", "5.1.2", "no such domain"),
        ("loop", "else.test MX 10 mx.example.test", "", "5.4.6", "loops back"),
        (
            "alias",
            "else.test MX 10 a.test\na.test CNAME mx.else.test\nmx.else.test A 127.0.0.1",
            "",
            "5.4.4",
            "is an alias",
        ),
        ("8-bit", ZONE, "EHLO 250 mx.else.test", "5.6.3", "does not offer 8BITMIME"),
    ] {
        let (place, store) = (Place::new(test), Memory::new());
        let (_receiver, address) = Receiver::start("127.0.0.1:0", move |line| match answers.split_once(' ') {
            Some((verb, answer)) if line.starts_with(verb) && !verb.is_empty() => format!("{answer}\r\n"),
            _ => obliging(line),
        });
        let handle = sending(&place, &store, zone, Relay::new(place.0.join("queue")).port(address.port())).await;
        assert_eq!(submit(&handle, &["bob@else.test"], "hällo").await.code, 250, "{test}");
        handle.outbound().unwrap().flush().await;
        let reports = inbox(&store);
        assert_eq!((reports.len(), handle.outbound().unwrap().len()), (1, 0), "{test}");
        let start = "Return-Path: <>\r\nFrom: Mail Delivery System <MAILER-DAEMON@mx.example.test>\r\nTo: <alice@example.test>\r\n";
        assert!(reports[0].starts_with(start), "{}", reports[0]);
        let status = format!("Status: {status}\r\n");
        for part in ["Auto-Submitted: auto-replied", "Action: failed", status.as_str(), words, "Subject: hello\r\n"] {
            assert!(reports[0].contains(part), "{test}: {part} in {}", reports[0]);
        }
        assert!(!reports[0].contains("hällo")); // only the header comes back
        handle.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_five_days_it_is_given_up() {
    let (place, store, hands) = (Place::new("days"), Memory::new(), Hands::new());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let relay = Relay::new(place.0.join("queue")).port(closed.port()).clock(hands.clock());
    let handle = sending(&place, &store, ZONE, relay).await;
    submit(&handle, &["bob@else.test"], "hi").await;
    let outbound = handle.outbound().unwrap().clone();
    for _ in 0..31 {
        assert_eq!(outbound.len(), 1);
        outbound.flush().await;
        hands.forward(4 * HOUR);
    }
    outbound.flush().await;
    assert_eq!(outbound.len(), 0);
    let reports = inbox(&store);
    assert_eq!(reports.len(), 2);
    assert!(reports[0].contains("Action: delayed") && reports[1].contains("Action: failed"));
    assert!(reports[1].contains("Status: 4.4.1") && reports[1].contains("Connection refused"), "{}", reports[1]);
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_found_again_and_can_be_changed_from_outside() {
    let (place, store, hands) = (Place::new("again"), Memory::new(), Hands::new());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let relay = |port| Relay::new(place.0.join("queue")).port(port).clock(hands.clock());
    let handle = sending(&place, &store, ZONE, relay(closed.port())).await;
    for _ in 0..2 {
        submit(&handle, &["bob@else.test"], "hi").await;
    }
    handle.outbound().unwrap().flush().await;
    let queue = handle.outbound().unwrap().queue().clone();
    handle.stop().await;
    // what a crash leaves: a message without an envelope, an envelope that has no name yet
    for name in ["1-1-1.eml", "1-1-1.0.tmp"] {
        std::fs::write(place.0.join("queue").join(name), "half").unwrap();
    }
    let (receiver, address) = Receiver::start("127.0.0.1:0", obliging);
    let handle = sending(&place, &store, ZONE, relay(address.port())).await;
    let outbound = handle.outbound().unwrap();
    assert_eq!((outbound.len(), std::fs::read_dir(place.0.join("queue")).unwrap().count()), (2, 4));
    outbound.flush().await;
    assert_eq!(receiver.messages.lock().unwrap().len(), 0); // it is not time yet
    let ids: Vec<String> = queue.entries().unwrap().into_iter().map(|entry| entry.unwrap().id).collect();
    assert!(queue.remove(&ids[0]).unwrap() && !queue.remove(&ids[0]).unwrap() && !queue.remove("../x").unwrap());
    assert!(queue.retry(&ids[1], hands.clock()()).unwrap());
    outbound.flush().await;
    assert_eq!((receiver.messages.lock().unwrap().len(), outbound.len()), (1, 0));
    assert_eq!(std::fs::read_dir(place.0.join("queue")).unwrap().count(), 0);
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_is_taken_for_other_domains_from_users_only_and_while_there_is_room() {
    let (place, store) = (Place::new("room"), Memory::new());
    let mut limits = Limits::default();
    limits.messages = 1;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let relay = Relay::new(place.0.join("queue")).port(closed.port()).limits(limits);
    let handle = sending(&place, &store, ZONE, relay).await;
    assert_eq!(submit(&handle, &["bob@else.test"], "hi").await.code, 250);
    assert_eq!(submit(&handle, &["bob@else.test"], "hi").await.lines, ["4.3.1 the queue is full, try again later"]);
    assert_eq!(submit(&handle, &["nobody@example.test"], "hi").await.lines, ["5.1.1 no such user here"]);
    let address = handle.address(Service::Mx).unwrap();
    let replies = tokio::task::spawn_blocking(move || {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(b"EHLO x.test\r\nMAIL FROM:<x@x.test>\r\nRCPT TO:<bob@else.test>\r\nQUIT\r\n").unwrap();
        let mut replies = String::new();
        stream.read_to_string(&mut replies).unwrap();
        replies
    });
    assert!(replies.await.unwrap().contains("550 5.7.1"));
    handle.stop().await;
}

/// Name, recipient, NOTIFY, the receiver's script, and what is reported.
type Case = (&'static str, &'static str, Option<Notify>, fn(&str) -> String, Option<&'static str>);

/// RFC 8098 §3: a disposition notification has a null reverse-path. Whose it is, the author tells.
#[tokio::test(flavor = "multi_thread")]
async fn users_submit_with_a_null_reverse_path() {
    let (place, store) = (Place::new("null"), Memory::new());
    let relay = Relay::new(place.0.join("queue"));
    let handle = sending(&place, &store, ZONE, relay).await;
    let to = ForwardPath::parse("<alice@example.test>").unwrap();
    let envelope = Envelope::new(ReversePath::Null, [to]);
    assert_eq!(submit_envelope(&handle, envelope, "read").await.code, 250);
    assert!(inbox(&store)[0].starts_with("Return-Path: <>\r\n"));
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn senders_are_told_what_they_want_to_know() {
    let notify = |success, failure, delay| Some(Notify { success, failure, delay });
    let cases: [Case; 5] = [
        ("never", "bob@else.test", notify(false, false, false), refusing, None),
        ("failure", "bob@else.test", notify(false, true, false), refusing, Some("failed")),
        ("relayed", "bob@else.test", notify(true, false, false), obliging, Some("relayed")),
        ("passed-on", "bob@else.test", notify(true, false, false), reporting, None),
        ("delivered", "alice@example.test", notify(true, false, false), obliging, Some("delivered")),
    ];
    for (test, to, wanted, script, action) in cases {
        let (place, store) = (Place::new(test), Memory::new());
        let (receiver, address) = Receiver::start("127.0.0.1:0", script);
        let handle = sending(&place, &store, ZONE, Relay::new(place.0.join("queue")).port(address.port())).await;
        let path = ForwardPath::parse(&format!("<{to}>")).unwrap();
        let mut envelope = Envelope::new(ReversePath::parse("<alice@example.test>").unwrap(), [path]);
        envelope.to[0].notify = wanted;
        envelope.to[0].original = OriginalRecipient::new("rfc822", "Bob+x@else.test");
        (envelope.mail.envelope_id, envelope.mail.ret) = (EnvelopeId::new("an id"), Some(Returned::Full));
        assert_eq!(submit_envelope(&handle, envelope, "all of it").await.code, 250, "{test}");
        handle.outbound().unwrap().flush().await;
        let reports: Vec<String> = inbox(&store).into_iter().filter(|text| text.contains("multipart/report")).collect();
        assert_eq!((reports.len(), handle.outbound().unwrap().len()), (usize::from(action.is_some()), 0), "{test}");
        for (report, action) in reports.iter().zip(action) {
            for part in [
                "Original-Envelope-Id: an id\r\n",
                "Original-Recipient: rfc822; Bob+x@else.test\r\n",
                &format!("Action: {action}\r\n"),
            ] {
                assert!(report.contains(part), "{test}: {part} in {report}");
            }
            assert_eq!(report.contains("all of it"), action == "failed", "{test}: {report}");
        }
        let lines = receiver.lines.lock().unwrap().join("\n");
        let passed = "RET=FULL ENVID=an+20id\nRCPT TO:<bob@else.test> NOTIFY=SUCCESS ORCPT=rfc822;Bob+2Bx@else.test";
        assert_eq!(lines.contains(passed), test == "passed-on", "{lines}");
        handle.stop().await;
    }
}

/// RFC 3461 §5.2.1: what the sender gave is passed on, the default, too, and nothing else is made up.
#[tokio::test(flavor = "multi_thread")]
async fn what_reports_are_wanted_is_passed_on_as_it_was_given() {
    let default = Some(Notify { success: false, failure: true, delay: true });
    for (test, ret, notify, passed) in [
        ("nothing", None, None, ["", ""]),
        ("all", Some(Returned::Headers), default, [" RET=HDRS", " NOTIFY=FAILURE,DELAY"]),
    ] {
        let (place, store) = (Place::new(test), Memory::new());
        let (receiver, address) = Receiver::start("127.0.0.1:0", reporting);
        let handle = sending(&place, &store, ZONE, Relay::new(place.0.join("queue")).port(address.port())).await;
        let path = ForwardPath::parse("<bob@else.test>").unwrap();
        let mut envelope = Envelope::new(ReversePath::parse("<alice@example.test>").unwrap(), [path]);
        (envelope.mail.ret, envelope.to[0].notify) = (ret, notify);
        assert_eq!(submit_envelope(&handle, envelope, "hi").await.code, 250, "{test}");
        handle.outbound().unwrap().flush().await;
        let lines = receiver.lines.lock().unwrap().clone();
        let wanted =
            [format!("MAIL FROM:<alice@example.test>{}", passed[0]), format!("RCPT TO:<bob@else.test>{}", passed[1])];
        assert_eq!(lines[1..3], wanted, "{test}");
        handle.stop().await;
    }
}

fn refusing(line: &str) -> String {
    if line.starts_with("RCPT") { "550 5.1.1 no\r\n".into() } else { obliging(line) }
}

/// A receiver that reports itself.
fn reporting(line: &str) -> String {
    if line.starts_with("EHLO") { "250-mx.else.test\r\n250 DSN\r\n".into() } else { obliging(line) }
}
