//! What a receiver's answers mean for a message: for whom it is over, who is tried again, and who has it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)] // a test may

mod relaying;

use std::time::Duration;

use gatepost::client::ClientTls;
use gatepost::outbound::{Limits, Verified};
use gatepost::{Memory, Relay, Service, Smarthost, SmarthostTls};
use gatepost_sasl::Secret;
use relaying::{Hands, Place, Receiver, inbox, obliging, sending, server, submit};

const ZONE: &str = "else.test MX 10 mx.else.test\nmx.else.test A 127.0.0.1";

/// What is known of the recipients who wait, in a word each.
fn waiting(outbound: &gatepost::Outbound) -> Vec<String> {
    let entries = outbound.queue().entries().unwrap().into_iter().map(Result::unwrap);
    let recipients = entries.flat_map(|entry| entry.recipients);
    let pending = recipients.filter(|recipient| recipient.state.word() == "pending");
    pending.map(|recipient| format!("{} {}", recipient.to, recipient.last.unwrap().status)).collect()
}

/// RFC 5321 §4.5.4.1: who was told to come later comes later, be a backup without an address or without a service.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_no_host_does_not_end_what_the_first_put_off() {
    for (test, backup) in [("nowhere", ""), ("unwilling", "\nb.test A 127.0.0.2")] {
        let zone = format!("else.test MX 10 a.test\nelse.test MX 20 b.test\na.test A 127.0.0.1{backup}");
        let (place, store) = (Place::new(test), Memory::new());
        let (_first, address) = Receiver::start("127.0.0.1:0", |line| match line.get(..4) {
            Some("RCPT") => "450 4.2.0 greylisted\r\n".into(),
            _ => obliging(line),
        });
        let unwilling = |line: &str| if line.is_empty() { "554 5.3.2 no mail here\r\n".into() } else { obliging(line) };
        let _second = Receiver::start(&format!("127.0.0.2:{}", address.port()), unwilling);
        let handle = sending(&place, &store, &zone, Relay::new(place.0.join("queue")).port(address.port())).await;
        submit(&handle, &["bob@else.test"], "hi").await;
        let outbound = handle.outbound().unwrap().clone();
        outbound.flush().await;
        assert_eq!((waiting(&outbound), inbox(&store).len()), (vec!["bob@else.test 4.2.0".to_owned()], 0), "{test}");
        handle.stop().await;
    }
}

/// RFC 5321 §5.1: each address of a host is tried, be it that one answers and does not let the message be spoken of.
#[tokio::test(flavor = "multi_thread")]
async fn another_address_of_a_host_may_do_better() {
    let zone = "else.test MX 10 a.test\na.test A 127.0.0.1\na.test A 127.0.0.2\na.test A 127.0.0.3";
    for (test, verb, answer, is_mended) in
        [("busy", "", "421 4.3.2 busy\r\n", true), ("dropped", "EHLO", "", true), ("all", "", "554 no\r\n", false)]
    {
        let (place, store) = (Place::new(test), Memory::new());
        let refusing = move |line: &str| {
            let hit = if verb.is_empty() { line.is_empty() } else { line.starts_with(verb) };
            if hit { answer.into() } else { obliging(line) }
        };
        let (_first, address) = Receiver::start("127.0.0.1:0", refusing);
        let at = format!("127.0.0.2:{}", address.port());
        let (second, _) = if is_mended { Receiver::start(&at, obliging) } else { Receiver::start(&at, refusing) };
        // nobody is at the third
        let handle = sending(&place, &store, zone, Relay::new(place.0.join("queue")).port(address.port())).await;
        submit(&handle, &["bob@else.test"], "hi").await;
        let outbound = handle.outbound().unwrap().clone();
        outbound.flush().await;
        let (arrived, reports) = (second.messages.lock().unwrap().len(), inbox(&store).len());
        assert_eq!((arrived, reports, outbound.len()), if is_mended { (1, 0, 0) } else { (0, 1, 0) }, "{test}");
        handle.stop().await;
    }
}

