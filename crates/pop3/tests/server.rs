//! The server endpoint: sessions, injection, whatever the chunks.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

use gatepost_pop3::server::{Config, Entry, Event, OpenError, Server, SurrogateSize};
use gatepost_sasl::{Answer, Identity, Question};
use gatepost_wire::{Endpoint, Step, TlsInfo, TlsVersion};
use proptest::prelude::*;

const MESSAGES: [&str; 3] =
    ["A: b\r\n\r\n.one\r\ntwo\r\n", "C: d\r\n\r\nthree", "From: ö\r\nC: d\r\nE: ö\r\n\r\nö\r\n"];

#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    replies: String,
    deleted: Option<Vec<usize>>,
    closed: bool,
    upgraded: bool,
}

/// What a store tells of a message that it got in pieces.
fn entry(index: usize, message: &[u8]) -> Entry {
    let open = !message.is_empty() && !message.ends_with(b"\n");
    let size = u64::try_from(message.len()).unwrap() + if open { 2 } else { 0 };
    let mut surrogate = SurrogateSize::new();
    message.chunks(1 + 2 * index).all(|piece| surrogate.write(piece));
    Entry { size, surrogate: surrogate.of(size), uid: format!("u{index}") }
}

fn run(script: &[u8], chunk: usize, tls: bool) -> Seen {
    run_with(&MESSAGES, script, chunk, tls)
}

