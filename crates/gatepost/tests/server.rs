//! The server on loopback: what arrives is judged, recorded and handled by policy.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod place;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use gatepost::store::Folder;
use gatepost::{Envelope, Handle, Judge, Memory, Policy, Server, Service, tls};
use gatepost_arc::seal::{Payload, Sealer};
use gatepost_dns::Zone;
use gatepost_results::Explain;
use place::Place;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const ZONE: &str = "bank.test TXT \"v=spf1 -all\"\n_dmarc.bank.test TXT \"v=DMARC1; p=reject\"\nhome.test TXT \"v=spf1 ip4:127.0.0.1 -all\"";

async fn start(policy: Policy, store: Memory, place: &Place) -> Handle {
    let (certificate, key) = place.certificate();
    let users = place::users(&["bob@example.test"]);
    let server = Server::new("mx.example.test".parse().unwrap()).resolver(Zone::parse(ZONE).unwrap()).store(store);
    let server = server.tls(tls::from_pem(certificate, key).unwrap()).users(users).policy(policy).spool(&place.0);
    server.listen(Service::Mx, "127.0.0.1:0").unwrap().start().await.unwrap()
}

/// Sends lines one by one; the replies' first lines.
fn talk(address: std::net::SocketAddr, lines: &[&str]) -> Vec<String> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut replies = Vec::new();
    let mut reply = || {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        line
    };
    replies.push(reply());
    for line in lines {
        stream.write_all(line.as_bytes()).unwrap();
        replies.push(reply());
    }
    replies
}

const FORGED: &str = "Return-Path: <y@z.test>\r\nAuthentication-Results: MX.example.TEST; dmarc=pass header.from=bank.test\r\nFrom: service@bank.test\r\n\r\nPay.\r\n.\r\n";

