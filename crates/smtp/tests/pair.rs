//! Client and server in memory, over links that dribble and a server that is played.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions)] // a test may

use gatepost_sasl::{
    Answer, ClientError, ClientMechanism, Identity, PlainClient, Question, ScramClient, ScramKeys, Secret,
};
use gatepost_smtp::client::{
    Client, Config as ClientConfig, Envelope, Event as Heard, Failure, Limits as ClientLimits,
};
use gatepost_smtp::server::{Config, Event, Profile, Server};
use gatepost_syntax::{ForwardPath, ReversePath};
use gatepost_wire::{Endpoint, Step, TlsInfo, TlsVersion};
use proptest::prelude::*;

fn tls() -> TlsInfo {
    TlsInfo::new(TlsVersion::Tls13, "TLS13_AES_128_GCM_SHA256")
}

fn client(require_tls: bool) -> Client {
    Client::new(ClientConfig { name: "client.example".parse().unwrap(), require_tls, limits: ClientLimits::default() })
}

fn envelope(to: &[&str]) -> Envelope {
    let to = to.iter().map(|to| ForwardPath::parse(to).unwrap()).collect();
    Envelope {
        from: ReversePath::parse("<ann@client.example>").unwrap(),
        to,
        size: None,
        eight_bit: false,
        utf8: false,
    }
}

/// A whole submission between our two endpoints: what the client heard, and the messages that the server took.
fn submit(mechanism: Box<dyn ClientMechanism>, message: &[u8], chunk: usize) -> (Vec<Heard>, Vec<Vec<u8>>) {
    let config = Config::new("mx.example".parse().unwrap(), Profile::Submission);
    let (mut server, mut client) = (Server::new(config, "servernonce"), client(true));
    let (mut to_client, mut to_server): (Vec<u8>, Vec<u8>) = (Vec::new(), Vec::new());
    let (mut heard, mut taken, mut current) = (Vec::new(), Vec::new(), Vec::new());
    let (mut mechanism, mut pieces, mut sent) = (Some(mechanism), message.chunks(chunk), false);
    let keys = ScramKeys::derive(&Secret::new("pencil"), b"sixteen octets..", 4096.try_into().unwrap());
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
                    client.send(envelope(&["<bob@mx.example>", "<carol@mx.example>"]));
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
            let (heard, taken) = submit(mechanism, message, chunk);
            assert_eq!(taken, [message], "{heard:?}");
            assert!(matches!(heard[0], Heard::Authenticated), "{heard:?}");
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

/// Plays a server that says these replies, each after something was written.
fn play(mut client: Client, replies: &[&str], mut on: impl FnMut(&mut Client, &Heard)) -> (Vec<Heard>, String) {
    let (mut heard, mut said, mut replies) = (Vec::new(), String::new(), replies.iter());
    for _ in 0..1000 {
        match client.poll() {
            Step::Write(octets) => said.push_str(std::str::from_utf8(&octets).unwrap()),
            Step::Event(event) => {
                on(&mut client, &event);
                heard.push(event);
            }
            Step::Read(_) => match replies.next() {
                Some(reply) => client.feed(reply.as_bytes()),
                None => client.closed(),
            },
            Step::StartTls => client.secured(tls()),
            Step::Close => break,
        }
    }
    (heard, said)
}

#[test]
fn tls_can_not_be_stripped_and_nothing_is_injected() {
    let start = |client: &mut Client, event: &Heard| {
        if let Heard::Ready(_) = event {
            client.start_tls();
        }
    };
    let (heard, said) = play(client(true), &["220 x\r\n", "250 x\r\n"], start);
    assert_eq!(
        (heard.last(), said.as_str()),
        (Some(&Heard::Failed(Failure::TlsNotOffered)), "EHLO client.example\r\n")
    );
    for refused in ["454 no\r\n", "554 no\r\n"] {
        let (heard, said) = play(client(true), &["220 x\r\n", "250-x\r\n250 STARTTLS\r\n", refused], start);
        assert!(matches!(heard.last(), Some(Heard::Failed(Failure::Refused(_)))) && said.ends_with("STARTTLS\r\n"));
    }
    let (heard, _) = play(client(true), &["220 x\r\n", "250-x\r\n250 STARTTLS\r\n", "220 go\r\n250 x\r\n"], start);
    assert_eq!(heard.last(), Some(&Heard::Failed(Failure::Injected)));
    let login = |client: &mut Client, event: &Heard| match event {
        Heard::Ready(_) => client.authenticate(Box::new(PlainClient::new("ann", Secret::new("pencil")))),
        Heard::Failed(_) => client.quit(),
        _ => {}
    };
    let (heard, said) = play(client(false), &["220 x\r\n", "250-x\r\n250 AUTH PLAIN\r\n"], login);
    assert!(heard.contains(&Heard::Failed(Failure::TlsRequired)) && !said.contains("AUTH"), "{heard:?}");
}

#[test]
fn a_server_that_skips_its_proof_is_not_believed() {
    let mut secure = client(true);
    secure.secured(tls());
    let login = |client: &mut Client, event: &Heard| {
        if let Heard::Ready(_) = event {
            client.authenticate(Box::new(ScramClient::new("ann", &Secret::new("pencil"), "n", Default::default())));
        }
    };
    let (heard, _) = play(secure, &["220 x\r\n", "250-x\r\n250 AUTH SCRAM-SHA-256\r\n", "235 welcome\r\n"], login);
    assert_eq!(heard.last(), Some(&Heard::Failed(Failure::Authentication(ClientError::ServerNotAuthenticated))));
}

#[test]
fn endless_and_mixed_replies_end_the_session() {
    for reply in [
        "250-x\r\n".repeat(1000),
        "250-x\r\n550 y\r\n".to_owned(),
        "x".repeat(10_000) + "\r\n",
        "25\r\n".to_owned(),
        "999 x\r\n".to_owned(),
    ] {
        let (heard, _) = play(client(false), &["220 x\r\n", &reply], |_, _| ());
        assert_eq!(heard.last(), Some(&Heard::Failed(Failure::Malformed)), "{reply:.20}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_message_arrives_as_it_is(lines in proptest::collection::vec("[.a ]{0,5}", 0..12), chunk in 1usize..30) {
        let message = lines.iter().map(|line| format!("{line}\r\n")).collect::<String>();
        let (_, taken) = submit(Box::new(PlainClient::new("ann", Secret::new("pencil"))), message.as_bytes(), chunk);
        prop_assert_eq!(taken, [message.into_bytes()]);
    }
}
