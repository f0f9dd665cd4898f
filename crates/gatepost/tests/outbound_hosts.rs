//! Hosts and connections: which are tried, how they are spoken to, and for how many messages.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)] // a test may

mod relaying;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use gatepost::client::ClientTls;
use gatepost::outbound::{Limits, Verified};
use gatepost::store::Folder;
use gatepost::{Memory, Relay, Service, Smarthost, SmarthostTls};
use gatepost_sasl::Secret;
use relaying::{Hands, Place, Receiver, obliging, sending, server, submit};

const ZONE: &str = "else.test MX 10 mx.else.test\nmx.else.test A 127.0.0.1";

#[tokio::test(flavor = "multi_thread")]
async fn other_hosts_are_tried_unless_the_first_may_have_the_message() {
    let zone = "else.test MX 10 a.test\nelse.test MX 20 b.test\na.test A 127.0.0.1\nb.test A 127.0.0.2";
    for (test, verb, answer, at_second) in [
        ("busy", "", "421 4.3.2 busy\r\n", 1),
        ("no-service", "", "554 5.3.2 no mail here\r\n", 1),
        ("later", "RCPT", "450 4.2.0 later\r\n", 1),
        ("for-good", "RCPT", "550 5.1.1 no\r\n", 0),
        ("dropped", "DATA", "", 1),
        ("silent-end", ".", "", 0),
    ] {
        let (place, store) = (Place::new(test), Memory::new());
        let (first, address) = Receiver::start("127.0.0.1:0", move |line| {
            let hit = if verb.is_empty() { line.is_empty() } else { line.starts_with(verb) };
            if hit { answer.into() } else { obliging(line) }
        });
        let (second, _) = Receiver::start(&format!("127.0.0.2:{}", address.port()), obliging);
        let handle = sending(&place, &store, zone, Relay::new(place.0.join("queue")).port(address.port())).await;
        submit(&handle, &["bob@else.test"], "hi").await;
        handle.outbound().unwrap().flush().await;
        let left = handle.outbound().unwrap().queue().entries().unwrap();
        assert_eq!(second.messages.lock().unwrap().len(), at_second, "{test}: {left:?}");
        let (waits, seen) = (handle.outbound().unwrap().len(), first.messages.lock().unwrap().len());
        assert_eq!((waits, seen), if test == "silent-end" { (1, 1) } else { (0, 0) }, "{test}");
        handle.stop().await;
    }
}