/// RFC 9422: a server that takes two at a time gets all, two at a time, over one connection.
#[tokio::test(flavor = "multi_thread")]
async fn recipients_beyond_what_a_server_takes_at_a_time_come_next() {
    let (place, store) = (Place::new("rcptmax"), Memory::new());
    let (receiver, address) = Receiver::start("127.0.0.1:0", |line| match line.get(..4) {
        Some("EHLO") => "250-mx.else.test\r\n250-PIPELINING\r\n250 LIMITS RCPTMAX=2\r\n".into(),
        _ => obliging(line),
    });
    let handle = sending(&place, &store, ZONE, Relay::new(place.0.join("queue")).port(address.port())).await;
    let to: Vec<String> = (0..5).map(|number| format!("u{number}@else.test")).collect();
    submit(&handle, &to.iter().map(String::as_str).collect::<Vec<_>>(), "hi").await;
    let outbound = handle.outbound().unwrap().clone();
    outbound.flush().await;
    assert_eq!((waiting(&outbound), outbound.len(), inbox(&store).len()), (Vec::new(), 0, 0));
    let verbs = |verb: &str| receiver.lines.lock().unwrap().iter().filter(|line| line.starts_with(verb)).count();
    assert_eq!((receiver.messages.lock().unwrap().len(), ["EHLO", "MAIL", "RCPT"].map(verbs)), (3, [1, 3, 5]));
    handle.stop().await;
}

/// What the operator has set up wrongly, here or there, is no fault of the message: it waits until it is mended.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_log_in_or_starttls_bounces_nothing() {
    let (place, store, theirs) = (Place::new("login"), Memory::new(), Memory::new());
    let receiver = server(&place, &["alice@example.test"], &theirs, "");
    let receiver = receiver.listen(Service::Submissions, "127.0.0.1:0").unwrap().start().await.unwrap();
    let tls = ClientTls::with_roots(place.certificate().0).unwrap();
    let port = receiver.address(Service::Submissions).unwrap().port();
    let smarthost = Smarthost::new("localhost", port, SmarthostTls::Implicit);
    let wrong = smarthost.login("alice@example.test", Secret::new("ballpoint"));
    let relay = Relay::new(place.0.join("queue-login")).roots(tls.clone()).smarthost(wrong);
    let handle = sending(&place, &store, ZONE, relay).await;
    submit(&handle, &["bob@else.test"], "hi").await;
    let outbound = handle.outbound().unwrap().clone();
    outbound.flush().await;
    assert_eq!((waiting(&outbound), inbox(&store).len()), (vec!["bob@else.test 4.7.8".to_owned()], 0));
    handle.stop().await;
    receiver.stop().await;
    for (test, answer, status) in [("never", "502 5.5.1 no\r\n", "4.5.1"), ("busy", "421 4.3.2 busy\r\n", "4.3.2")] {
        let (_receiver, address) = Receiver::start("127.0.0.1:0", move |line| match line.get(..4) {
            Some("EHLO") => "250-mx.else.test\r\n250 STARTTLS\r\n".into(),
            Some("STAR") => answer.into(),
            _ => obliging(line),
        });
        let named = Verified::new([("else.test".parse().unwrap(), vec!["mx.else.test".parse().unwrap()])]);
        let relay = Relay::new(place.0.join(test)).roots(tls.clone()).port(address.port()).policy(named);
        let handle = sending(&place, &store, ZONE, relay).await;
        submit(&handle, &["bob@else.test"], "hi").await;
        let outbound = handle.outbound().unwrap().clone();
        outbound.flush().await;
        assert_eq!((waiting(&outbound), inbox(&store).len()), (vec![format!("bob@else.test {status}")], 0), "{test}");
        handle.stop().await;
    }
    // where nothing was promised, a busy server is one that is tried again, and it is told what it said
    let (_receiver, address) = Receiver::start("127.0.0.1:0", |line| match line.get(..4) {
        Some("EHLO") => "250-mx.else.test\r\n250 STARTTLS\r\n".into(),
        Some("STAR") => "421 4.3.2 busy\r\n".into(),
        _ => obliging(line),
    });
    let handle = sending(&place, &store, ZONE, Relay::new(place.0.join("open")).port(address.port())).await;
    submit(&handle, &["bob@else.test"], "hi").await;
    let outbound = handle.outbound().unwrap().clone();
    outbound.flush().await;
    assert_eq!(waiting(&outbound), ["bob@else.test 4.3.2"]);
    handle.stop().await;
}

