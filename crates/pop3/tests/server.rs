//! The server endpoint: sessions, injection, whatever the chunks.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

use gatepost_pop3::server::{Config, Entry, Event, OpenError, Server};
use gatepost_sasl::{Answer, Identity, Question};
use gatepost_wire::{Endpoint, Step, TlsInfo, TlsVersion};
use proptest::prelude::*;

const MESSAGES: [&str; 2] = ["A: b\r\n\r\n.one\r\ntwo\r\n", "C: d\r\n\r\nthree"];

#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    replies: String,
    deleted: Option<Vec<usize>>,
    closed: bool,
    upgraded: bool,
}

fn run(script: &[u8], chunk: usize, tls: bool) -> Seen {
    let config = Config { stls: true, ..Config::default() };
    let mut server = Server::new(config, "nonce");
    if tls {
        server.secured(TlsInfo::new(TlsVersion::Tls13, "TLS13_AES_128_GCM_SHA256"));
    }
    let (mut seen, mut chunks) = (Seen::default(), script.chunks(chunk));
    loop {
        match server.poll() {
            Step::Write(octets) => seen.replies.push_str(std::str::from_utf8(&octets).unwrap()),
            Step::Event(Event::Auth(Question::Password { user, password, .. })) if password.expose() == b"pen cil" => {
                server.answer(Answer::Grant(Identity { user }));
            }
            Step::Event(Event::Auth(_)) => server.answer(Answer::Deny),
            Step::Event(Event::Open(who)) if who.user == "busy" => server.opened(Err(OpenError::InUse)),
            Step::Event(Event::Open(_)) => {
                let entry = |(index, text): (usize, &&str)| Entry {
                    size: u64::try_from(text.len()).unwrap(),
                    uid: format!("u{index}"),
                };
                server.opened(Ok(MESSAGES.iter().enumerate().map(entry).collect()));
            }
            Step::Event(Event::Retrieve(index) | Event::Top(index, _)) => {
                MESSAGES[index].as_bytes().chunks(3).for_each(|piece| server.message(piece));
                server.end();
            }
            Step::Event(Event::Commit(deleted)) => {
                seen.deleted = Some(deleted);
                server.committed(true);
            }
            Step::Event(other) => panic!("{other:?}"),
            Step::Read(_) => match chunks.next() {
                Some(chunk) => server.feed(chunk),
                None => return seen,
            },
            Step::StartTls => {
                seen.upgraded = true;
                return seen;
            }
            Step::Close => {
                seen.closed = true;
                return seen;
            }
        }
    }
}

const LOGIN: &str = "USER ann\r\nPASS pen cil\r\n";

#[test]
fn a_session() {
    let script =
        format!("{LOGIN}STAT\r\nLIST\r\nUIDL 2\r\nRETR 1\r\nDELE 1\r\nRETR 1\r\nLIST\r\nRSET\r\nDELE 2\r\nQUIT\r\n");
    let seen = run(script.as_bytes(), usize::MAX, true);
    assert_eq!(
        seen.replies,
        "+OK POP3 server ready\r\n+OK now PASS\r\n+OK 2 messages\r\n+OK 2 32\r\n+OK sizes follow\r\n1 19\r\n2 13\r\n.\r\n+OK 2 u1\r\n\
         +OK message follows\r\nA: b\r\n\r\n..one\r\ntwo\r\n.\r\n+OK marked\r\n-ERR no such message\r\n+OK sizes follow\r\n2 13\r\n.\r\n\
         +OK unmarked\r\n+OK marked\r\n+OK bye\r\n"
    );
    assert_eq!((seen.deleted, seen.closed), (Some(vec![1]), true));
}

#[test]
fn nothing_is_deleted_without_quit() {
    assert_eq!(run(format!("{LOGIN}DELE 1\r\n").as_bytes(), 5, true).deleted, None);
}

#[test]
fn log_ins() {
    let replies = |script: &str, tls| {
        run(script.as_bytes(), 7, tls).replies.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        replies("USER ann\r\nPASS x\r\nAUTH PLAIN AHgAeA==\r\n", false),
        ["-ERR not without TLS", "-ERR not without TLS", "-ERR this mechanism is not offered"]
    );
    assert_eq!(
        replies("PASS pen cil\r\nUSER ann\r\nNOOP\r\nPASS pen cil\r\n", true),
        ["-ERR USER first", "+OK now PASS", "-ERR log in first", "-ERR USER first"]
    );
    assert_eq!(replies("USER ann\r\nPASS x\r\n", true), ["+OK now PASS", "-ERR [AUTH] authentication failed"]);
    assert_eq!(
        replies("USER busy\r\nPASS pen cil\r\n", true),
        ["+OK now PASS", "-ERR [IN-USE] the maildrop is locked"]
    );
    assert_eq!(
        replies("AUTH PLAIN\r\nAGFubgBwZW4gY2ls\r\nAUTH PLAIN\r\n", true),
        ["+ ", "+OK 2 messages", "-ERR not in this state"]
    );
    assert!(run(b"AUTH PLAIN x\r\nAUTH PLAIN x\r\nAUTH PLAIN x\r\n", 50, true).closed);
}

#[test]
fn plaintext_behind_stls_is_never_read() {
    let injected = run(b"STLS\r\nNOOP\r\n", usize::MAX, false);
    assert!(injected.closed && !injected.upgraded && injected.replies.ends_with("-ERR data behind STLS\r\n"));
    assert!(run(b"CAPA\r\nSTLS\r\n", 1, false).upgraded);
}

#[test]
fn odd_numbers_are_refused() {
    for command in [
        "RETR 0",
        "RETR 3",
        "RETR -1",
        "RETR 99999999999999999999",
        "TOP 1",
        "TOP 1 -1",
        "LIST x",
        "DELE",
        "RETR 1 ",
        "FOO",
    ] {
        let seen = run(format!("{LOGIN}{command}\r\n").as_bytes(), usize::MAX, true);
        assert!(seen.replies.lines().last().unwrap().starts_with("-ERR"), "{command}: {}", seen.replies);
    }
}

proptest! {
    #[test]
    fn chunks_change_nothing(lines in proptest::collection::vec(prop_oneof![
        Just("USER ann\r\n"), Just("PASS pen cil\r\n"), Just("RETR 1\r\n"), Just("TOP 2 0\r\n"), Just("DELE 1\r\n"), Just("LIST\r\n"), Just("\r"),
        Just("AUTH PLAIN\r\n"), Just("AGFubgBwZW4gY2ls\r\n"), Just("CAPA\r\n"), Just("QUIT\r\n"), Just("*\r\n"), Just("RSET\r\n"),
    ], 0..25), chunk in 1usize..20) {
        let script = lines.concat();
        prop_assert_eq!(run(script.as_bytes(), chunk, true), run(script.as_bytes(), usize::MAX, true));
    }
}
