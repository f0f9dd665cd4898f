//! The client against a server that is played: what it says, what it takes, and whom it leaves.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions)] // a test may

mod played;

use gatepost_sasl::{ClientError, PlainClient, ScramClient, Secret};
use gatepost_smtp::client::{Client, Config as ClientConfig, Envelope, Event as Heard, Failure, Response};
use gatepost_smtp::report::Returned;
use gatepost_smtp::{Body, EnvelopeId, Notify, OriginalRecipient, Status};
use gatepost_syntax::ReversePath;
use gatepost_wire::{Endpoint, Step};
use played::{HI, client, deliver, envelope, play, response, tls};

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
    let said = |asks: &Envelope, offers: &str| {
        let hello = format!("250-x\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n{offers}250 HELP\r\n");
        let replies = ["220 x\r\n", &hello, "250 x\r\n", "250 x\r\n", "354 x\r\n", "250 x\r\n", "221 x\r\n"];
        deliver(client(false), asks.clone(), &replies, HI).1
    };
    let full = said(&asks, "250-DSN\r\n250-SIZE\r\n");
    assert_eq!(
        full[1],
        "MAIL FROM:<ann@client.example> SIZE=19 BODY=8BITMIME RET=HDRS ENVID=a+20b+2Bc+3D SMTPUTF8\r\n"
    );
    assert_eq!(full[2], "RCPT TO:<b@mx.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@old.example\r\n");
    // RFC 6533 §3: in UTF-8 where the envelope may have it
    asks.to[0].original = OriginalRecipient::new("utf-8", "jos\u{e9}@old.example");
    assert!(said(&asks, "250-DSN\r\n")[2].ends_with(" ORCPT=utf-8;jos\u{e9}@old.example\r\n"));
    let bare = said(&asks, "");
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
    let config = ClientConfig { require_tls: false, ..ClientConfig::new("c.example".parse().unwrap()) };
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
fn what_is_kept_of_a_strangers_words_is_bounded() {
    let long = Response { code: 450, lines: vec!["4.2.0 caf\u{e9}".into(), "x".repeat(3000), "y".into()] };
    let shortened = |octets| long.clone().shortened(octets).lines;
    assert_eq!(shortened(5000), long.lines);
    assert_eq!(shortened(10), ["4.2.0 caf"]); // not half of a character
    assert_eq!(shortened(13), ["4.2.0 caf\u{e9}", "x"]);
    assert_eq!((shortened(0), Response::default().shortened(9)), (vec![String::new()], Response::default()));
}

/// RFC 9422: as many as the server takes at a time, one at least.
#[test]
fn limits_tell_how_many_recipients_go_together() {
    let to = envelope(&["<a@x.example>", "<b@x.example>", "<c@y.example>", "<d@[192.0.2.1]>", "<e@z.example>"]).to;
    for (offers, room) in [
        ("RCPTMAX=100", 5),
        ("RCPTMAX=2", 2),
        ("RCPTMAX=1", 1),
        ("RCPTMAX=0", 5), // malformed
        ("RCPTDOMAINMAX=1", 2),
        ("RCPTDOMAINMAX=2", 4),
        ("RCPTDOMAINMAX=2 RCPTMAX=3", 3),
        ("MAILMAX=1", 5),
    ] {
        let hello = format!("250-x\r\n250 LIMITS {offers}\r\n");
        play(client(false), &["220 x\r\n", &hello, "221 x\r\n"], |client, event| {
            if let Heard::Ready(offered) = event {
                assert_eq!((offered.limits.room(&to), offered.limits.room(&[])), (room, 0), "{offers}");
                client.quit();
            }
        });
    }
}

/// RFC 5321 §4.5.3.1.10: too many recipients are to be tried again, whatever the number in front of it.
#[test]
fn too_many_recipients_is_no_failure_for_good() {
    for (text, accepted, code) in [
        ("too many recipients", 1, "4.5.3"),
        ("5.5.3 too many recipients", 9, "4.5.3"),
        ("5.2.2 mailbox full", 9, "5.2.2"),
        ("too many recipients", 0, "5.0.0"), // none at all is another matter
    ] {
        assert_eq!(Status::of_recipient(&response(552, text), accepted).to_string(), code, "{text}");
    }
    assert_eq!(Status::of_recipient(&response(550, "no"), 9).to_string(), "5.0.0");
    // a yes to something else than was asked is no success in a report
    assert_eq!(Status::of(&response(354, "go")).to_string(), "4.0.0");
    assert_eq!(Failure::Refused(response(250, "2.0.0 ok")).status().to_string(), "4.5.0");
}

/// RFC 5321 §4.1.4: who has no name says the literal of its address.
#[test]
fn a_client_says_what_it_is_called() {
    for name in ["client.example", "[192.0.2.1]", "[IPv6:2001:db8::1]"] {
        let config = ClientConfig { require_tls: false, ..ClientConfig::new(name.parse().unwrap()) };
        let mut client = Client::new(config);
        assert!(matches!(client.poll(), Step::Read(_)));
        client.feed(b"220 mx.example\r\n");
        assert!(matches!(client.poll(), Step::Write(said) if said == format!("EHLO {name}\r\n").as_bytes()), "{name}");
    }
    for wrong in ["", "[192.0.2.1", "[192.0.2.256]", "a b", "a\r\nQUIT"] {
        assert!(wrong.parse::<gatepost_syntax::Host>().is_err(), "{wrong:?}");
    }
}
