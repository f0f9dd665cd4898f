//! What the client says of a message is what the server did with it, whatever the server answers and wherever it breaks off.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions)] // a test may

mod played;
mod tape;

use gatepost_smtp::Body;
use gatepost_smtp::client::{Client, Config, Event, Failure, Outcome, Outcomes, Response};
use gatepost_wire::{Endpoint, Step};
use played::{client, deliver, envelope, play, response};
use proptest::prelude::*;
use tape::Tape;

/// What the client said of a message.
#[derive(Debug)]
struct Told {
    outcomes: Outcomes,
    to: Vec<Option<Response>>,
    delivered: Vec<(usize, Response)>,
    done: Option<Response>,
    failure: Option<Failure>,
}

impl Told {
    fn new(recipients: usize) -> Self {
        let (outcomes, to) = (Outcomes::new(recipients), vec![None; recipients]);
        Told { outcomes, to, delivered: Vec::new(), done: None, failure: None }
    }

    /// Who has the message, by the client's words.
    fn has(&self, lmtp: bool) -> Vec<usize> {
        if lmtp {
            return self.delivered.iter().filter(|(_, reply)| reply.is_positive()).map(|(index, _)| *index).collect();
        }
        match &self.done {
            Some(done) if done.is_positive() => {
                let yes = |to: &Option<Response>| to.as_ref().is_some_and(Response::is_positive);
                (0..self.to.len()).filter(|index| yes(&self.to[*index])).collect()
            }
            _ => Vec::new(),
        }
    }
}

const MESSAGES: [&str; 3] = ["one\r\n.two\r\n", ".\r\n..\r\nx\r\n", "third\r\n"];

/// Sends three messages, each to three; what the client told of each, and the server.
fn session(mut server: Tape, cut: usize) -> (Vec<Told>, Tape) {
    let mut client = match server.lmtp {
        false => client(false),
        true => Client::lmtp(Config { require_tls: false, ..Config::new("c.example".parse().unwrap()) }),
    };
    let (mut told, mut pieces): (Vec<Told>, Vec<&[u8]>) = (Vec::new(), Vec::new());
    for _ in 0..10_000 {
        match client.poll() {
            Step::Write(octets) => server.hear(&octets),
            Step::Event(Event::Ready(_)) if told.len() < MESSAGES.len() => {
                pieces = MESSAGES[told.len()].as_bytes().chunks(cut).collect();
                told.push(Told::new(3));
                client.send(envelope(&["<a@mx.example>", "<b@mx.example>", "<c@mx.example>"]));
            }
            Step::Event(Event::Ready(_)) => client.quit(),
            Step::Event(Event::SendData) if pieces.is_empty() => client.end_data(),
            Step::Event(Event::SendData) => client.data(pieces.remove(0)),
            Step::Event(event) => {
                if let Some(told) = told.last_mut() {
                    told.outcomes.note(&event);
                }
                match (told.last_mut(), event) {
                    (Some(told), Event::Recipient(index, reply)) => assert!(told.to[index].replace(reply).is_none()),
                    (Some(told), Event::Delivered(index, reply)) => told.delivered.push((index, reply)),
                    (Some(told), Event::Done(reply)) => assert!(told.done.replace(reply).is_none()),
                    (Some(told), Event::Failed(failure)) => drop(told.failure.get_or_insert(failure)),
                    (None, Event::Failed(_)) => {}
                    (_, event) => panic!("{event:?}"),
                }
            }
            Step::Read(_) if server.said.is_empty() => {
                assert!(server.gone, "both wait: {} {told:?}", client.state());
                client.closed();
            }
            Step::Read(_) => {
                let rest = server.said.split_off(cut.min(server.said.len()));
                client.feed(&std::mem::replace(&mut server.said, rest));
            }
            Step::Close => return (told, server),
            Step::StartTls => panic!(),
        }
    }
    panic!("no end: {told:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nobody_is_said_to_have_what_the_server_did_not_take(
        choices in proptest::collection::vec(prop_oneof![6 => Just(0u8), 1 => 199..240u8], 0..40),
        offers: [bool; 3],
        cut in 1usize..40,
    ) {
        let lmtp = offers[2];
        let (told, server) = session(Tape::new(choices, offers), cut);
        let mut taken = server.taken.iter();
        for (told, message) in told.iter().zip(MESSAGES) {
            let has = told.has(lmtp);
            let outcomes = told.outcomes.iter().enumerate();
            let accepted = outcomes.filter(|(_, outcome)| matches!(outcome, Outcome::Accepted(_))).map(|(index, _)| index);
            prop_assert_eq!(accepted.collect::<Vec<_>>(), has.clone());
            if has.is_empty() {
                continue;
            }
            // in order, each once, with its own octets: and nothing that the server took was told of as refused
            prop_assert_eq!(taken.next(), Some(&(message.as_bytes().to_vec(), has)), "{:?}", told);
        }
        // the server took nothing that the client knows nothing of, but what it was cut off from
        let left: Vec<_> = taken.collect();
        prop_assert!(left.is_empty(), "{:?} {:?}", left, told);
        for told in &told {
            prop_assert!(told.done.is_some() || told.failure.is_some(), "{:?}", told);
        }
    }
}