/// RFC 5321 §4.2.1, §4.5.3.1.10: a 3yz at the end is no yes, and too many recipients are for the next time.
#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_neither_yes_nor_no_are_tried_again() {
    for (test, verb, answer, waits) in [
        ("more", ".", "354 more\r\n", &["bob@else.test 4.0.0", "carol@else.test 4.0.0"][..]),
        ("intermediate", "RCPT TO:<carol", "334 go on\r\n", &["carol@else.test 4.0.0"]),
        ("too-many", "RCPT TO:<carol", "552 too many recipients\r\n", &["carol@else.test 4.5.3"]),
        ("other-yes", "DATA", "250 2.0.0 data\r\n", &["bob@else.test 4.5.0", "carol@else.test 4.5.0"]),
    ] {
        let (place, store, hands) = (Place::new(test), Memory::new(), Hands::new());
        let (receiver, address) =
            Receiver::start(
                "127.0.0.1:0",
                move |line| {
                    if line.starts_with(verb) { answer.into() } else { obliging(line) }
                },
            );
        let relay = Relay::new(place.0.join("queue")).port(address.port()).clock(hands.clock());
        let handle = sending(&place, &store, ZONE, relay).await;
        submit(&handle, &["bob@else.test", "carol@else.test"], "hi").await;
        let outbound = handle.outbound().unwrap().clone();
        outbound.flush().await;
        assert_eq!(
            (waiting(&outbound), inbox(&store).len()),
            (waits.iter().map(|w| (*w).into()).collect(), 0),
            "{test}"
        );
        // and again, not for ever
        hands.forward(Duration::from_secs(6 * 86_400));
        outbound.flush().await;
        assert_eq!((outbound.len(), inbox(&store).len()), (0, 1), "{test}: {:?}", receiver.lines.lock().unwrap());
        handle.stop().await;
    }
}

/// A receiver that is full of words does not fill the disk with them.
#[tokio::test(flavor = "multi_thread")]
async fn endless_answers_are_kept_in_part() {
    let (place, store) = (Place::new("words"), Memory::new());
    let (_receiver, address) = Receiver::start("127.0.0.1:0", |line| match line.get(..4) {
        Some("RCPT") => format!("{}450 4.2.0 end\r\n", format!("450-4.2.0 {}\r\n", "x".repeat(1900)).repeat(100)),
        _ => obliging(line),
    });
    let handle = sending(&place, &store, ZONE, Relay::new(place.0.join("queue")).port(address.port())).await;
    submit(&handle, &["bob@else.test", "carol@else.test"], "hi").await;
    let outbound = handle.outbound().unwrap().clone();
    outbound.flush().await;
    assert_eq!(waiting(&outbound), ["bob@else.test 4.2.0", "carol@else.test 4.2.0"]);
    let sizes = std::fs::read_dir(place.0.join("queue")).unwrap().map(|file| file.unwrap().metadata().unwrap().len());
    assert!(sizes.sum::<u64>() < 10_000);
    handle.stop().await;
}

/// A message that was sent nowhere is nobody's.
#[tokio::test(flavor = "multi_thread")]
async fn a_bound_of_no_hosts_is_one_of_one() {
    let (place, store) = (Place::new("no-hosts"), Memory::new());
    let (receiver, address) = Receiver::start("127.0.0.1:0", obliging);
    let mut limits = Limits::default();
    limits.mx.hosts = 0;
    let relay = Relay::new(place.0.join("queue")).port(address.port()).limits(limits);
    let handle = sending(&place, &store, ZONE, relay).await;
    submit(&handle, &["bob@else.test"], "hi").await;
    handle.outbound().unwrap().flush().await;
    assert_eq!(receiver.messages.lock().unwrap().len(), 1);
    handle.stop().await;
}