fn run_with(messages: &[&str], script: &[u8], chunk: usize, tls: bool) -> Seen {
    let config = Config { stls: true, ..Config::default() };
    let mut server = Server::new(config, "nonce");
    if tls {
        server.secured(TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256"));
    }
    let (mut seen, mut chunks, mut given) = (Seen::default(), script.chunks(chunk), 0);
    loop {
        match server.poll() {
            Step::Write(octets) => seen.replies.push_str(std::str::from_utf8(&octets).unwrap()),
            Step::Event(Event::Auth(Question::Password { user, password, .. })) if password.expose() == b"pen cil" => {
                server.answer(Answer::Grant(Identity { user }));
            }
            Step::Event(Event::Auth(_)) => server.answer(Answer::Deny),
            Step::Event(Event::Open(who)) if who.user == "busy" => server.opened(Err(OpenError::InUse)),
            Step::Event(Event::Open(_)) => {
                let entry = |(index, text): (usize, &&str)| entry(index, text.as_bytes());
                server.opened(Ok(messages.iter().enumerate().map(entry).collect()));
            }
            Step::Event(Event::Retrieve(index)) => {
                let piece = messages[index].as_bytes().chunks(3).nth(given).unwrap_or_default();
                given += 1;
                if piece.is_empty() || !server.message(piece) {
                    server.end();
                    given = 0;
                }
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
        "+OK POP3 server ready\r\n+OK now PASS\r\n+OK 3 messages\r\n+OK 3 116\r\n+OK sizes follow\r\n1 19\r\n2 15\r\n3 82\r\n.\r\n+OK 2 u1\r\n\
         +OK 19 octets follow\r\nA: b\r\n\r\n..one\r\ntwo\r\n.\r\n+OK marked\r\n-ERR no such message\r\n+OK sizes follow\r\n2 15\r\n3 82\r\n.\r\n\
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
        ["+ ", "+OK 3 messages", "-ERR not in this state"]
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
        "RETR 4",
        "RETR -1",
        "RETR 99999999999999999999",
        "TOP 1",
        "TOP 1 -1",
        "LIST x",
        "DELE",
        "RETR 1 ",
        "FOO",
        "TOP 1 18446744073709551616",
        "DELE 9223372036854775808",
        "LIST 0",
        "UIDL +1",
        "LANG de",
        "LANG e_n",
        "UTF8",
        "STLS",
        "CAPA x",
        "RETR  1",
    ] {
        let seen = run(format!("{LOGIN}{command}\r\n").as_bytes(), usize::MAX, true);
        assert!(seen.replies.lines().last().unwrap().starts_with("-ERR"), "{command}: {}", seen.replies);
    }
}

fn last_reply(script: &str, tls: bool) -> String {
    run(script.as_bytes(), 9, tls).replies.rsplit_once("+OK ").unwrap().1.to_owned()
}

#[test]
fn top_takes_what_it_is_told() {
    for (lines, body) in [(0, ""), (1, "..one\r\n"), (2, "..one\r\ntwo\r\n"), (u64::MAX / 100, "..one\r\ntwo\r\n")] {
        let wanted = format!("the top follows\r\nA: b\r\n\r\n{body}.\r\n");
        assert_eq!(last_reply(&format!("{LOGIN}TOP 1 {lines}\r\n"), true), wanted);
    }
    assert_eq!(last_reply(&format!("{LOGIN}TOP 2 0\r\n"), true), "the top follows\r\nC: d\r\n\r\n.\r\n");
}

#[test]
fn header_sections_are_ascii_until_the_client_says_utf8() {
    let surrogate = last_reply(&format!("{LOGIN}TOP 3 0\r\n"), true);
    assert!(
        surrogate.is_ascii() && surrogate.contains("From: =?utf-8?B?w7Y=?=") && surrogate.contains("C: d"),
        "{surrogate}"
    );
    assert!(!surrogate.contains("E:"), "{surrogate}");
    let raw = last_reply(&format!("UTF8\r\n{LOGIN}RETR 3\r\n"), true);
    assert_eq!(raw, format!("29 octets follow\r\n{}.\r\n", MESSAGES[2]));
    assert!(run(b"UTF8\r\nSTLS\r\n", 99, false).replies.ends_with("-ERR TLS before UTF8\r\n"));
}

/// RFC 6856 §2.1: LIST tells what RETR sends; STAT and the text of RETR do, too.
fn check_sizes(messages: &[&str], start: &str) -> Vec<usize> {
    let reply = |command: &str| {
        let replies = run_with(messages, format!("{start}{LOGIN}{command}\r\n").as_bytes(), 99, true).replies;
        replies.split_once(" messages\r\n+OK ").unwrap().1.to_owned()
    };
    let sent = |number: usize| {
        let reply = reply(&format!("RETR {number}"));
        let (text, message) = reply.split_once("\r\n").unwrap();
        let message = format!("\r\n{}", message.strip_suffix(".\r\n").unwrap()).replace("\r\n.", "\r\n");
        assert_eq!(text, format!("{} octets follow", message.len() - 2), "{messages:?}");
        message.len() - 2
    };
    let sizes: Vec<usize> = (1..=messages.len()).map(sent).collect();
    let lines: String = (1..).zip(&sizes).map(|(number, size)| format!("{number} {size}\r\n")).collect();
    assert_eq!(reply("LIST"), format!("sizes follow\r\n{lines}.\r\n"));
    assert_eq!(reply("LIST 1"), format!("1 {}\r\n", sizes[0]));
    assert_eq!(reply("STAT"), format!("{} {}\r\n", sizes.len(), sizes.iter().sum::<usize>()));
    sizes
}

#[test]
fn sizes_are_those_of_what_is_sent() {
    let (surrogates, originals) = (check_sizes(&MESSAGES, ""), check_sizes(&MESSAGES, "UTF8\r\n"));
    assert_eq!(originals, [MESSAGES[0].len(), MESSAGES[1].len() + 2, MESSAGES[2].len()]);
    assert!(surrogates[..2] == originals[..2] && surrogates[2] > originals[2], "{surrogates:?}");
    check_sizes(&["Subject: ö", "X-Ö: all of it is left out", "A: ö\r\nB: c", "\r\nö", ""], "");
    check_sizes(&["", " ö\r\n o\r\n\r\n\r\n"], ""); // a piece ends between a CR and its LF
}

#[test]
fn capabilities_are_told_in_both_states() {
    let in_clear = last_reply("CAPA\r\n", false);
    assert!(in_clear.contains("\r\nSTLS\r\n") && in_clear.contains("\r\nUTF8\r\n"), "{in_clear}");
    assert!(!in_clear.contains("SASL") && !in_clear.contains("USER"), "{in_clear}");
    for script in ["CAPA\r\n".to_owned(), format!("{LOGIN}CAPA\r\n")] {
        let told = last_reply(&script, true);
        for line in
            ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "LANG", "UTF8 USER", "USER", "EXPIRE NEVER"]
        {
            assert!(told.contains(&format!("\r\n{line}\r\n")), "{line}: {told}");
        }
        assert!(told.contains("\r\nSASL SCRAM-SHA-256") && !told.contains("STLS"), "{told}");
    }
}

#[test]
fn what_strangers_may_do_is_bounded() {
    assert!(run(&b"NOOP\r\n".repeat(30), 99, true).closed);
    let capa = run(&b"CAPA\r\n".repeat(200), 99, true);
    assert!(capa.closed && capa.replies.ends_with("-ERR too many commands\r\n"));

    // messages that are not there, as many as a client that goes through old numbers may ask for
    let absent = |count: usize| "RETR 9\r\n".repeat(count);
    let script = format!("USER ann\r\nPASS pen cil\r\n{}STAT\r\n{}", absent(20), absent(20));
    assert!(!run(script.as_bytes(), 1000, true).closed);
    assert!(run((script + &absent(1)).as_bytes(), 1000, true).closed);
    assert!(run(b"GET / HTTP/1.1\r\nHost: x\r\n", 99, false).closed);
    assert!(run(b"\x16\x03\x01\x02\x00\x01", 99, false).closed);
    let line = |length: usize| format!("{LOGIN}RETR 1{}\r\n", "0".repeat(length - 8));
    assert!(run(line(255).as_bytes(), 99, true).replies.ends_with("-ERR malformed arguments\r\n"));
    assert!(run(line(256).as_bytes(), 99, true).replies.ends_with("-ERR line too long or malformed\r\n"));
}

proptest! {
    #[test]
    fn chunks_change_nothing(lines in proptest::collection::vec(prop_oneof![
        Just("USER ann\r\n"), Just("PASS pen cil\r\n"), Just("RETR 1\r\n"), Just("TOP 2 0\r\n"), Just("DELE 1\r\n"), Just("LIST\r\n"), Just("\r"),
        Just("AUTH PLAIN\r\n"), Just("AGFubgBwZW4gY2ls\r\n"), Just("CAPA\r\n"), Just("QUIT\r\n"), Just("*\r\n"), Just("RSET\r\n"), Just("TOP 3 1\r\n"), Just("UTF8\r\n"), Just("RETR 3\r\n"),
    ], 0..25), chunk in 1usize..20) {
        let script = lines.concat();
        prop_assert_eq!(run(script.as_bytes(), chunk, true), run(script.as_bytes(), usize::MAX, true));
    }
}

proptest! {
    #[test]
    fn sizes_are_those_of_what_is_sent_whatever_it_is(lines in proptest::collection::vec(prop_oneof![
        Just("From: ö <ö@ä.test>\r\n"), Just("A: b\r\n"), Just("X-Ö: x\r\n"), Just("Subject: grüße\r\n"), Just(" ö\r\n"), Just(" o\r\n"),
        Just("Content-Type: a/ö\r\n"), Just("\r\n"), Just(".\r\n"), Just("no end"), Just("Tö: x"),
    ], 0..12)) {
        check_sizes(&["A: b\r\n\r\n", &lines.concat()], "");
    }
}

#[test]
fn a_handshake_is_one_at_the_beginning_only() {
    for chunk in [1, 2, 99] {
        assert!(run(b"\x16\x03\x01\r\nCAPA\r\n", chunk, false).closed);
        assert!(!run(b"CAPA\r\n\x16\x03LANG\r\n", chunk, false).closed);
    }
}
