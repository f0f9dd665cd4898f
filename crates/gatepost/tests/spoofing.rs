//! Sender spoofing through the whole server: the 19 server cases of chenjj/espoofer ("Composition Kills"), over a socket. The
//! attacker's own domain passes SPF; whatever is stored must not say that the spoofed author passed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod place;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use gatepost::store::Folder;
use gatepost::{Memory, Policy, Server, Service, tls};
use gatepost_dns::Zone;
use gatepost_results::Trust;
use gatepost_syntax::{HeaderBlock, HeaderLimits};
use place::Place;

const ZONE: &str = "legitimate.com TXT \"v=spf1 ip4:192.0.2.1 -all\"\n_dmarc.legitimate.com TXT \"v=DMARC1; p=reject\"\n\
    attack.com TXT \"v=spf1 ip4:127.0.0.1 -all\"\n_dmarc.attack.com TXT \"v=DMARC1; p=none\"\n\
    any.attack.com TXT \"v=spf1 ip4:127.0.0.1 -all\"";

/// Case, path of MAIL FROM, header section.
const CASES: &[(&str, &str, &str)] = &[
    ("A1", "<any@mailfrom.notexist.legitimate.com>", "From: <admin@legitimate.com>"),
    ("A2", "<(any@legitimate.com>", "From: <admin@legitimate.com>"),
    (
        "A3",
        "<any@attack.com>",
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=legitimate.com; s=selector._domainkey.attack.com.\0.any; \
         h=From; bh=AAAA; b=AAAA\r\nFrom: <admin@legitimate.com>",
    ),
    (
        "A4",
        "<any@attack.com>",
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=legitimate.com'a.attack.com; s=selector; h=From; bh=AAAA; \
         b=AAAA\r\nFrom: <admin@legitimate.com>",
    ),
    ("A5", "<any@legitimate.com(a.attack.com>", "From: <admin@legitimate.com>"),
    ("A6", "<any@legitimate.com'@any.attack.com>", "From: <admin@legitimate.com>"),
    ("A7", "<@legitimate.com,@any.com:'any@attack.com>", "From: <admin@legitimate.com>"),
    ("A8", "<any@attack.com>", "From: <first@attack.com>\r\nFrom: <admin@legitimate.com>"),
    ("A9", "<any@attack.com>", " From: <first@attack.com>\r\nFrom: <admin@legitimate.com>"),
    ("A10", "<any@attack.com>", "From: <first@attack.com>\r\nFrom : <admin@legitimate.com>"),
    ("A11", "<any@attack.com>", "From\r\n : <first@attack.com>\r\nFrom: <admin@legitimate.com>"),
    ("A12", "<any@attack.com>", "From\r\n : <first@attack.com>\r\nSender: <admin@legitimate.com>"),
    ("A13", "<any@attack.com>", "From\r\n : <first@attack.com>\r\nResent-From: <admin@legitimate.com>"),
    ("A14", "<any@attack.com>", "From: <first@attack.com>, <admin@legitimate.com>"),
    ("A15", "<any@attack.com>", "From:=?utf-8?B?PGFkbWluQGxlZ2l0aW1hdGUuY29tPg==?=,<second@attack.com>"),
    ("A16", "<any@attack.com>", "From: <@attack.com,@any.com:admin@legitimate.com>"),
    ("A17", "<any@attack.com>", "From: <admin@legitimate.com>\\,<second@attack.com>"),
    ("A18", "<any@attack.com>", "From: admin@legitimate.com,<second@attack.com>"),
    ("A19", "<any@attack.com>", "From: <any@attack.com>admin@legitimate.com"),
];

/// The last reply to a delivery.
fn deliver(address: SocketAddr, from: &str, head: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut reply = String::new();
    let message = format!("{head}\r\nSubject: a test\r\n\r\nClick here.\r\n.\r\n");
    let from = format!("MAIL FROM:{from}\r\n");
    for line in ["", "HELO helo.attack.com\r\n", &from, "RCPT TO:<bob@example.test>\r\n", "DATA\r\n", &message] {
        stream.write_all(line.as_bytes()).unwrap();
        reply.clear();
        reader.read_line(&mut reply).unwrap();
        if reply.starts_with(['4', '5']) {
            break;
        }
    }
    reply
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spoofed_author_passes() {
    let place = Place::new("spoofing");
    let (certificate, key) = place.certificate();
    let users = place::users(&["bob@example.test"]);
    let store = Memory::new();
    let server =
        Server::new("mx.example.test".parse().unwrap()).resolver(Zone::parse(ZONE).unwrap()).store(store.clone());
    let server =
        server.tls(tls::from_pem(certificate, key).unwrap()).users(users).policy(Policy::Record).spool(&place.0);
    let handle = server.listen(Service::Mx, "127.0.0.1:0").unwrap().start().await.unwrap();
    let address = handle.address(Service::Mx).unwrap();
    let mut refused = Vec::new();
    for (case, from, head) in CASES {
        let reply = tokio::task::spawn_blocking(move || deliver(address, from, head)).await.unwrap();
        if !reply.starts_with("250") {
            assert!(reply.starts_with("50") || reply.starts_with("55"), "{case}: {reply}");
            refused.push(*case);
            continue;
        }
        let stored = store.messages("bob@example.test", Folder::Inbox).pop().unwrap();
        let (headers, _) = HeaderBlock::parse(&stored, &HeaderLimits::default()).unwrap();
        let results = Trust::new(&["mx.example.test"]).results(&headers).remove(0);
        let dmarc = results.of("dmarc").next().unwrap();
        assert_eq!(
            (dmarc.result(), dmarc.get("header", "from").as_deref()),
            ("fail", Some("legitimate.com")),
            "{case}: {results}"
        );
        for claimed in results.results().iter().filter(|result| result.result() == "pass") {
            let mut about = claimed.properties();
            assert!(about.all(|property| !property.value().contains("legitimate.com")), "{case}: {claimed}");
        }
    }
    // the rest is stored with dmarc=fail for the spoofed author
    let wanted = ["A2", "A3", "A5", "A6", "A7", "A8", "A9", "A10", "A11", "A12", "A13", "A15", "A17", "A19"];
    assert_eq!(refused, wanted);
    handle.stop().await;
}
