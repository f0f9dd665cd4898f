//! Client and server in memory, over links that dribble.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions)] // a test may

mod played;

use gatepost_sasl::{Answer, ClientMechanism, Identity, PlainClient, Question, ScramClient, ScramKeys, Secret};
use gatepost_smtp::Body;
use gatepost_smtp::client::{Event as Heard, Failure};
use gatepost_smtp::server::{Config, Event, Profile, Server};
use gatepost_wire::{Endpoint, Step};
use played::{client, envelope, play, tls};
use proptest::prelude::*;

/// A whole submission between our two endpoints: what the client heard, and the messages that the server took.
fn submit(mechanism: Box<dyn ClientMechanism>, message: &[u8], chunk: usize) -> (Vec<Heard>, Vec<Vec<u8>>) {
    submit_with(mechanism, message, chunk, Way { chunking: chunk.is_multiple_of(2), body: Body::SevenBit })
}

/// How the message goes over.
#[derive(Clone, Copy)]
struct Way {
    chunking: bool,
    body: Body,
}

fn submit_with(
    mechanism: Box<dyn ClientMechanism>,
    message: &[u8],
    chunk: usize,
    way: Way,
) -> (Vec<Heard>, Vec<Vec<u8>>) {
    let mut config = Config::new("mx.example".parse().unwrap(), Profile::Submission);
    (config.extensions.chunking, config.extensions.binary_mime) = (way.chunking, true);
    let (mut server, mut client) = (Server::new(config, "servernonce"), client(true));
    let (mut to_client, mut to_server): (Vec<u8>, Vec<u8>) = (Vec::new(), Vec::new());
    let (mut heard, mut taken, mut current) = (Vec::new(), Vec::new(), Vec::new());
    let (mut mechanism, mut pieces, mut sent) = (Some(mechanism), message.chunks(chunk), false);
    let keys = ScramKeys::derive(
        gatepost_sasl::ScramHash::Sha256,
        &Secret::new("pencil"),
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
                server.answer(Answer::Keys(keys.clone(), Identity { user }))
            }
            Step::Event(Event::Data(octets)) => current.extend_from_slice(&octets),
            Step::Event(Event::EndOfData) => {
                taken.push(std::mem::take(&mut current));
                server.accept();
            }
            Step::Event(_) => server.accept(),
            Step::StartTls => server.secured(tls()),
            Step::Read(_) if !to_server.is_empty() => {
                let rest = to_server.split_off(chunk.min(to_server.len()));
                server.feed(&std::mem::replace(&mut to_server, rest));
            }
            Step::Read(_) | Step::Close => {}
        }
        match client.poll() {
            Step::Write(octets) => to_server.extend_from_slice(&octets),
            Step::Event(Heard::Ready(offered)) => match mechanism.take() {
                Some(next) if offered.starttls => {
                    mechanism = Some(next);
                    client.start_tls();
                }
                Some(next) => client.authenticate(next),
                None if sent => client.quit(),
                None => {
                    sent = true;
                    let mut envelope = envelope(&["<bob@mx.example>", "<carol@mx.example>"]);
                    envelope.mail.body = way.body;
                    client.send(envelope);
                }
            },
            Step::Event(Heard::SendData) => match pieces.next() {
                Some(piece) => client.data(piece),
                None => client.end_data(),
            },
            Step::Event(event) => heard.push(event),
            Step::StartTls => client.secured(tls()),
            Step::Read(_) if !to_client.is_empty() => {
                let rest = to_client.split_off(chunk.min(to_client.len()));
                client.feed(&std::mem::replace(&mut to_client, rest));
            }
            Step::Read(_) => {}
            Step::Close => return (heard, taken),
        }
    }
    panic!("no end: {heard:?}");
}

#[test]
fn a_submission_goes_through_at_every_chunk_size() {
    let message = b"From: ann@client.example\r\n\r\n.dots\r\n..more\r\nend\r\n";
    for chunk in [1, 2, 3, 7, 64, 4096] {
        let scram = ScramClient::new("ann", &Secret::new("pencil"), "clientnonce", Default::default());
        for mechanism in
            [Box::new(PlainClient::new("ann", Secret::new("pencil"))) as Box<dyn ClientMechanism>, Box::new(scram)]
        {
            let name = mechanism.name();
            let (heard, taken) = submit(mechanism, message, chunk);
            assert_eq!(taken, [message], "{heard:?}");
            assert_eq!(heard[0], Heard::Authenticated(name));
            assert!(matches!(&heard[3], Heard::Done(reply) if reply.code == 250), "{heard:?}");
        }
    }
}

#[test]
fn a_wrong_password_and_a_bare_line_end_are_told() {
    let (heard, taken) = submit(Box::new(PlainClient::new("ann", Secret::new("wrong"))), b"x\r\n", 9);
    assert!(matches!(&heard[0], Heard::Failed(Failure::Refused(reply)) if reply.code == 535), "{heard:?}");
    assert!(taken.is_empty());
    for bare in [&b"a\nb\r\n"[..], b"a\rb\r\n", b"a\r"] {
        let (heard, taken) = submit(Box::new(PlainClient::new("ann", Secret::new("pencil"))), bare, 2);
        assert_eq!((heard.last(), taken.len()), (Some(&Heard::Failed(Failure::BareLineEnd)), 0), "{bare:?}");
    }
}