/// A receiver that offers STARTTLS and can not do it.
fn broken_tls(line: &str) -> String {
    match line.get(..4).unwrap_or(line) {
        "EHLO" => "250-mx.else.test\r\n250 STARTTLS\r\n".into(),
        "STAR" => "220 go on\r\n".into(),
        _ if !line.is_ascii() || line.contains('\0') => String::new(),
        _ => obliging(line),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_that_fails_is_done_without_unless_more_was_promised() {
    let roots = |place: &Place| ClientTls::with_roots(place.certificate().0).unwrap();
    let hosts = |host: &str| Verified::new([("else.test".parse().unwrap(), vec![host.parse().unwrap()])]);
    for (test, offered, policy, sent, status) in [
        ("broken", true, None, 1, ""),
        ("none", false, None, 1, ""),
        ("verified", true, Some("mx.else.test"), 0, "4.7.5"),
        ("stripped", false, Some("mx.else.test"), 0, "4.7.4"),
        ("unnamed", true, Some("other.test"), 0, "4.7.5"),
    ] {
        let (place, store) = (Place::new(test), Memory::new());
        let (receiver, address) = match offered {
            true => Receiver::start("127.0.0.1:0", broken_tls),
            false => Receiver::start("127.0.0.1:0", obliging),
        };
        let mut relay = Relay::new(place.0.join("queue")).port(address.port()).roots(roots(&place));
        if let Some(host) = policy {
            relay = relay.policy(hosts(host));
        }
        let handle = sending(&place, &store, ZONE, relay).await;
        submit(&handle, &["bob@else.test"], "hi").await;
        let outbound = handle.outbound().unwrap();
        outbound.flush().await;
        assert_eq!((receiver.messages.lock().unwrap().len(), outbound.len()), (sent, 1 - sent), "{test}");
        let sent_in_clear = receiver.lines.lock().unwrap().iter().any(|line| line.starts_with("MAIL"));
        assert_eq!(sent_in_clear, sent == 1, "{test}");
        for entry in outbound.queue().entries().unwrap() {
            assert_eq!(entry.unwrap().recipients[0].last.as_ref().unwrap().status.to_string(), status, "{test}");
        }
        handle.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_is_kept_and_a_smarthost_logged_in_to() {
    let (place, store, theirs) = (Place::new("smart"), Memory::new(), Memory::new());
    let users = ["bob@else.test", "alice@example.test"];
    let receiver = server(&place, &users, &theirs, "").listen(Service::Mx, "127.0.0.1:0").unwrap();
    let receiver = receiver.listen(Service::Submission, "127.0.0.1:0").unwrap();
    let receiver = receiver.listen(Service::Submissions, "127.0.0.1:0").unwrap().start().await.unwrap();
    let port = |service| receiver.address(service).unwrap().port();
    let tls = ClientTls::with_roots(place.certificate().0).unwrap();
    let smarthost = |service, mode| {
        Smarthost::new("localhost", port(service), mode).login("alice@example.test", Secret::new("pencil"))
    };
    let relay = |number: u32| Relay::new(place.0.join(format!("queue-{number}"))).roots(tls.clone());
    let named = Verified::new([("else.test".parse().unwrap(), vec!["mx.else.test".parse().unwrap()])]);
    for (number, relay) in [
        relay(0).port(port(Service::Mx)).policy(named),
        relay(1).smarthost(smarthost(Service::Submission, SmarthostTls::Required)),
        relay(2).smarthost(smarthost(Service::Submissions, SmarthostTls::Implicit)),
    ]
    .into_iter()
    .enumerate()
    {
        let handle = sending(&place, &store, ZONE, relay).await;
        submit(&handle, &["bob@else.test"], "hi").await;
        handle.outbound().unwrap().flush().await;
        assert_eq!(theirs.messages("bob@else.test", Folder::Inbox).len(), number + 1);
        handle.stop().await;
    }
    let handle =
        sending(&place, &store, ZONE, relay(3).smarthost(smarthost(Service::Submission, SmarthostTls::Opportunistic)))
            .await;
    submit(&handle, &["bob@else.test"], "hi").await;
    handle.outbound().unwrap().flush().await;
    let entry = handle.outbound().unwrap().queue().entries().unwrap().remove(0).unwrap();
    assert!(entry.recipients[0].last.as_ref().unwrap().to_string().contains("over verified TLS only"));
    handle.stop().await;
    receiver.stop().await;
}

/// Lets so many messages wait, and then sends them one at a time, at most three over a connection; what the receiver heard.
async fn backlog(test: &str, count: usize, script: impl Fn(&str) -> String + Send + Sync + 'static) -> Receiver {
    let (place, store, hands, busy) = (Place::new(test), Memory::new(), Hands::new(), Arc::new(AtomicBool::new(true)));
    let is_busy = Arc::clone(&busy);
    let (receiver, address) = Receiver::start("127.0.0.1:0", move |line| {
        let later = is_busy.load(Ordering::Relaxed) && line.starts_with("RCPT");
        if later { "450 4.2.0 later\r\n".into() } else { script(line) }
    });
    let mut limits = Limits::default();
    (limits.per_destination, limits.per_connection) = (1, 3);
    let relay = Relay::new(place.0.join("queue")).port(address.port()).clock(hands.clock()).limits(limits);
    let handle = sending(&place, &store, ZONE, relay).await;
    let numbers: Vec<String> = (0..count).map(|number| format!("number {number}")).collect();
    for number in &numbers {
        submit(&handle, &["bob@else.test"], number).await;
    }
    let outbound = handle.outbound().unwrap().clone();
    outbound.flush().await;
    assert_eq!(outbound.len(), count, "{test}");
    receiver.lines.lock().unwrap().clear();
    busy.store(false, Ordering::Relaxed);
    hands.forward(Duration::from_secs(3600));
    outbound.flush().await;
    assert_eq!(outbound.len(), 0, "{test}");
    let last = |text: &String| text.lines().last().unwrap().to_owned();
    let mut arrived: Vec<String> = receiver.messages.lock().unwrap().iter().map(last).collect();
    arrived.sort();
    assert_eq!(arrived, numbers, "{test}");
    handle.stop().await;
    receiver
}

fn count(receiver: &Receiver, verb: &str) -> usize {
    receiver.lines.lock().unwrap().iter().filter(|line| line.starts_with(verb)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_for_one_destination_share_connections() {
    let receiver = backlog("shared", 7, obliging).await;
    // three, three, and one
    assert_eq!(["EHLO", "MAIL", "QUIT"].map(|verb| count(&receiver, verb)), [3, 7, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_takes_no_more_is_no_failure() {
    for (test, answer) in [("closed", ""), ("enough", "421 4.7.0 enough\r\n"), ("refused", "550 5.7.0 one only\r\n")] {
        let mails = AtomicUsize::new(0);
        let receiver = backlog(test, 4, move |line| {
            if line.starts_with("EHLO") {
                mails.store(0, Ordering::Relaxed);
            }
            let more = line.starts_with("MAIL") && mails.fetch_add(1, Ordering::Relaxed) > 0;
            if more { answer.into() } else { obliging(line) }
        })
        .await;
        assert_eq!(count(&receiver, "EHLO"), 4, "{test}");
    }
}
