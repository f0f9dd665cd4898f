//! The server endpoint against sessions, smuggling and injection, whatever the chunks.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a test may

use std::time::Duration;

use gatepost_sasl::{Answer, Question};
use gatepost_smtp::Reply;
use gatepost_smtp::server::{Config, EarlyTalkers, Event, Profile, Server};
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
    let mut config = Config::new("mx.example.test".parse().unwrap(), profile);
    config.limits.message = 1000;
    (config.extensions.dsn, config.extensions.binary_mime, config.extensions.require_tls) = (true, true, true);
    run_with(config, script, chunk, tls)
}

fn run_with(config: Config, script: &[u8], chunk: usize, tls: bool) -> Seen {
    let mut server = Server::new(config, "nonce");
    if tls {
        server.secured(TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256"));
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
    assert!(seen.closed && seen.replies.contains("250-STARTTLS\r\n") && !seen.replies.contains("AUTH"));
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
    let seen = run(mail.as_bytes(), 9, Profile::Submission, false);
    assert_eq!(codes(&seen), ["220", "250", "530", "504"]);
    assert!(seen.replies.contains("530 5.7.0 say STARTTLS first"));
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

/// What other servers took for the end of a message (CVE-2023-51764, -51765, -51766).
const ENDS: [&str; 10] = [
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
];

const SECOND: &str = "MAIL FROM:<evil@c.example>\r\nRCPT TO:<b@mx.example.test>\r\nDATA\r\nx\r\n.\r\n";

#[test]
fn smuggling_yields_one_refused_message_at_every_split() {
    for end in ENDS {
        let script = format!("{HEAD}Subject: x\r\n\r\nbody{end}{SECOND}QUIT\r\n");
        for chunk in 1..script.len() {
            let seen = run(script.as_bytes(), chunk, Profile::Mx, false);
            assert_eq!(codes(&seen), ["220", "250", "250", "250", "354", "550", "221"], "{end:?} in chunks of {chunk}");
            assert!(seen.messages.is_empty());
        }
    }
}

#[test]
fn smuggling_in_chunks_yields_one_refused_message_at_every_split() {
    let head = HEAD.replace("DATA\r\n", "");
    for end in ENDS {
        let message = format!("Subject: x\r\n\r\nbody{end}{SECOND}");
        for cut in 0..=message.len() {
            let (first, second) = message.split_at(cut);
            let (m, n) = (first.len(), second.len());
            let script = format!("{head}BDAT {m}\r\n{first}BDAT {n} LAST\r\n{second}QUIT\r\n");
            for chunk in [1, 7, usize::MAX] {
                let seen = run(script.as_bytes(), chunk, Profile::Mx, false);
                assert!(seen.messages.is_empty() && seen.closed, "{end:?} cut at {cut}");
                let codes = codes(&seen);
                let early = ["220", "250", "250", "250", "550", "503", "221"];
                let late = ["220", "250", "250", "250", "250", "550", "221"];
                assert!(codes == early || codes == late, "{end:?} cut at {cut}: {codes:?}");
            }
        }
    }
}

#[test]
fn chunks_are_cut_anywhere_and_dots_are_nothing_special() {
    let head = HEAD.replace("DATA\r\n", "");
    let message = "Subject: x\r\n\r\n.\r\n..\r\nend";
    for cut in 0..=message.len() {
        let (first, second) = message.split_at(cut);
        let script = format!(
            "{head}BDAT {cut}\r\n{first}BDAT {}\r\n{second}BDAT 0 LAST\r\nBDAT 1 LAST\r\nxQUIT\r\n",
            second.len()
        );
        for chunk in [1, 5, usize::MAX] {
            let seen = run(script.as_bytes(), chunk, Profile::Mx, false);
            assert_eq!(seen.messages, [message.as_bytes()], "cut at {cut}");
            assert_eq!(codes(&seen), ["220", "250", "250", "250", "250", "250", "250", "503", "221"]);
        }
    }
}

#[test]
fn chunks_are_limited_and_counted_without_overflow() {
    let head = HEAD.replace("DATA\r\n", "");
    let many = |size: &str| {
        let script = format!("{head}BDAT 900\r\n{}BDAT {size}\r\n", "x".repeat(900));
        let seen = run(script.as_bytes(), 100, Profile::Mx, false);
        (codes(&seen).last().map(|code| (*code).to_owned()), seen.closed)
    };
    let answered = |code: &str, closed| (Some(code.to_owned()), closed);
    for size in ["2147483648", "4294967296", "9223372036854775808", "18446744073709551615", "99999999999999999999"] {
        assert_eq!(many(size), answered("552", true), "{size}");
    }
    for size in ["-1", "+1", "1e3", "0x1", "", " 1", "1 LAST x", "100000000000000000000", "1\u{661}"] {
        let (code, closed) = many(size);
        assert!(closed || code.as_deref() == Some("500"), "{size}: {code:?}");
    }
    assert_eq!(many("01"), answered("250", false)); // waits for one octet
    // thrown away before it is refused, so that its octets are no commands
    let script = format!(
        "{head}BDAT 2000\r\n{}BDAT 10 LAST\r\n{}NOOP\r\n",
        "RSET\r\nNOOP\r\n".repeat(200).split_at(2000).0,
        "x".repeat(10)
    );
    let seen = run(script.as_bytes(), 64, Profile::Mx, false);
    assert_eq!(codes(&seen), ["220", "250", "250", "250", "552", "503", "250"]);
}

#[test]
fn binary_is_kept_as_it_is() {
    let script = b"EHLO c\r\nMAIL FROM:<a@c.example> BODY=BINARYMIME\r\nRCPT TO:<b@mx.example.test>\r\nDATA\r\n\
        BDAT 4 LAST\r\n\0\n\r\xff";
    let seen = run(script, usize::MAX, Profile::Mx, false);
    assert_eq!(codes(&seen), ["220", "250", "250", "250", "503", "250"]);
    assert_eq!(seen.messages, [b"\0\n\r\xff"]);
}

#[test]
fn extensions_are_offered_where_they_hold() {
    let offered = |config: Config, tls| run_with(config, b"EHLO c\r\n", usize::MAX, tls).replies;
    let plain = Config::new("mx.example.test".parse().unwrap(), Profile::Mx);
    let mut full = plain.clone();
    (full.extensions.dsn, full.extensions.binary_mime, full.extensions.require_tls) = (true, true, true);
    let seen = offered(plain.clone(), true);
    for word in
        ["PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING", "SIZE 52428800", "LIMITS RCPTMAX=100"]
    {
        assert!(seen.contains(word), "{word}: {seen}");
    }
    for word in ["STARTTLS", "DSN", "BINARYMIME", "REQUIRETLS", "AUTH"] {
        assert!(!seen.contains(word), "{word}: {seen}");
    }
    let (clear, tls) = (offered(full.clone(), false), offered(full, true));
    assert!(
        clear.contains("STARTTLS")
            && clear.contains("DSN")
            && clear.contains("BINARYMIME")
            && !clear.contains("REQUIRETLS")
    );
    assert!(tls.contains("REQUIRETLS") && !tls.contains("STARTTLS"));
    // what is not offered is not accepted, and without EHLO nothing is
    for (hello, parameter) in [
        ("EHLO", "RET=FULL"),
        ("EHLO", "ENVID=x"),
        ("EHLO", "BODY=BINARYMIME"),
        ("EHLO", "REQUIRETLS"),
        ("EHLO", "X-FOO=1"),
        ("HELO", "SIZE=1"),
        ("HELO", "BODY=8BITMIME"),
    ] {
        let script = format!("{hello} c\r\nMAIL FROM:<a@c.example> {parameter}\r\n");
        assert_eq!(codes(&run_with(plain.clone(), script.as_bytes(), 99, false)), ["220", "250", "555"], "{parameter}");
    }
    let script = b"EHLO c\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<b@c.example> NOTIFY=NEVER\r\n";
    assert_eq!(codes(&run_with(plain, script, 99, false)), ["220", "250", "250", "555"]);
    let script = b"EHLO c\r\nMAIL FROM:<a@c.example> REQUIRETLS\r\n";
    let seen = run(script, 99, Profile::Mx, false);
    assert!(seen.replies.ends_with("530 5.7.10 REQUIRETLS needs TLS\r\n"));
}

#[test]
fn lmtp_answers_for_each_recipient() {
    let mut server = Server::new(Config::new("mx.example.test".parse().unwrap(), Profile::Lmtp), "nonce");
    server.feed(b"EHLO c\r\nLHLO c\r\nMAIL FROM:<a@c.example>\r\nDATA\r\nRCPT TO:<b@c.example>\r\nRCPT TO:<c@c.example>\r\nRCPT TO:<d@c.example>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n");
    let mut replies = String::new();
    loop {
        match server.poll() {
            Step::Write(octets) => replies.push_str(std::str::from_utf8(&octets).unwrap()),
            Step::Event(Event::EndOfData) => {
                assert_eq!(server.protocol(), "LMTP");
                server.delivered(&[Ok(()), Err(Reply::permanent(552, "5.2.2", "full"))]);
            }
            Step::Event(_) => server.accept(),
            _ => break,
        }
    }
    let seen = Seen { replies, ..Seen::default() };
    let wanted = ["220", "500", "250", "250", "503", "250", "250", "250", "354", "250", "552", "451", "221"];
    assert_eq!(codes(&seen), wanted);
}

#[test]
fn budgets_end_a_session() {
    let ends = |line: &str, profile| {
        let seen = run(
            format!("EHLO c\r\nMAIL FROM:<a@c.example>\r\n{}", line.repeat(20_000)).as_bytes(),
            4096,
            profile,
            false,
        );
        assert!(seen.closed && seen.replies.lines().last().unwrap().starts_with("421 4.7.0"), "{line:?}");
        seen.replies.lines().count()
    };
    for (line, most) in [
        ("NOOP\r\n", 130),
        ("RSET\r\n", 130),
        ("VRFY x\r\n", 130),
        ("HELP\r\n", 130),
        ("EHLO c\r\n", 1500),
        ("FOO\r\n", 50),
        ("\n\r\n", 50),
        ("RCPT TO:<nobody@c.example>\r\n", 130),
        ("RCPT TO:<b@c.example>\r\n", 10_020),
        ("BDAT 0\r\n", 50),
    ] {
        assert!(ends(line, Profile::Mx) < most, "{line:?}");
    }
    // those beyond the most are told to come later, and those before them are served (RFC 5321 §4.5.3.1.10)
    let script =
        format!("{}{}DATA\r\nx\r\n.\r\n", HEAD.replace("DATA\r\n", ""), "RCPT TO:<b@c.example>\r\n".repeat(200));
    let seen = run(script.as_bytes(), 4096, Profile::Mx, false);
    assert_eq!((seen.messages.len(), codes(&seen).iter().filter(|code| **code == "452").count()), (1, 101));
    // an endless line is thrown away as it comes, an endless message is not read for ever
    let seen = run(&[b"EHLO c\r\n".to_vec(), vec![b'x'; 1 << 20]].concat(), 4096, Profile::Mx, false);
    assert_eq!(codes(&seen), ["220", "250"]);
    let mut config = Config::new("mx.example.test".parse().unwrap(), Profile::Mx);
    (config.limits.message, config.limits.excess) = (1000, 1000);
    let seen = run_with(config, format!("{HEAD}{}", "0123456789\r\n".repeat(1000)).as_bytes(), 100, false);
    assert!(seen.closed && seen.replies.ends_with("552 5.3.4 the message is too large\r\n"));
}

/// Who brings messages may err now and then, in a session as long as it likes.
#[test]
fn a_message_renews_the_budgets() {
    let errors = format!("{}{HEAD}", "FOO\r\n".repeat(15));
    let refusals = HEAD.replace("DATA\r\n", &format!("{}DATA\r\n", "RCPT TO:<nobody@c.example>\r\n".repeat(90)));
    for head in [errors, refusals] {
        let seen = run(format!("{head}x\r\n.\r\n").repeat(9).as_bytes(), 4096, Profile::Mx, false);
        assert_eq!((seen.messages.len(), seen.closed), (9, false), "{}", seen.replies);
        let seen =
            run(format!("{head}RSET\r\n").replace("DATA\r\n", "").repeat(9).as_bytes(), 4096, Profile::Mx, false);
        assert!(seen.closed && seen.replies.lines().last().unwrap().starts_with("421 4.7.0"), "{}", seen.replies);
    }
}

/// RFC 4954 §4: what is too long for AUTH and its exchange is said by a code of its own, whatever the chunks.
#[test]
fn long_lines_are_known_by_their_verb() {
    for chunk in [1, 7, 4096, usize::MAX] {
        let reply = |line: &str| {
            let script = format!("EHLO c\r\n{line}\r\nNOOP\r\n");
            let seen = run(script.as_bytes(), chunk, Profile::Submission, true);
            let replies: Vec<_> =
                seen.replies.lines().rev().map(|line| line.get(..9).unwrap_or(line).to_owned()).collect();
            assert_eq!(replies[0], "250 2.0.0", "{chunk} {}", seen.replies);
            replies[1].clone()
        };
        assert_eq!(reply(&format!("NOOP {}", "x".repeat(2043))), "250 2.0.0");
        assert_eq!(reply(&format!("NOOP {}", "x".repeat(2044))), "500 5.5.2");
        // all of base64 and too long for PLAIN: what fits is read, and then found wrong
        let response = "QUFB".repeat(3072);
        assert_eq!(reply(&format!("auth PLAIN {}", &response[..12_276])), "501 5.5.2");
        assert_eq!(reply(&format!("auth PLAIN {}", &response[..12_278])), "500 5.5.6");
        assert_eq!(reply(&format!("AUTH PLAIN\r\n{response}")), "501 5.5.2");
        assert_eq!(reply(&format!("AUTH PLAIN\r\n{response}=")), "500 5.5.6");
    }
}

#[test]
fn other_protocols_are_sent_away() {
    for verb in ["GET / HTTP/1.1", "POST /x HTTP/1.1", "CONNECT mx:25 HTTP/1.1"] {
        let seen = run(format!("{verb}\r\nMAIL FROM:<a@c.example>\r\n").as_bytes(), 9, Profile::Mx, false);
        assert_eq!((codes(&seen), seen.closed), (vec!["220", "554"], true), "{verb}");
    }
    for split in [1, 99] {
        assert!(run(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", split, Profile::Mx, false).closed);
    }
}

#[test]
fn early_talkers_are_refused_where_that_is_wanted() {
    let mut config = Config::new("mx.example.test".parse().unwrap(), Profile::Mx);
    config.early_talkers = EarlyTalkers::Refused(Duration::from_secs(5));
    let mut server = Server::new(config.clone(), "nonce");
    assert_eq!(server.poll(), Step::Read(Duration::from_secs(5)));
    server.feed(b"EHLO c\r\n");
    assert!(matches!(server.poll(), Step::Write(reply) if reply.starts_with(b"554 5.5.0")));
    assert_eq!(server.poll(), Step::Close);
    for (patient, impatient) in [("EHLO c\r\n", "EHLO c\r\nNOOP\r\n"), ("DATA\r\n", "DATA\r\nx")] {
        for (lines, refused) in [(patient, false), (impatient, true)] {
            let mut server = Server::new(config.clone(), "nonce");
            server.poll();
            server.timed_out(); // nobody spoke
            assert!(matches!(server.poll(), Step::Write(greeting) if greeting.starts_with(b"220 ")));
            let mut replies = String::new();
            let way = if lines.starts_with("DATA") { HEAD.replace("DATA\r\n", lines) } else { lines.to_owned() };
            // what may be sent together is
            for part in way.split_inclusive("c.example\r\n") {
                server.feed(part.as_bytes());
                loop {
                    match server.poll() {
                        Step::Write(octets) => replies.push_str(std::str::from_utf8(&octets).unwrap()),
                        Step::Event(_) => server.accept(),
                        _ => break,
                    }
                }
            }
            assert!(replies.contains("554 5.5.0") == refused, "{lines}: {replies}");
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
        Just("BDAT 3\r\na\r\n"), Just("BDAT 2 LAST\r\n\nb"), Just("BDAT 1 LAST\r\nc"), Just("BDAT 2000\r\nx"), Just("GET /\r\n"), Just("\x16"),
    ], 0..25), chunk in 1usize..20) {
        let script = lines.concat();
        for (profile, tls) in [(Profile::Mx, false), (Profile::Submission, true)] {
            prop_assert_eq!(run(script.as_bytes(), chunk, profile, tls), run(script.as_bytes(), usize::MAX, profile, tls));
        }
    }
}
