//! Client and server in memory, over links that dribble, and a server that is played.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions)] // a test may

use std::sync::Arc;

use gatepost_pop3::Command;
use gatepost_pop3::client::{Client, Config as ClientConfig, Event as Heard, Failure, Request, ResponseCode};
use gatepost_pop3::server::{Config, Entry, Event, OpenError, Server};
use gatepost_sasl::{
    Answer, ClientError, ClientMechanism, Identity, PlainClient, Question, ScramClient, ScramKeys, Secret,
};
use gatepost_wire::{Endpoint, Step, TlsInfo, TlsVersion};
use proptest::prelude::*;

fn tls() -> TlsInfo {
    let mut tls = TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
    tls.server_verified = true;
    tls
}

fn client(require_tls: bool) -> Client {
    Client::new(ClientConfig { require_tls, utf8: true, ..ClientConfig::default() })
}

/// How the client logs in.
#[derive(Clone, Copy, Debug)]
enum How {
    User,
    Plain,
    Scram,
}

impl How {
    fn name(self) -> &'static str {
        match self {
            How::User => "USER",
            How::Plain => "PLAIN",
            How::Scram => "SCRAM-SHA-256",
        }
    }
}

fn mechanism(how: How, password: &str) -> Box<dyn ClientMechanism> {
    match how {
        How::Scram => Box::new(ScramClient::new("ann", &Secret::new(password), "clientnonce", Default::default())),
        _ => Box::new(PlainClient::new("ann", Secret::new(password))),
    }
}

