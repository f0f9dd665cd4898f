//! The server endpoint against sessions, smuggling and injection, whatever the chunks.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a test may

use gatepost_sasl::{Answer, Question};
use gatepost_smtp::Reply;
use gatepost_smtp::server::{Config, Event, Limits, Profile, Server};
use gatepost_wire::{Endpoint, Step, TlsInfo, TlsVersion};
use proptest::prelude::*;

#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    replies: String,
    messages: Vec<Vec<u8>>,
    closed: bool,
    upgraded: bool,
}

fn run(script: &[u8], chunk: usize, profile: Profile, tls: bool) -> Seen {
    let mut limits = Limits::default();
    limits.message = 1000;
    let hostname = "mx.example.test".parse().unwrap();
    let config = Config { hostname, profile, starttls: true, sasl: Default::default(), limits };
    let mut server = Server::new(config, "nonce");
    if tls {
        server.secured(TlsInfo::new(TlsVersion::Tls13, "TLS13_AES_128_GCM_SHA256"));
    }
    let (mut seen, mut message, mut chunks) = (Seen::default(), Vec::new(), script.chunks(chunk));
    loop {
        match server.poll() {
            Step::Write(octets) => seen.replies.push_str(std::str::from_utf8(&octets).unwrap()),
            Step::Event(Event::Auth(Question::Password { user, password, .. })) if password.expose() == b"pencil" => {
                server.answer(Answer::Grant(gatepost_sasl::Identity { user }));
            }
            Step::Event(Event::Auth(_)) => server.answer(Answer::Deny),
            Step::Event(Event::Recipient(to)) if to.path.to_string().starts_with("<nobody") => {
                server.refuse(&Reply::permanent(550, "5.1.1", "no such user"));
            }
            Step::Event(Event::Mail(_) | Event::Recipient(_)) => server.accept(),
            Step::Event(Event::Data(octets)) => message.extend_from_slice(&octets),
            Step::Event(Event::EndOfData) => {
                seen.messages.push(std::mem::take(&mut message));
                server.accept();
            }
            Step::Event(_) => message.clear(),
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

fn codes(seen: &Seen) -> Vec<&str> {
    seen.replies.lines().filter(|line| line.as_bytes()[3] == b' ').map(|line| &line[..3]).collect()
}

const HEAD: &str = "EHLO c.example\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<b@mx.example.test>\r\nDATA\r\n";

#[test]
fn a_session() {
    let script = format!(
        "{HEAD}Subject: x\r\n\r\n..dot\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<nobody@x.example>\r\nDATA\r\nRSET\r\nQUIT\r\n"
    );
    let seen = run(script.as_bytes(), usize::MAX, Profile::Mx, false);
    assert_eq!(codes(&seen), ["220", "250", "250", "250", "354", "250", "250", "550", "554", "250", "221"]);
    assert_eq!(seen.messages, [b"Subject: x\r\n\r\n.dot\r\n"]);
    assert!(seen.closed && seen.replies.contains(" STARTTLS\r\n") && !seen.replies.contains("AUTH"));
}

#[test]
fn order_and_syntax() {
    let script = "MAIL FROM:<a@b.example>\r\nDATA\r\nEHLO\r\nEHLO c\r\nRCPT TO:<a@b.example>\r\nMAIL FROM: <a@b.example>\r\nMAIL FROM:<a@b.example> X=1\r\n\
        MAIL FROM:<a@b.example> SIZE=1 SIZE=1\r\nMAIL FROM:<a@b.example> SIZE=99999999999999999999\r\nFOO\r\nMAIL FROM:<a@b\n.example>\r\nSTARTTLS x\r\n";
    let seen = run(script.as_bytes(), usize::MAX, Profile::Mx, false);
    assert_eq!(
        codes(&seen),
        ["220", "503", "503", "501", "250", "503", "501", "555", "501", "552", "500", "500", "501"]
    );
    assert!(run(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", usize::MAX, Profile::Mx, false).closed);
}

#[test]
fn submission_needs_auth_and_auth_needs_tls() {
    let mail = "EHLO c\r\nMAIL FROM:<a@b.example>\r\nAUTH PLAIN AGFubgBwZW5jaWw=\r\n";
    assert_eq!(codes(&run(mail.as_bytes(), 9, Profile::Submission, false)), ["220", "250", "530", "504"]);
    let good = "EHLO c\r\nAUTH PLAIN AGFubgBwZW5jaWw=\r\nAUTH PLAIN =\r\nMAIL FROM:<a@b.example>\r\n";
    assert_eq!(codes(&run(good.as_bytes(), 9, Profile::Submission, true)), ["220", "250", "235", "503", "250"]);
    let bad = "EHLO c\r\nAUTH PLAIN\r\nAGFubgB3cm9uZw==\r\nAUTH LOGIN\r\n*\r\nAUTH PLAIN x=y\r\n";
    let seen = run(bad.as_bytes(), 9, Profile::Submission, true);
    assert_eq!(codes(&seen), ["220", "250", "334", "535", "334", "501", "501", "421"]);
    assert!(seen.closed && seen.replies.contains("\r\n334 \r\n"));
}

#[test]
fn plaintext_behind_starttls_is_never_read() {
    let injected = run(b"EHLO c\r\nSTARTTLS\r\nNOOP\r\n", usize::MAX, Profile::Mx, false);
    assert_eq!((codes(&injected), injected.closed, injected.upgraded), (vec!["220", "250", "554"], true, false));
    assert!(run(b"EHLO c\r\nSTARTTLS\r\n", 1, Profile::Mx, false).upgraded);
}

#[test]
fn smuggling_yields_one_refused_message_at_every_split() {
    for end in [
        "\n.\n",
        "\n.\r\n",
        "\r\n.\n",
        "\r\n.\r",
        "\r.\r",
        "\r.\r\n",
        "\n.\r",
        "\r\n.\r\r\n",
        "\r\n\0.\r\n",
        "\r\n.\0\r\n",
    ] {
        let script = format!(
            "{HEAD}Subject: x\r\n\r\nbody{end}MAIL FROM:<evil@c.example>\r\nRCPT TO:<b@mx.example.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n"
        );
        for chunk in 1..script.len() {
            let seen = run(script.as_bytes(), chunk, Profile::Mx, false);
            assert_eq!(codes(&seen), ["220", "250", "250", "250", "354", "550", "221"], "{end:?} in chunks of {chunk}");
            assert!(seen.messages.is_empty());
        }
    }
}

#[test]
fn a_message_over_the_limit_is_refused_at_its_end() {
    let script = format!("{HEAD}{}.\r\nNOOP\r\n", "0123456789\r\n".repeat(1000));
    let seen = run(script.as_bytes(), 100, Profile::Mx, false);
    assert_eq!(codes(&seen), ["220", "250", "250", "250", "354", "552", "250"]);
    assert!(seen.messages.is_empty());
}

proptest! {
    #[test]
    fn chunks_change_nothing(lines in proptest::collection::vec(prop_oneof![
        Just("EHLO c\r\n"), Just("MAIL FROM:<a@b.example>\r\n"), Just("RCPT TO:<b@c.example>\r\n"), Just("DATA\r\n"), Just(".\r\n"), Just("x\n.\r\n"),
        Just("AUTH PLAIN\r\n"), Just("AGFubgBwZW5jaWw=\r\n"), Just("RSET\r\n"), Just("HELO\r\n"), Just("QUIT\r\n"), Just("\r"), Just("*\r\n"),
    ], 0..25), chunk in 1usize..20) {
        let script = lines.concat();
        for (profile, tls) in [(Profile::Mx, false), (Profile::Submission, true)] {
            prop_assert_eq!(run(script.as_bytes(), chunk, profile, tls), run(script.as_bytes(), usize::MAX, profile, tls));
        }
    }
}
