//! Exchanges over lines of base64: what is strict, and both sides together.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

use gatepost_sasl::{
    Answer, ClientError, ClientExchange, Identity, PlainClient, Policy, Question, Rejection, Secret, ServerExchange,
    Turn,
};
use gatepost_wire::{Line, TlsInfo, TlsVersion};

fn begin(name: &str, initial: Option<&str>) -> (ServerExchange, Turn) {
    let tls = TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
    ServerExchange::begin(name, initial.map(str::as_bytes), &Policy::default(), Some(&tls), "nonce").unwrap()
}

fn line(text: impl AsRef<[u8]>) -> Line {
    Line::Whole(text.as_ref().into())
}

/// RFC 4954 §4: foreign characters, padding out of place, bits behind the end; `=` is for the command only.
#[test]
fn base64_is_strict() {
    for text in ["A", "AA", "AAA", "=AAA", "AAA=BBB=", "AB==", "AAB=", " AAAA", "AA AA", "A-_A", "AAAA=", "====", "="] {
        let (mut exchange, turn) = begin("PLAIN", None);
        assert_eq!(turn, Turn::Challenge(Vec::new()));
        assert_eq!(exchange.line(line(text)), Turn::Done(Err(Rejection::NotBase64)), "{text:?}");
        if text != "=" {
            assert_eq!(begin("PLAIN", Some(text)).1, Turn::Done(Err(Rejection::NotBase64)), "{text:?}");
        }
    }
    assert_eq!(begin("PLAIN", Some("")).1, Turn::Done(Err(Rejection::NotBase64)));
    assert_eq!(begin("PLAIN", Some("=")).1, Turn::Done(Err(Rejection::Malformed))); // empty, and PLAIN needs more
}

#[test]
fn lines_end_an_exchange() {
    for (line, rejection) in [
        (line("*"), Rejection::Cancelled),
        (line(""), Rejection::Malformed),
        (Line::TooLong(*b"xxxx"), Rejection::TooLong),
        (Line::Malformed(*b"xxxx"), Rejection::NotBase64),
    ] {
        assert_eq!(begin("PLAIN", None).0.line(line), Turn::Done(Err(rejection)));
    }
}

/// With room for the initial response and without.
#[test]
fn both_sides() {
    for room in [400, 10] {
        let (mut client, words) = ClientExchange::begin(Box::new(PlainClient::new("ann", Secret::new("pencil"))), room);
        let words = std::str::from_utf8(words.expose()).unwrap();
        let (mut server, mut turn) = match words.split_once(' ') {
            Some((name, initial)) => begin(name, Some(initial)),
            None => begin(words, None),
        };
        assert_eq!(words.contains(' '), room == 400);
        if let Turn::Challenge(challenge) = &turn {
            turn = server.line(line(client.challenge(challenge)));
        }
        let Turn::Ask(Question::Password { user, password, .. }) = turn else { panic!("{turn:?}") };
        assert_eq!((user.as_str(), password), ("ann", Secret::new("pencil")));
        let ann = Identity { user };
        assert_eq!(server.answer(Answer::Grant(ann.clone())), Turn::Done(Ok(ann)));
        assert_eq!(client.end(true), Ok(()));
    }
}

#[test]
fn a_client_gives_up() {
    let begin = || ClientExchange::begin(Box::new(PlainClient::new("ann", Secret::new("pencil"))), 400).0;
    assert_eq!(begin().end(false), Err(ClientError::Refused));
    for (challenge, error) in [(&b"!"[..], ClientError::NotBase64), (b"", ClientError::Malformed)] {
        let mut client = begin();
        assert_eq!(client.challenge(challenge), Secret::new("*"));
        assert_eq!(client.end(true), Err(error)); // whatever the server says
    }
}

/// A line while an answer is owed, an answer while none is, and anything behind the end.
#[test]
fn what_is_not_due_is_refused() {
    let grant = || Answer::Grant(Identity { user: "ann".into() });
    let refused = Turn::Done(Err(Rejection::Malformed));
    let good = "AGFubgBwZW5jaWw=";
    let (mut exchange, turn) = begin("PLAIN", None);
    assert_eq!((exchange.name(), turn), ("PLAIN", Turn::Challenge(Vec::new())));
    assert_eq!(exchange.answer(grant()), refused);
    assert_eq!(exchange.line(line(good)), refused);
    let (mut exchange, turn) = begin("PLAIN", Some(good));
    assert!(matches!(turn, Turn::Ask(_)));
    assert_eq!(exchange.line(line(good)), refused);
    assert_eq!(exchange.answer(grant()), refused);
    for end in [line("*"), line("!"), line("AAAA"), Line::TooLong(*b"xxxx")] {
        let (mut exchange, _) = begin("PLAIN", None);
        exchange.line(end);
        assert_eq!(exchange.line(line(good)), refused);
        assert_eq!(exchange.answer(grant()), refused);
    }
}