/// A whole session between our two endpoints: what the client heard, and what the server was told to delete.
fn session(how: How, password: &str, messages: &Arc<[Vec<u8>]>, chunk: usize) -> (Vec<Heard>, Option<Vec<usize>>) {
    let mut server = Server::new(Config { stls: true, ..Config::default() }, "servernonce");
    let mut client = client(true);
    let (mut to_client, mut to_server): (Vec<u8>, Vec<u8>) = (Vec::new(), Vec::new());
    let (mut heard, mut deleted, mut given, mut begun) = (Vec::new(), None, 0, false);
    let keys = ScramKeys::derive(
        gatepost_sasl::ScramHash::Sha256,
        &Secret::new("pen cil"),
        b"sixteen octets..",
        4096.try_into().unwrap(),
    );
    for _ in 0..1_000_000 {
        match server.poll() {
            Step::Write(octets) => to_client.extend_from_slice(&octets),
            Step::Event(Event::Auth(Question::Password { user, password, .. })) => {
                server.answer(if keys.fits(&password) { Answer::Grant(Identity { user }) } else { Answer::Deny });
            }
            Step::Event(Event::Auth(Question::ScramKeys { user, .. })) => {
                server.answer(Answer::Keys(keys.clone(), Identity { user }));
            }
            Step::Event(Event::Open(_)) => {
                let entry = |(i, m): (usize, &Vec<u8>)| Entry::new(m.len() as u64, format!("u{i}"));
                server.opened(Ok(messages.iter().enumerate().map(entry).collect()));
            }
            Step::Event(Event::Retrieve(index)) => {
                let piece = messages[index].chunks(chunk).nth(given).unwrap_or_default();
                given += 1;
                if piece.is_empty() || !server.message(piece) {
                    server.end();
                    given = 0;
                }
            }
            Step::Event(Event::Commit(indices)) => {
                deleted = Some(indices);
                server.committed(true);
            }
            Step::StartTls => server.secured(tls()),
            Step::Read(_) if !to_server.is_empty() => {
                let rest = to_server.split_off(chunk.min(to_server.len()));
                server.feed(&std::mem::replace(&mut to_server, rest));
            }
            _ => {}
        }
        match client.poll() {
            Step::Write(octets) => to_server.extend_from_slice(&octets),
            Step::StartTls => client.secured(tls()),
            Step::Event(Heard::Ready(can)) if can.stls => client.start_tls(),
            Step::Event(Heard::Ready(_)) if begun => client.quit(), // refused
            Step::Event(Heard::Ready(_)) => {
                begun = true;
                match how {
                    How::User => client.user_and_pass("ann", &Secret::new(password)),
                    _ => client.authenticate(mechanism(how, password)),
                }
            }
            Step::Event(Heard::Idle) => {
                [Request::Stat, Request::List, Request::Uidl].into_iter().for_each(|request| client.ask(request));
                for number in 1..=messages.len() as u64 {
                    client.ask(Request::Retr(number));
                    client.ask(Request::Top(number, 0));
                    client.ask(Request::Dele(number));
                }
                client.ask(Request::Retr(999));
                client.quit();
                client.ask(Request::Noop); // nothing is asked behind QUIT
            }
            Step::Event(Heard::Message(octets)) => match heard.last_mut() {
                Some(Heard::Message(before)) => *before = [before.as_ref(), &octets].concat().into(),
                _ => heard.push(Heard::Message(octets)),
            },
            Step::Event(event) => heard.push(event),
            Step::Read(_) if !to_client.is_empty() => {
                let rest = to_client.split_off(chunk.min(to_client.len()));
                client.feed(&std::mem::replace(&mut to_client, rest));
            }
            Step::Read(_) => {}
            Step::Close => return (heard, deleted),
        }
    }
    panic!("the session does not end");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_fetched_is_what_was_kept(
        lines in proptest::collection::vec(prop_oneof![Just("."), Just(".."), Just(""), Just("x"), Just(".x"), Just("ö")], 0..20),
        chunk in 1usize..50, how in prop_oneof![Just(How::User), Just(How::Plain), Just(How::Scram)],
    ) {
        let body: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        let messages: Arc<[Vec<u8>]> =
            [format!("From: ö\r\n\r\n{body}"), body.clone(), "S: x\r\n\r\nno end".into()].map(String::into_bytes).into();
        let (heard, deleted) = session(how, "pen cil", &messages, chunk);
        prop_assert_eq!(deleted, Some(vec![0, 1, 2]));
        let sizes: Vec<(u64, u64)> = (1..).zip(messages.iter().map(|message| message.len() as u64)).collect();
        prop_assert_eq!(&heard[0], &Heard::Authenticated(how.name()));
        prop_assert_eq!(&heard[1], &Heard::Statistics { messages: 3, octets: sizes.iter().map(|(_, size)| size).sum() });
        prop_assert_eq!(&heard[2], &Heard::Sizes(sizes));
        prop_assert_eq!(&heard[3], &Heard::Uids((1..).zip(["u0", "u1", "u2"].map(str::to_owned)).collect()));
        let mut rest = heard[4..].iter();
        for (number, message) in (1..).zip(messages.iter()) {
            if !message.is_empty() {
                let mut whole = message.clone();
                if !whole.ends_with(b"\r\n") {
                    whole.extend_from_slice(b"\r\n");
                }
                prop_assert_eq!(rest.next(), Some(&Heard::Message(whole.into())));
            }
            prop_assert_eq!(rest.next(), Some(&Heard::MessageEnd { number, bare: false }));
            match rest.next() {
                Some(Heard::Message(top)) => {
                    prop_assert!(message.starts_with(top) || top.ends_with(b"\r\n"));
                    prop_assert_eq!(rest.next(), Some(&Heard::MessageEnd { number, bare: false }));
                }
                other => prop_assert_eq!(other, Some(&Heard::MessageEnd { number, bare: false })),
            }
            prop_assert_eq!(rest.next(), Some(&Heard::Done(Request::Dele(number))));
        }
        let Some(Heard::Refused(Request::Retr(999), _)) = rest.next() else { panic!("{rest:?}") };
        prop_assert_eq!(rest.next(), Some(&Heard::Committed));
        prop_assert_eq!(rest.next(), None);
    }
}

#[test]
fn a_wrong_password_is_told() {
    for how in [How::User, How::Plain, How::Scram] {
        let (heard, deleted) = session(how, "wrong", &Arc::from([]), 7);
        let [Heard::Failed(Failure::Refused(refusal))] = heard.as_slice() else { panic!("{how:?}: {heard:?}") };
        assert_eq!((refusal.code, deleted), (Some(ResponseCode::Auth), None));
    }
}

#[test]
fn requests_are_commands() {
    let all = [
        Request::Stat,
        Request::List,
        Request::Uidl,
        Request::Retr(1),
        Request::Top(7, 0),
        Request::Dele(99),
        Request::Rset,
        Request::Noop,
        Request::Quit,
    ];
    for request in all {
        assert!(Command::parse(request.to_string().as_bytes()).is_ok(), "{request}");
    }
}