/// A 3yz is no yes (RFC 5321 §4.2.1): the server waits for more.
#[test]
fn an_intermediate_reply_is_no_success() {
    let to = || envelope(&["<b@mx.example>"]);
    let ok = ["220 x\r\n", "250 x\r\n", "250 x\r\n", "250 x\r\n", "354 x\r\n"];
    let (heard, _) = deliver(client(false), to(), &[&ok[..], &["354 more\r\n"]].concat(), played::HI);
    assert_eq!(heard.last(), Some(&Event::Failed(Failure::Refused(response(354, "more")))));
    assert!(!heard.iter().any(|event| matches!(event, Event::Done(_))));
    let (heard, said) =
        deliver(client(false), to(), &["220 x\r\n", "250 x\r\n", "250 x\r\n", "354 x\r\n", "250 x\r\n"], played::HI);
    assert_eq!(said[3], "RSET\r\n", "a recipient who was not accepted gets no message");
    assert!(matches!(heard.last(), Some(Event::Failed(Failure::Refused(reply))) if reply.code == 354));
}

/// A reply to a chunk that was not sent is nobody's: it neither counts nor panics.
#[test]
fn replies_to_chunks_that_were_not_sent_end_the_session() {
    let to = envelope(&["<b@mx.example>"]);
    let replies = ["220 x\r\n", "250-x\r\n250 CHUNKING\r\n", "250 a\r\n", "250 b\r\n", "250 c\r\n250 d\r\n250 e\r\n"];
    let (heard, said) = deliver(client(false), to.clone(), &replies, played::HI);
    assert_eq!(heard[1..], [Event::Failed(Failure::Unasked)]);
    assert_eq!(said.last().map(String::as_str), Some("BDAT 14\r\nSubject: x\r\n\r\n"), "no other chunk, and no end");
    let hello = "250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n";
    let replies = ["220 x\r\n", hello, "250 a\r\n250 b\r\n", "250 c\r\n250 d\r\n250 e\r\n250 f\r\n"];
    let (heard, _) = deliver(client(false), to, &replies, played::HI);
    assert_eq!(heard[1..], [Event::Done(response(250, "e")), Event::Failed(Failure::Unasked)]);
}