fn deliver_forged(address: std::net::SocketAddr) -> String {
    let lines = [
        "HELO elsewhere.test\r\n",
        "MAIL FROM:<x@elsewhere.test>\r\n",
        "RCPT TO:<bob@example.test>\r\n",
        "DATA\r\n",
        FORGED,
    ];
    talk(address, &lines).pop().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_fails_dmarc_is_handled_by_policy() {
    for (policy, code, inbox, junk) in
        [(Policy::Record, "250", 1, 0), (Policy::Quarantine, "250", 0, 1), (Policy::Reject, "550", 0, 0)]
    {
        let place = Place::new(policy.word());
        let store = Memory::new();
        let handle = start(policy, store.clone(), &place).await;
        let address = handle.address(Service::Mx).unwrap();
        let reply = tokio::task::spawn_blocking(move || deliver_forged(address)).await.unwrap();
        assert!(reply.starts_with(code), "{policy:?}: {reply}");
        let stored = |folder| store.messages("bob@example.test", folder);
        assert_eq!((stored(Folder::Inbox).len(), stored(Folder::Junk).len()), (inbox, junk), "{policy:?}");
        for message in stored(Folder::Inbox).iter().chain(&stored(Folder::Junk)) {
            let text = String::from_utf8_lossy(message);
            assert!(
                text.starts_with(
                    "Return-Path: <x@elsewhere.test>\r\nAuthentication-Results: mx.example.test;\r\n\tspf=none"
                ),
                "{text}"
            );
            assert!(
                text.contains("dmarc=fail header.from=bank.test policy.dmarc=reject")
                    && !text.contains("dmarc=pass")
                    && text.matches("Return-Path:").count() == 1,
                "{text}"
            );
            assert!(text.ends_with("\r\nFrom: service@bank.test\r\n\r\nPay.\r\n"), "{text}");
        }
        handle.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_without_one_author_is_refused() {
    let place = Place::new("authors");
    let handle = start(Policy::Record, Memory::new(), &place).await;
    let address = handle.address(Service::Mx).unwrap();
    for head in [
        "From: a@home.test\r\nFrom: service@bank.test",
        "Subject: nobody",
        "From: undisclosed:;",
        "From: a@home.test\r\nFrom : b@bank.test",
    ] {
        let message = format!("{head}\r\n\r\nhi\r\n.\r\n");
        let reply = tokio::task::spawn_blocking(move || {
            let lines = ["HELO h.test\r\n", "MAIL FROM:<>\r\n", "RCPT TO:<Bob@Example.Test>\r\n", "DATA\r\n", &message];
            talk(address, &lines).pop().unwrap()
        });
        assert!(reply.await.unwrap().starts_with("550 5.6.0"), "{head}");
    }
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_lets_a_message_in_flight_finish() {
    let place = Place::new("stop");
    let store = Memory::new();
    let handle = start(Policy::Record, store.clone(), &place).await;
    let address = handle.address(Service::Mx).unwrap();
    let (begun, wait) = tokio::sync::oneshot::channel();
    let client = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        for command in [
            "HELO home.test\r\n",
            "MAIL FROM:<a@home.test>\r\n",
            "RCPT TO:<bob@example.test>\r\n",
            "DATA\r\n",
            "From: a@home.test\r\n\r\nhi\r\n",
        ] {
            reader.read_line(&mut line).unwrap();
            stream.write_all(command.as_bytes()).unwrap();
        }
        begun.send(()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(300));
        stream.write_all(b".\r\n").unwrap();
        line.clear();
        reader.read_line(&mut line).unwrap();
        line
    });
    wait.await.unwrap();
    handle.stop().await;
    assert!(client.await.unwrap().starts_with("250"));
    assert_eq!(store.messages("bob@example.test", Folder::Inbox).len(), 1);
}

#[tokio::test]
async fn one_call_judges_a_message() {
    let judge = Judge::new(std::sync::Arc::new(Zone::parse(ZONE).unwrap()), "mx.example.test");
    let envelope = Envelope {
        ip: "127.0.0.1".parse().unwrap(),
        helo: "home.test".into(),
        mail_from: "a@home.test".into(),
        now: std::time::SystemTime::now(),
    };
    let inbound = judge.message(&envelope, b"From: a@home.test\r\n\r\nhi\r\n").await.unwrap();
    assert_eq!(inbound.explain().line(), "spf=pass dkim=none arc=none dmarc=none");
    for malformed in [&b"From: a@home.test\rFrom: b@bank.test\r\n\r\n"[..], b" x\r\n\r\n", b"no colon\r\n\r\n"] {
        assert!(judge.message(&envelope, malformed).await.is_err());
    }
}

/// RFC 1122 §4.2.2.13: who closes with octets unread resets the connection, and what was said last is lost on the way.
#[tokio::test(flavor = "multi_thread")]
async fn who_goes_on_talking_hears_why_the_session_ended() {
    let place = Place::new("linger");
    let handle = start(Policy::Record, Memory::new(), &place).await;
    let address = handle.address(Service::Mx).unwrap();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap(); // most of the replies wait on the server's side
    let (mut reader, mut writer) = socket.connect(address).await.unwrap().into_split();
    let said = tokio::spawn(async move {
        let much = [&b"HELO home.test\r\nMAIL FROM:<>\r\n"[..], &b"RCPT TO:<bob@example.test>\r\n".repeat(40_000)];
        let _ = writer.write_all(&much.concat()).await;
        writer
    });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await; // the end has come before we read
    let mut replies = Vec::new();
    let end = reader.read_to_end(&mut replies).await;
    said.await.unwrap();
    let said = String::from_utf8(replies).unwrap();
    let said = said.get(said.len().saturating_sub(500)..).unwrap();
    assert!(end.is_ok(), "{end:?} {said}");
    assert!(said.lines().last().unwrap().starts_with("421 "), "{said}");
}

#[tokio::test]
async fn a_chain_is_recorded_and_changes_nothing_else() {
    let key = gatepost_dkim::PrivateKey::from_ed25519_seed(&[7; 32]).unwrap(); // a test key
    let zone = format!("{ZONE}\ns._domainkey.list.test TXT \"{}\"", key.public_record());
    let judge = Judge::new(std::sync::Arc::new(Zone::parse(&zone).unwrap()), "mx.example.test");
    let envelope = Envelope {
        ip: "192.0.2.1".parse().unwrap(),
        helo: "list.test".into(),
        mail_from: "b@list.test".into(),
        now: std::time::SystemTime::now(),
    };
    let message = b"From: a@bank.test\r\n\r\nhi\r\n";
    let arrived = judge.message(&envelope, message).await.unwrap();
    let spec = gatepost_dkim::sign::Spec::new("list.test".parse().unwrap(), "s".parse().unwrap());
    let headers = (*arrived.headers).clone();
    let mut sealer = Sealer::new(spec, headers, &arrived.arc, &Payload::from(&arrived.results())).unwrap();
    sealer.body(b"hi\r\n");
    let set = sealer.finish().unwrap().seal(&key).unwrap().to_string();
    for (body, recorded) in [
        ("hi\r\n", "arc=pass header.oldest-pass=0 smtp.remote-ip=192.0.2.1"),
        (
            "ho\r\n",
            "arc=fail reason=\"the message signature of i=1: the body hash did not verify\" smtp.remote-ip=192.0.2.1",
        ),
    ] {
        let message = format!("{set}From: a@bank.test\r\n\r\n{body}");
        let inbound = judge.message(&envelope, message.as_bytes()).await.unwrap();
        let results = inbound.results().to_field();
        assert!(results.contains(&format!("\t{recorded};\r\n")), "{results}");
        assert_eq!(inbound.dmarc, arrived.dmarc);
        assert_eq!(inbound.disposition(), arrived.disposition());
    }
}