/// What a client that gets these octets, each piece by itself, says; and what it hears until it waits or is closed.
fn played(client: &mut Client, pieces: &[&str], act: impl Fn(&mut Client, &Heard)) -> (String, Vec<Heard>) {
    let (mut said, mut heard, mut pieces) = (String::new(), Vec::new(), pieces.iter());
    for _ in 0..1000 {
        match client.poll() {
            Step::Write(octets) => said.push_str(std::str::from_utf8(&octets).unwrap()),
            Step::StartTls => {
                said.push_str("(TLS)");
                match pieces.next() {
                    Some(clear) => client.feed(clear.as_bytes()),
                    None => return (said, heard),
                }
            }
            Step::Event(event) => {
                act(client, &event);
                if heard.contains(&event) {
                    return (said, heard); // it waits, or goes round
                }
                heard.push(event);
            }
            Step::Read(_) => match pieces.next() {
                Some(piece) => client.feed(piece.as_bytes()),
                None => return (said, heard),
            },
            Step::Close => return (said, heard),
        }
    }
    panic!("it does not end: {heard:?}");
}

const CAPA: &str = "+OK\r\nSTLS\r\nUSER\r\nSASL PLAIN\r\nPIPELINING\r\nRESP-CODES\r\n.\r\n";

#[test]
fn octets_behind_the_reply_to_stls_are_fatal() {
    let stls = |client: &mut Client, event: &Heard| {
        if matches!(event, Heard::Ready(_)) {
            client.start_tls();
        }
    };
    for reply in [vec!["+OK\r\n+OK\r\n"], vec!["+OK\r\nx"], vec!["+OK\r\n", "+OK injected\r\n"]] {
        let pieces = [&["+OK hello\r\n", CAPA], reply.as_slice()].concat();
        let (said, heard) = played(&mut client(true), &pieces, stls);
        assert_eq!(heard.last(), Some(&Heard::Failed(Failure::Injected)), "{reply:?}");
        assert!(said.starts_with("CAPA\r\nSTLS\r\n") && !said.contains("AUTH"), "{said}");
    }
}

#[test]
fn a_client_that_requires_tls_never_goes_on_without() {
    let go = |client: &mut Client, event: &Heard| {
        if matches!(event, Heard::Ready(_)) {
            client.start_tls();
            client.authenticate(mechanism(How::Plain, "pen cil"));
            client.user_and_pass("ann", &Secret::new("pen cil"));
        }
    };
    for (require_tls, pieces) in [
        (true, vec!["+OK\r\n", "+OK\r\nSASL PLAIN\r\nUSER\r\n.\r\n"]), // stripped
        (true, vec!["+OK\r\n", "-ERR\r\n"]),
        (true, vec!["+OK\r\n", CAPA, "-ERR no\r\n"]),
        (false, vec!["+OK\r\n", "-ERR\r\n"]),
        (false, vec!["+OK\r\n", CAPA, "-ERR no\r\n"]),
    ] {
        let (said, _) = played(&mut client(require_tls), &pieces, go);
        assert!(!["AUTH", "USER", "PASS"].iter().any(|word| said.contains(word)), "{require_tls} {pieces:?}: {said}");
    }
}

fn secured(pieces: &[&str], act: impl Fn(&mut Client, &Heard)) -> (String, Vec<Heard>) {
    let mut client = client(true);
    client.secured(tls());
    played(&mut client, pieces, act)
}

#[test]
fn names_and_passwords_can_not_inject_commands() {
    for (user, password) in [
        ("a\r\nDELE 1", "p"),
        ("a", "p\r\nDELE 1"),
        ("", "p"),
        ("a", ""),
        ("a\0", "p"),
        ("a", &"p".repeat(250)),
        ("ö", "p"),
    ] {
        let (said, heard) = secured(&["+OK\r\n", CAPA], |client, event| {
            if matches!(event, Heard::Ready(_)) {
                client.user_and_pass(user, &Secret::new(password));
            }
        });
        assert_eq!(said, "CAPA\r\n");
        assert!(heard.contains(&Heard::Failed(Failure::Unsayable)), "{user:?} {password:?}");
    }
}