/// What becomes of QUIT is no failure: whoever hears of one may send the message again.
#[test]
fn the_end_of_a_session_is_no_failure() {
    let ok = ["220 x\r\n", "250 x\r\n", "250 x\r\n", "250 x\r\n", "354 x\r\n", "250 x\r\n"];
    for end in [&[][..], &["nonsense\r\n"], &["421 x\r\n"], &["500 x\r\n"]] {
        let (heard, said) = deliver(client(false), envelope(&["<b@mx.example>"]), &[&ok[..], end].concat(), played::HI);
        assert_eq!(
            (heard.last(), said.last().map(String::as_str)),
            (Some(&Event::Done(response(250, "x"))), Some("QUIT\r\n"))
        );
    }
}

/// RFC 5321 §4.1.1.10: the client does not close before QUIT; and says none in clear that wants TLS.
#[test]
fn who_is_not_welcome_says_good_bye() {
    for replies in [&["554 no\r\n", "221 x\r\n"][..], &["220 x\r\n", "451 no\r\n", "221 x\r\n"]] {
        let (heard, said) = play(client(false), replies, |_, _| ());
        assert!(said.ends_with("QUIT\r\n") && heard.len() == 1, "{said} {heard:?}");
        let (_, said) = play(client(true), replies, |_, _| ());
        assert!(!said.contains("QUIT"));
    }
}

/// RFC 5321 §4.1.1.1: extensions are EHLO's. A reply to HELO offers none.
#[test]
fn behind_helo_there_are_no_extensions() {
    let mut to = envelope(&["<b@mx.example>"]);
    to.mail.body = Body::EightBitMime;
    let replies = ["220 x\r\n", "502 x\r\n", "250-x\r\n250-PIPELINING\r\n250 8BITMIME\r\n", "221 x\r\n"];
    let (heard, _) = deliver(client(false), to, &replies, played::HI);
    assert_eq!(heard, [Event::Failed(Failure::EightBitNotOffered)]);
}

/// What is said in the middle of a message can not be about all of it: it does not count as the answer at its end.
#[test]
fn an_answer_before_the_end_of_the_message_is_none() {
    for early in ["250 mine\r\n", "552 too much\r\n"] {
        let mut client = client(false);
        let mut heard = Vec::new();
        let mut replies = ["220 x\r\n", "250 x\r\n", "250 x\r\n", "250 x\r\n", "354 x\r\n"].into_iter();
        let mut parts = 0;
        loop {
            match client.poll() {
                Step::Write(_) => {}
                Step::Event(Event::Ready(_)) => client.send(envelope(&["<b@mx.example>"])),
                Step::Event(Event::SendData) if parts == 0 => {
                    parts += 1;
                    client.data(b"Subject: x\r\n");
                    client.feed(early.as_bytes()); // a driver that reads all the time
                }
                Step::Event(Event::SendData) => client.end_data(),
                Step::Event(event) => heard.push(event),
                Step::Read(_) => client.feed(replies.next().unwrap().as_bytes()),
                Step::StartTls | Step::Close => break,
            }
        }
        assert_eq!(heard[1..], [Event::Failed(Failure::Unasked)], "{early}");
    }
}

/// Bounds of nought are bounds of one: there is no session that asks nothing and waits.
#[test]
fn bounds_of_nought_are_bounds_of_one() {
    let mut limits = gatepost_smtp::client::Limits::default();
    (limits.group, limits.chunks) = (0, 0);
    let config = Config { name: "c.example".parse().unwrap(), require_tls: false, limits };
    let hello = "250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n";
    let ok = ["250 a\r\n250 b\r\n", "250 c\r\n", "250 d\r\n", "250 e\r\n", "250 f\r\n", "221 g\r\n"];
    let replies = [&["220 x\r\n", hello], &ok[..]].concat();
    let (heard, said) =
        deliver(Client::new(config), envelope(&["<b@mx.example>", "<c@mx.example>"]), &replies, played::HI);
    assert_eq!(
        said[1..3],
        ["MAIL FROM:<ann@client.example>\r\nRCPT TO:<b@mx.example>\r\n", "RCPT TO:<c@mx.example>\r\n"]
    );
    assert_eq!(heard.last(), Some(&Event::Done(response(250, "f"))));
}
