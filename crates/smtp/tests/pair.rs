//! Client and server in memory, over links that dribble and a server that is played.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions)] // a test may

use gatepost_sasl::{
    Answer, ClientError, ClientMechanism, Identity, PlainClient, Question, ScramClient, ScramKeys, Secret,
};
use gatepost_smtp::client::{
    Client, Config as ClientConfig, Envelope, Event as Heard, Failure, Limits as ClientLimits, Response,
};
use gatepost_smtp::report::Returned;
use gatepost_smtp::server::{Config, Event, Profile, Server};
use gatepost_smtp::{Body, Command, EnvelopeId, MailFrom, Notify, OriginalRecipient, RcptTo};
use gatepost_syntax::{ForwardPath, ReversePath};
use gatepost_wire::{Endpoint, Step, TlsInfo, TlsVersion};
use proptest::prelude::*;

fn tls() -> TlsInfo {
    let mut tls = TlsInfo::new(TlsVersion::Tls13, "TLS13_AES_128_GCM_SHA256");
    tls.server_verified = true;
    tls
}

fn client(require_tls: bool) -> Client {
    Client::new(ClientConfig { name: "client.example".parse().unwrap(), require_tls, limits: ClientLimits::default() })
}

fn envelope(to: &[&str]) -> Envelope {
    let to = to.iter().map(|to| ForwardPath::parse(to).unwrap());
    Envelope::new(ReversePath::parse("<ann@client.example>").unwrap(), to)
}

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
    for refused in ["454 no\r\n", "554 no\r\n", "250 no\r\n", "334 \r\n"] {
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

/// What the client heard and said, writes apart, to these replies; it sends the envelope once and the message in two pieces.
fn deliver(mut client: Client, envelope: Envelope, replies: &[&str], message: [&[u8]; 2]) -> (Vec<Heard>, Vec<String>) {
    let (mut envelope, mut pieces) = (Some(envelope), message.into_iter());
    let (mut heard, mut said, mut replies) = (Vec::new(), Vec::new(), replies.iter());
    loop {
        match client.poll() {
            Step::Write(octets) => said.push(String::from_utf8_lossy(&octets).into_owned()),
            Step::Event(Heard::Ready(_)) => match envelope.take() {
                Some(envelope) => client.send(envelope),
                None => client.quit(),
            },
            Step::Event(Heard::SendData) => match pieces.next() {
                Some(piece) => client.data(piece),
                None => client.end_data(),
            },
            Step::Event(event) => heard.push(event),
            Step::Read(_) => match replies.next() {
                Some(reply) => client.feed(reply.as_bytes()),
                None => client.closed(),
            },
            Step::StartTls | Step::Close => return (heard, said),
        }
    }
}

const HI: [&[u8]; 2] = [b"Subject: x\r\n\r\n", b".hi\r\n"];

fn response(code: u16, text: &str) -> Response {
    Response { code, lines: vec![text.to_owned()] }
}

#[test]
fn commands_go_in_groups_and_replies_are_matched_by_count() {
    let to = envelope(&["<b@mx.example>", "<c@mx.example>"]);
    let greeting = ["220 x\r\n", "250-x\r\n250 PIPELINING\r\n"];
    let play = |replies: &[&str]| deliver(client(false), to.clone(), &[&greeting, replies].concat(), HI);
    let (heard, said) = play(&["250 a\r\n250 b\r\n550 c\r\n354 d\r\n", "250 e\r\n", "221 f\r\n"]);
    let group = "MAIL FROM:<ann@client.example>\r\nRCPT TO:<b@mx.example>\r\nRCPT TO:<c@mx.example>\r\nDATA\r\n";
    assert_eq!(said[1..], [group, "Subject: x\r\n\r\n", "..hi\r\n", ".\r\n", "QUIT\r\n"]);
    let each = [Heard::Recipient(0, response(250, "b")), Heard::Recipient(1, response(550, "c"))];
    assert_eq!(heard, [&each[..], &[Heard::Done(response(250, "e"))]].concat());
    // RFC 2920 §3.1: the server wants a message although nobody was accepted; it gets nothing
    let (heard, said) = play(&["250 a\r\n", "550 b\r\n550 c\r\n354 d\r\n", "554 e\r\n", "250 f\r\n", "221 g\r\n"]);
    assert_eq!(said[2..], [".\r\n", "RSET\r\n", "QUIT\r\n"]);
    assert_eq!(heard.last(), Some(&Heard::Failed(Failure::Refused(response(550, "c")))));
    assert!(!heard.iter().any(|event| matches!(event, Heard::Done(_))));
    // the sender is refused: what is said to the recipients is about nothing
    let (heard, said) = play(&["550 a\r\n503 b\r\n503 c\r\n503 d\r\n", "250 f\r\n", "221 g\r\n"]);
    assert_eq!(heard, [Heard::Failed(Failure::Refused(response(550, "a")))]);
    assert_eq!(said[2..], ["RSET\r\n", "QUIT\r\n"]);
    let many: Vec<String> = (0..250).map(|index| format!("<u{index}@mx.example>")).collect();
    let many = envelope(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let hundred = "250 x\r\n".repeat(100);
    let first = format!("250 a\r\n{hundred}");
    let last = format!("{}354 go\r\n", "250 x\r\n".repeat(50));
    let replies = [&greeting[..], &[&first, &hundred, &last, "250 ok\r\n", "221 x\r\n"]].concat();
    let (heard, said) = deliver(client(false), many, &replies, HI);
    let counts: Vec<usize> = said.iter().map(|said| said.matches("RCPT").count()).collect();
    assert_eq!((heard.len(), &counts[..4]), (251, &[0, 100, 100, 50][..]));
}

#[test]
fn chunks_are_used_where_they_are_taken() {
    let to = envelope(&["<b@mx.example>"]);
    let play = |extra: &str, replies: &[&str], message| {
        let hello = format!("250-x\r\n{extra}250 CHUNKING\r\n");
        deliver(client(false), to.clone(), &[&["220 x\r\n", &hello], replies].concat(), message)
    };
    let ok = ["250 a\r\n", "250 b\r\n", "250 c\r\n", "250 d\r\n", "250 e\r\n", "221 f\r\n"];
    let (heard, said) = play("", &ok, HI);
    let chunks = ["BDAT 14\r\nSubject: x\r\n\r\n", "BDAT 5\r\n.hi\r\n", "BDAT 0 LAST\r\n", "QUIT\r\n"];
    assert_eq!(said[3..], chunks);
    assert_eq!(heard.last(), Some(&Heard::Done(response(250, "e"))));
    let (_, said) = play("", &ok, [b"a", b"b"]);
    assert_eq!(said[5], "BDAT 2 LAST\r\n\r\n"); // the last line gets its end, as with DATA
    for (refused, wanted) in
        [(&["552 c\r\n", "250 f\r\n", "221 g\r\n"][..], 5), (&["250 c\r\n", "552 d\r\n", "250 f\r\n", "221 g\r\n"], 6)]
    {
        let (heard, said) = play("", &[&ok[..2], refused].concat(), HI);
        assert!(matches!(heard.last(), Some(Heard::Done(reply)) if reply.code == 552), "{heard:?}");
        assert_eq!(said[wanted - 1..], ["RSET\r\n", "QUIT\r\n"], "{said:?}");
    }
    // several on their way, one refused: the replies to all are waited for
    let (heard, said) = play(
        "250-PIPELINING\r\n",
        &["250 a\r\n250 b\r\n", "552 c\r\n503 d\r\n503 e\r\n", "250 f\r\n", "221 g\r\n"],
        HI,
    );
    assert!(matches!(heard.last(), Some(Heard::Done(reply)) if reply.code == 552), "{heard:?}");
    assert!(said.concat().ends_with("LAST\r\nRSET\r\nQUIT\r\n"), "{said:?}");
}

#[test]
fn what_the_server_cannot_take_is_never_sent() {
    let plain = envelope(&["<b@mx.example>"]);
    let with = |change: &dyn Fn(&mut Envelope)| {
        let mut envelope = plain.clone();
        change(&mut envelope);
        envelope
    };
    let utf8 = |envelope: &mut Envelope| envelope.mail.utf8 = true;
    let all = "250-8BITMIME\r\n250-SMTPUTF8\r\n250-SIZE 100\r\n250-DSN\r\n250-LIMITS RCPTMAX=1 MAILMAX=5\r\n";
    for (offers, envelope, failure) in [
        ("", with(&|e| e.mail.body = Body::EightBitMime), Failure::EightBitNotOffered),
        ("", with(&|e| e.mail.body = Body::BinaryMime), Failure::BinaryNotOffered),
        ("250-CHUNKING\r\n", with(&|e| e.mail.body = Body::BinaryMime), Failure::BinaryNotOffered),
        ("250-8BITMIME\r\n", with(&utf8), Failure::Utf8NotOffered),
        ("250-SMTPUTF8\r\n", with(&utf8), Failure::EightBitNotOffered),
        (all, with(&|e| e.mail.size = Some(101)), Failure::TooLarge { limit: 100 }),
        (all, with(&|e| e.to.push(e.to[0].clone())), Failure::Limit { limit: 1 }),
        (all, with(&|e| e.to.clear()), Failure::NoRecipient),
        (all, with(&|e| e.mail.path = ReversePath::parse("<\u{fc}@c.example>").unwrap()), Failure::Utf8NotOffered),
        (all, with(&|e| e.mail.require_tls = true), Failure::RequireTlsNotOffered),
        ("250-REQUIRETLS\r\n", with(&|e| e.mail.require_tls = true), Failure::RequireTlsNotOffered),
    ] {
        let hello = format!("250-x\r\n{offers}250 HELP\r\n");
        let (heard, said) = deliver(client(false), envelope, &["220 x\r\n", &hello, "221 x\r\n"], HI);
        assert_eq!((heard, said.len()), (vec![Heard::Failed(failure)], 2), "{said:?}");
    }
    let (heard, said) = deliver(client(true), plain.clone(), &["220 x\r\n", "250 x\r\n", "221 x\r\n"], HI);
    assert_eq!((heard, said.len()), (vec![Heard::Failed(Failure::TlsRequired)], 2));
    // octets that the envelope does not tell of: the message is not ended
    for offers in ["", "250-CHUNKING\r\n"] {
        let hello = format!("250-x\r\n{offers}250 HELP\r\n");
        let replies = ["220 x\r\n", &hello, "250 x\r\n", "250 x\r\n", "354 x\r\n"];
        let replies = if offers.is_empty() { &replies[..] } else { &replies[..4] };
        let (heard, said) = deliver(client(false), plain.clone(), replies, [b"caf\xc3\xa9\r\n", b"\r\n"]);
        assert_eq!(heard.last(), Some(&Heard::Failed(Failure::EightBit)));
        assert!(!said.concat().contains("caf"));
    }
}

#[test]
fn parameters_follow_what_is_offered() {
    let mut asks = envelope(&["<b@mx.example>"]);
    asks.mail.size = Some(19);
    asks.mail.ret = Some(Returned::Headers);
    asks.mail.envelope_id = EnvelopeId::new("a b+c=");
    asks.mail.utf8 = true;
    asks.to[0].notify = Some(Notify { success: true, failure: false, delay: true });
    asks.to[0].original = OriginalRecipient::new("rfc822", "b@old.example");
    let said = |offers: &str| {
        let hello = format!("250-x\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n{offers}250 HELP\r\n");
        let replies = ["220 x\r\n", &hello, "250 x\r\n", "250 x\r\n", "354 x\r\n", "250 x\r\n", "221 x\r\n"];
        deliver(client(false), asks.clone(), &replies, HI).1
    };
    let full = said("250-DSN\r\n250-SIZE\r\n");
    assert_eq!(
        full[1],
        "MAIL FROM:<ann@client.example> SIZE=19 BODY=8BITMIME RET=HDRS ENVID=a+20b+2Bc+3D SMTPUTF8\r\n"
    );
    assert_eq!(full[2], "RCPT TO:<b@mx.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@old.example\r\n");
    let bare = said("");
    assert_eq!(bare[1..3], ["MAIL FROM:<ann@client.example> BODY=8BITMIME SMTPUTF8\r\n", "RCPT TO:<b@mx.example>\r\n"]);
}

#[test]
fn keywords_and_limits_are_read_strictly() {
    let read = |line: &str| {
        let mut seen = None;
        let hello = format!("250-x\r\n250 {line}\r\n");
        play(client(false), &["220 x\r\n", &hello], |client, event| {
            if let Heard::Ready(offered) = event {
                seen = Some(offered.clone());
                client.quit();
            }
        });
        seen.unwrap()
    };
    assert!(read("pipelining").pipelining && read("STARTTLS").starttls);
    for line in ["PIPELINING x", "XPIPELINING", "PIPELINING\t", " PIPELINING", "PIPE LINING"] {
        assert!(!read(line).pipelining, "{line}");
    }
    assert_eq!((read("SIZE").size, read("SIZE 10").size, read("SIZE -1").size), (Some(0), Some(10), Some(0)));
    assert_eq!(read("SIZE 99999999999999999999").size, Some(u64::MAX));
    let limits = read("LIMITS RCPTMAX=100 X=; mailmax=7 RCPTDOMAINMAX=0").limits;
    assert_eq!((limits.recipients, limits.messages, limits.domains), (Some(100), Some(7), None));
    for value in ["1000000", "-1", "+1", "", "x", "1x", "18446744073709551617"] {
        assert_eq!(read(&format!("LIMITS RCPTMAX={value}")).limits.recipients, None, "{value}");
    }
}

#[test]
fn a_server_that_speaks_out_of_turn_is_left() {
    let to = envelope(&["<b@mx.example>"]);
    let ok = ["220 x\r\n", "250 x\r\n", "250 x\r\n", "250 x\r\n", "354 x\r\n", "250 x\r\n"];
    for at in 0..5 {
        let mut replies: Vec<String> = ok.iter().map(|reply| (*reply).to_owned()).collect();
        replies[at] += "250 injected\r\n";
        let replies: Vec<&str> = replies.iter().map(String::as_str).collect();
        let (heard, _) = deliver(client(false), to.clone(), &replies, HI);
        assert_eq!(heard.last(), Some(&Heard::Failed(Failure::Unasked)), "{at}");
    }
}

#[test]
fn lmtp_tells_what_became_of_each_recipient() {
    let config = ClientConfig { name: "c.example".parse().unwrap(), require_tls: false, limits: Default::default() };
    let to = envelope(&["<a@mx.example>", "<b@mx.example>", "<c@mx.example>"]);
    let hello = "250-x\r\n250 PIPELINING\r\n";
    let envelope = "250 x\r\n250 a\r\n550 b\r\n250 c\r\n354 x\r\n";
    let replies = ["220 x\r\n", hello, envelope, "250 a\r\n452 c\r\n", "221 x\r\n"];
    let (heard, said) = deliver(Client::lmtp(config), to, &replies, HI);
    assert_eq!(said[0], "LHLO c.example\r\n");
    let wanted = [
        Heard::Delivered(0, response(250, "a")),
        Heard::Delivered(2, response(452, "c")),
        Heard::Done(response(452, "c")),
    ];
    assert_eq!(heard[3..], wanted);
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

#[test]
fn no_value_holds_a_line_end() {
    for evil in ["a\r\nRCPT TO:<evil@x.example>", "a\nb", "a\rb", "a\0b", "a\u{85}b"] {
        assert!(EnvelopeId::new(evil).is_none() && OriginalRecipient::new("rfc822", evil).is_none());
        assert!(OriginalRecipient::new(evil, "x").is_none());
        assert!(ReversePath::parse(&format!("<{evil}@x.example>")).is_err());
        assert!(ForwardPath::parse(&format!("<\"{evil}\"@x.example>")).is_err());
        assert!(gatepost_syntax::Domain::parse(evil).is_err());
        assert!(gatepost_syntax::Mailbox::new(evil, "x.example".parse().unwrap()).is_err());
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

    #[test]
    fn commands_are_read_as_they_are_written(
        local in "[a-z]{1,8}", id in "[ -~]{1,30}", size: Option<u64>, body in 0usize..3, flags: [bool; 5], kind in "[a-z0-9-]{1,9}",
    ) {
        let mut mail = MailFrom::new(ReversePath::parse(&format!("<{local}@c.example>")).unwrap());
        mail.size = size;
        mail.body = [Body::SevenBit, Body::EightBitMime, Body::BinaryMime][body];
        (mail.utf8, mail.require_tls) = (flags[0], flags[1]);
        mail.ret = flags[2].then_some(Returned::Full);
        mail.envelope_id = EnvelopeId::new(&id);
        let line = mail.to_string();
        prop_assert_eq!(Command::parse(line.as_bytes()), Ok(Command::Mail(mail)));
        let mut recipient = RcptTo::new(ForwardPath::parse(&format!("<{local}@c.example>")).unwrap());
        recipient.notify = Some(Notify { success: flags[2], failure: flags[3], delay: flags[4] });
        recipient.original = OriginalRecipient::new(&kind, &id);
        let line = recipient.to_string();
        prop_assert_eq!(Command::parse(line.as_bytes()), Ok(Command::Rcpt(recipient)));
    }
}