#[test]
fn injected_octets_at_the_switch_to_tls_end_the_session_at_every_split() {
    let behind = b"220 go\r\n250 injected\r\n";
    for cut in 0..behind.len() {
        let (first, second) = behind.split_at(cut);
        let mut client = client(true);
        for reply in [&b"220 x\r\n"[..], b"250-x\r\n250 STARTTLS\r\n"] {
            client.feed(reply);
            while !matches!(client.poll(), Step::Read(_) | Step::Event(_)) {}
        }
        client.start_tls();
        let mut last = client.poll();
        for part in [first, second] {
            client.feed(part);
            loop {
                match client.poll() {
                    Step::Event(event) => last = Step::Event(event),
                    Step::Write(_) => {}
                    _ => break,
                }
            }
        }
        assert_eq!(last, Step::Event(Heard::Failed(Failure::Injected)), "cut at {cut}");
    }
    let behind = b"STARTTLS\r\nMAIL FROM:<evil@x.example>\r\n";
    for cut in 1..behind.len() {
        let (first, second) = behind.split_at(cut);
        let mut server = Server::new(Config::new("mx.example".parse().unwrap(), Profile::Mx), "nonce");
        let mut said = String::new();
        for part in [b"EHLO c\r\n", first, second] {
            server.feed(part);
            loop {
                match server.poll() {
                    Step::Write(octets) => said.push_str(std::str::from_utf8(&octets).unwrap()),
                    Step::Event(event) => panic!("{event:?} at {cut}"),
                    _ => break,
                }
            }
        }
        assert!(said.ends_with("554 5.5.0 data behind STARTTLS\r\n") && server.state() == "Closed", "cut at {cut}");
    }
}

#[test]
fn what_was_known_before_tls_is_forgotten() {
    let mut server = Server::new(Config::new("mx.example".parse().unwrap(), Profile::Mx), "nonce");
    let mut said = String::new();
    for lines in [
        "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@mx.example>\r\nSTARTTLS\r\n",
        "DATA\r\nMAIL FROM:<>\r\nSTARTTLS\r\nEHLO c\r\n",
    ] {
        server.feed(lines.as_bytes());
        loop {
            match server.poll() {
                Step::Write(octets) => said.push_str(std::str::from_utf8(&octets).unwrap()),
                Step::Event(Event::Reset) => said.push_str("reset\r\n"),
                Step::Event(_) => server.accept(),
                Step::StartTls => {
                    said.push_str("TLS\r\n");
                    server.secured(tls());
                }
                _ => break,
            }
        }
    }
    let behind = said.split("reset\r\nTLS\r\n").nth(1).unwrap();
    let codes: Vec<&str> = behind.lines().map(|line| &line[..3]).take(4).collect();
    assert_eq!(codes, ["503", "503", "503", "250"], "{said}");
    assert!(!behind.contains("STARTTLS"));
    // a log-in that was offered in clear only, and a size, are not offered any more
    let mut seen = Vec::new();
    let hello = [
        "220 x\r\n",
        "250-x\r\n250-STARTTLS\r\n250-SIZE 9\r\n250 AUTH PLAIN\r\n",
        "220 go\r\n",
        "250 x\r\n",
        "221 x\r\n",
    ];
    play(client(true), &hello, |client, event| {
        if let Heard::Ready(offered) = event {
            seen.push(offered.clone());
            if seen.len() == 1 { client.start_tls() } else { client.quit() }
        }
    });
    assert_eq!((seen[0].size, seen[1].size, seen[1].auth.len(), seen[1].starttls), (Some(9), None, 0, false));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_message_arrives_as_it_is(lines in proptest::collection::vec("[.a ]{0,5}", 0..12), chunk in 1usize..30) {
        let message = lines.iter().map(|line| format!("{line}\r\n")).collect::<String>();
        let (_, taken) = submit(Box::new(PlainClient::new("ann", Secret::new("pencil"))), message.as_bytes(), chunk);
        prop_assert_eq!(taken, [message.into_bytes()]);
    }

    #[test]
    fn what_is_sent_is_what_arrives_or_nothing_is(
        pieces in proptest::collection::vec(prop_oneof![
            5 => Just(&b"\r\n"[..]), 3 => Just(&b"."[..]), 5 => Just(&b"ab"[..]), 1 => Just(&b"\xc3\xa9"[..]),
            1 => prop_oneof![Just(&b"\r"[..]), Just(&b"\n"[..]), Just(&b"\0"[..])],
        ], 0..12),
        chunk in 1usize..9,
        chunking: bool,
    ) {
        let message = pieces.concat();
        let way = Way { chunking, body: Body::EightBitMime };
        let login = || Box::new(PlainClient::new("ann", Secret::new("pencil")));
        let (heard, taken) = submit_with(login(), &message, chunk, way);
        let joined = [b"x", &message[..], b"x"].concat();
        let bare = joined.windows(2).any(|pair| (pair[0] == b'\r') != (pair[1] == b'\n')) || message.contains(&0);
        let end: &[u8] = if message.ends_with(b"\r\n") || message.is_empty() { b"" } else { b"\r\n" };
        if bare {
            prop_assert_eq!((heard.last(), taken.len()), (Some(&Heard::Failed(Failure::BareLineEnd)), 0));
        } else {
            prop_assert_eq!(taken, [[&message, end].concat()]);
        }
        if chunking {
            let way = Way { chunking, body: Body::BinaryMime };
            prop_assert_eq!(submit_with(login(), &message, chunk, way).1, [message]);
        }
    }
}