#[test]
fn a_server_that_breaks_the_rules_is_left() {
    let ask = |request: Request| {
        move |client: &mut Client, event: &Heard| match event {
            Heard::Ready(_) => client.user_and_pass("ann", &Secret::new("p")),
            Heard::Idle => client.ask(request),
            _ => {}
        }
    };
    for (request, reply) in [
        (Request::Stat, "+OK -1 5\r\n"),
        (Request::Stat, "+OK 1\r\n"),
        (Request::Stat, "+OK 1 99999999999999999999999\r\n"),
        (Request::Stat, "+ok 1 1\r\n"),
        (Request::Stat, "+OKAY 1 1\r\n"),
        (Request::Stat, "HTTP/1.1 200 OK\r\n"),
        (Request::Stat, "+OK 1\n1\r\n"),
        (Request::List, "+OK\r\n1 x\r\n"),
        (Request::Uidl, "+OK\r\n1 a\x07b\r\n"),
        (Request::Uidl, "+OK\r\n1\r\n"),
    ] {
        let (said, heard) = secured(&["+OK\r\n", CAPA, "+OK\r\n", "+OK\r\n", reply], ask(request));
        assert_eq!(heard.last(), Some(&Heard::Failed(Failure::Malformed)), "{reply:?}");
        assert!(!said.contains("QUIT"), "{said}");
    }
    let (_, heard) = secured(&["+OK\r\n", CAPA, "+OK\r\n", "+OK\r\n+OK 1 1\r\n"], ask(Request::Stat));
    assert_eq!(heard.last(), Some(&Heard::Failed(Failure::Unasked)), "an answer before the question");
    let long = "x".repeat(5000);
    let (_, heard) = secured(&["+OK\r\n", CAPA, "+OK\r\n", "+OK\r\n", &long, "\r\n"], ask(Request::Stat));
    assert_eq!(heard.last(), Some(&Heard::Failed(Failure::Malformed)));
}

#[test]
fn success_is_not_believed_before_the_server_proved_itself() {
    let (_, heard) = secured(&["+OK\r\n", "+OK\r\nSASL SCRAM-SHA-256\r\n.\r\n", "+OK come in\r\n"], |client, event| {
        if matches!(event, Heard::Ready(_)) {
            client.authenticate(mechanism(How::Scram, "pen cil"));
        }
    });
    assert_eq!(heard.last(), Some(&Heard::Failed(Failure::Authentication(ClientError::ServerNotAuthenticated))));
}

#[test]
fn log_ins_that_come_too_soon_are_told() {
    let mut server =
        Server::new(Config { login_delay: Some(std::time::Duration::from_secs(60)), ..Config::default() }, "n");
    server.secured(tls());
    server.feed(b"CAPA\r\nUSER a\r\nPASS b\r\n");
    let mut said = Vec::new();
    loop {
        match server.poll() {
            Step::Write(octets) => said.extend_from_slice(&octets),
            Step::Event(Event::Auth(_)) => server.answer(Answer::Grant(Identity { user: "a".into() })),
            Step::Event(_) => server.opened(Err(OpenError::TooSoon)),
            _ => break,
        }
    }
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("\r\nLOGIN-DELAY 60\r\n") && said.contains("\r\n-ERR [LOGIN-DELAY] "), "{said}");
}

#[test]
fn a_password_is_not_shown_to_a_server_that_was_not_verified() {
    for how in [How::User, How::Plain, How::Scram] {
        let mut client = client(true);
        client.secured(TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256"));
        let mut said = String::new();
        let mut replies = ["+OK\r\n", "+OK\r\nUSER\r\nSASL PLAIN SCRAM-SHA-256\r\n.\r\n"].into_iter();
        loop {
            match client.poll() {
                Step::Write(octets) => said.push_str(&String::from_utf8_lossy(&octets)),
                Step::Read(_) => match replies.next() {
                    Some(reply) => client.feed(reply.as_bytes()),
                    None => break,
                },
                Step::Event(Heard::Ready(_)) => match how {
                    How::User => client.user_and_pass("ann", &Secret::new("pencil")),
                    _ => client.authenticate(mechanism(how, "pencil")),
                },
                Step::Event(Heard::Failed(failure)) => {
                    assert_eq!(failure, Failure::TlsRequired, "{how:?}");
                    break;
                }
                other => panic!("{how:?}: {other:?}"),
            }
        }
        // SCRAM shows nothing, so that it may be tried
        assert_eq!(said.contains("AUTH SCRAM"), matches!(how, How::Scram), "{said}");
        assert!(!said.contains("USER") && !said.contains("PLAIN"), "{said}");
    }
}
