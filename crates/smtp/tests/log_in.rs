//! How a client chooses a mechanism, and what exchanges may take.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

use gatepost_sasl::{
    ChoiceError, ClientError, ClientExchange, Credentials, ITERATIONS, Name, Policy, ScramClient, ScramHash, ScramKeys,
    Secret, UserFile, Verifier,
};
use gatepost_smtp::client::{Client, Config, Envelope, Event, Failure, Limits};
use gatepost_smtp::server;
use gatepost_smtp::{MailFrom, Reply};
use gatepost_syntax::{ForwardPath, ReversePath};
use gatepost_wire::{Endpoint, Step, TlsInfo, TlsVersion};

/// A server whose certificate was not verified gets no password, and one that does not offer SCRAM gets none either where
/// SCRAM is wanted.
#[test]
fn nothing_weaker_is_tried() {
    let ann = Credentials::password("ann", "pencil");
    let scram = Policy::of([Name::Scram(ScramHash::Sha256)]);
    for (offer, verified, policy, failure) in [
        ("PLAIN LOGIN", false, Policy::client(), Failure::NoMechanism(ChoiceError::NotProtected(Name::Plain))),
        ("PLAIN LOGIN", true, scram, Failure::NoMechanism(ChoiceError::NothingOffered)),
    ] {
        let mut client = Client::new(Config {
            name: "client.example".parse().unwrap(),
            require_tls: true,
            limits: Limits::default(),
        });
        let mut info = TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
        info.server_verified = verified;
        client.secured(info);
        client.feed(b"220 x\r\n");
        let mut heard = None;
        while heard.is_none() {
            match client.poll() {
                Step::Event(Event::Ready(_)) => client.log_in(&ann, &policy, "nonce"),
                Step::Event(Event::Failed(failure)) => heard = Some(failure),
                Step::Write(octets) => {
                    assert!(octets.starts_with(b"EHLO"));
                    client.feed(format!("250-x\r\n250 AUTH {offer}\r\n").as_bytes());
                }
                step => panic!("{step:?}"),
            }
        }
        assert_eq!(heard, Some(failure));
    }
}

/// What a client says behind EHLO, and what comes of it, with a server that offers this mechanism and answers so.
fn log_in(offer: &str, credentials: &Credentials, replies: &[String]) -> (String, Event) {
    let (name, limits) = ("client.example".parse().unwrap(), Limits::default());
    let mut client = Client::new(Config { name, require_tls: true, limits });
    let mut info = TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
    info.server_verified = true;
    client.secured(info);
    let ehlo = format!("250-x\r\n250 AUTH {offer}\r\n");
    let mut answers = ["220 x\r\n", &ehlo].into_iter().chain(replies.iter().map(String::as_str));
    let mut said = String::new();
    loop {
        match client.poll() {
            Step::Event(Event::Ready(_)) => client.log_in(credentials, &Policy::client(), "nonce"),
            Step::Event(event @ (Event::Failed(_) | Event::Authenticated(_))) => return (said, event),
            Step::Event(_) => {}
            Step::Write(octets) => said.push_str(std::str::from_utf8(&octets).unwrap()),
            Step::Read(_) => client.feed(answers.next().unwrap().as_bytes()),
            step => panic!("{step:?}"),
        }
    }
}

/// A client that has given up hears one last word, and not another challenge behind each of its `*` (RFC 4954 §4).
#[test]
fn a_server_that_challenges_for_ever_is_left() {
    let replies = vec!["334 \r\n".to_owned(); 4];
    let (said, event) = log_in("LOGIN", &Credentials::password("ann", "pencil"), &replies);
    assert_eq!(said, "EHLO client.example\r\nAUTH LOGIN\r\nYW5u\r\ncGVuY2ls\r\n*\r\n");
    assert_eq!(event, Event::Failed(Failure::Malformed));
}

/// An answer to a challenge may be computed elsewhere: it is the same, and where the connection has ended meanwhile it is nobody's.
#[test]
fn proofs_may_be_computed_elsewhere() {
    for ends in [false, true] {
        let name = "client.example".parse().unwrap();
        let mut client = Client::new(Config { name, require_tls: false, limits: Limits::default() });
        let challenge = gatepost_syntax::base64::encode("r=nonce-and-more,s=c2FsdCBvZiAxNiBieXRlcw==,i=4096");
        let replies = ["220 x\r\n", "250-x\r\n250 AUTH SCRAM-SHA-256\r\n", &format!("334 {challenge}\r\n")];
        let (mut replies, mut said) = (replies.into_iter(), Vec::new());
        let work = loop {
            if let Some(work) = client.work() {
                break work;
            }
            match client.poll() {
                Step::Event(Event::Ready(_)) => {
                    client.log_in(&Credentials::password("ann", "pencil"), &Policy::client(), "nonce");
                }
                Step::Write(octets) => said.push(octets),
                Step::Read(_) => client.feed(replies.next().unwrap().as_bytes()),
                step => panic!("{step:?}"),
            }
        };
        assert!(matches!(client.poll(), Step::Read(_)) && client.work().is_none(), "it is done once");
        let finish = std::thread::spawn(move || work()).join().unwrap();
        if ends {
            client.closed();
            finish(&mut client);
            assert_eq!(client.poll(), Step::Event(Event::Failed(Failure::Closed)));
            assert_eq!(client.poll(), Step::Close);
        } else {
            finish(&mut client);
            let Step::Write(octets) = client.poll() else { panic!() };
            assert!(octets.starts_with(b"Yz1iaXdz"), "c=biws");
        }
    }
}

/// Challenges are longer than replies may be: 12,288 octets have to do (RFC 4954 §4).
#[test]
fn challenges_may_be_long() {
    for (octets, fits) in [(12_288, true), (12_304, false)] {
        let replies = [format!("334 {}\r\n", "AAAA".repeat(octets / 4)), "535 no\r\n".to_owned()];
        let (said, event) = log_in("OAUTHBEARER", &Credentials::token("ann", "abc"), &replies);
        assert_eq!(said.ends_with("AQ==\r\n"), fits);
        let told = Failure::Authentication(ClientError::Told("\0".repeat(octets / 4 * 3)));
        assert_eq!(event, Event::Failed(if fits { told } else { Failure::Malformed }));
    }
}

/// RFC 4954 §5: a relay that has logged in does not let messages be taken for its own.
#[test]
fn a_relay_that_logs_in_tells_that_it_is_not_the_submitter() {
    for (logs_in, unknown, parameter) in [(true, true, " AUTH=<>"), (true, false, ""), (false, true, "")] {
        let (name, limits) = ("client.example".parse().unwrap(), Limits::default());
        let mut client = Client::new(Config { name, require_tls: true, limits });
        let mut info = TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
        info.server_verified = true;
        client.secured(info);
        let mut answers = ["220 x\r\n", "250-x\r\n250 AUTH PLAIN\r\n", "235 yes\r\n"].into_iter();
        let (mut said, mut in_it) = (String::new(), !logs_in);
        while !said.contains("MAIL") {
            match client.poll() {
                Step::Event(Event::Ready(_)) if in_it => {
                    let mut mail = MailFrom::new(ReversePath::parse("<ann@example.test>").unwrap());
                    mail.unknown_submitter = unknown;
                    client.send(Envelope::new(mail, [ForwardPath::parse("<bob@example.test>").unwrap()]));
                }
                Step::Event(Event::Ready(_)) => {
                    client.log_in(&Credentials::password("ann", "pencil"), &Policy::client(), "nonce");
                }
                Step::Event(event) => in_it = matches!(event, Event::Authenticated(_)),
                Step::Write(octets) => said.push_str(std::str::from_utf8(&octets).unwrap()),
                Step::Read(_) => client.feed(answers.next().unwrap().as_bytes()),
                step => panic!("{step:?}"),
            }
        }
        let mail = said.lines().last().unwrap();
        assert_eq!(mail, format!("MAIL FROM:<ann@example.test>{parameter}"), "{logs_in} {unknown}");
    }
}

/// A server that offers AUTH and not its parameter hears MAIL once more without it, for the first message only; one that refuses the
/// sender is not asked to reconsider for ever.
#[test]
fn a_parameter_that_the_server_does_not_know_is_left_out() {
    let (with, without) = ("MAIL FROM:<ann@example.test> AUTH=<>\r\n", "MAIL FROM:<ann@example.test>\r\n");
    let (to, end, rset) = ("RCPT TO:<bob@example.test>\r\nDATA\r\n", ".\r\n", "RSET\r\n");
    let (whole_with, whole_without) = (format!("{with}{to}"), format!("{without}{to}"));
    let all = ["250 x\r\n250 x\r\n354 x\r\n", "250 x\r\n"];
    let taken = [&["250 x\r\n", "250 x\r\n354 x\r\n", "250 x\r\n"], &all[..]].concat();
    let unknown = [&["555 x\r\n"], &all[..], &all].concat();
    for (replies, said) in [
        (taken, vec![with, to, end, &whole_with, end]),
        (unknown, vec![with, &whole_without, end, &whole_without, end]),
        (["501 x\r\n", "550 x\r\n503 x\r\n503 x\r\n", "250 x\r\n"].repeat(2), [with, &whole_without, rset].repeat(2)),
        (["550 x\r\n", "250 x\r\n"].repeat(2), [with, rset].repeat(2)),
    ] {
        assert_eq!(two_messages(&replies), said, "{replies:?}");
    }
}

/// What a relay says that has logged in and sends two messages.
fn two_messages(replies: &[&str]) -> Vec<String> {
    let mut client = Client::new(Config::new("client.example".parse().unwrap()));
    let mut tls = TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
    tls.server_verified = true;
    client.secured(tls);
    let hello = ["220 x\r\n", "250-x\r\n250-PIPELINING\r\n250 AUTH PLAIN\r\n", "235 yes\r\n"];
    let mut answers = hello.iter().chain(replies);
    let mut mail = MailFrom::new(ReversePath::parse("<ann@example.test>").unwrap());
    mail.unknown_submitter = true;
    let envelope = Envelope::new(mail, [ForwardPath::parse("<bob@example.test>").unwrap()]);
    let (mut left, mut said, mut text) = (vec![envelope.clone(), envelope], Vec::new(), false);
    loop {
        match client.poll() {
            Step::Event(Event::Ready(_)) if said.len() < 2 => {
                client.log_in(&Credentials::password("ann", "pencil"), &Policy::client(), "nonce");
            }
            Step::Event(Event::Ready(_)) => match left.pop() {
                Some(envelope) => client.send(envelope),
                None => return said.split_off(2),
            },
            Step::Event(Event::SendData) if std::mem::replace(&mut text, true) => {
                text = false;
                client.end_data();
            }
            Step::Event(Event::SendData) => client.data(b"x\r\n"),
            Step::Event(_) => {}
            Step::Write(octets) if octets.as_ref() == b"x\r\n" => {}
            Step::Write(octets) => said.push(String::from_utf8(octets.to_vec()).unwrap()),
            Step::Read(_) => client.feed(answers.next().unwrap().as_bytes()),
            step => panic!("{step:?}"),
        }
    }
}

/// No exchange has the nonce of another one, not even behind one that went well: TLS may begin there, and a second one.
#[test]
fn every_exchange_has_a_nonce_of_its_own() {
    let mut users = UserFile::new();
    let pencil = Secret::new("pencil");
    let keys = ScramKeys::derive(ScramHash::Sha256, &pencil, b"salt of 16 bytes", ITERATIONS);
    users.add("ann", Verifier::Scram(keys)).unwrap();
    let mut config = server::Config::new("mx.example".parse().unwrap(), server::Profile::Submission);
    config.sasl.plaintext_without_tls = true;
    let mut server = server::Server::new(config, "servernonce");
    let mut nonces = Vec::new();
    for _ in 0..2 {
        let client = ScramClient::new("ann", &pencil, "clientnonce", gatepost_sasl::Limits::default());
        let (mut client, words) = ClientExchange::begin(Box::new(client), 500);
        server.feed(b"EHLO x\r\n");
        reply(&mut server, &users);
        server.feed(&[b"AUTH ", words.expose(), b"\r\n"].concat());
        let mut said = reply(&mut server, &users);
        while let Some(challenge) = said.strip_prefix("334 ") {
            let challenge = challenge.trim_end().to_owned();
            let text = gatepost_syntax::base64::decode(&challenge).unwrap();
            nonces.extend(
                String::from_utf8(text)
                    .unwrap()
                    .split(',')
                    .next()
                    .and_then(|r| r.strip_prefix("r="))
                    .map(str::to_owned),
            );
            server.feed(&[client.challenge(challenge.as_bytes()).expose(), b"\r\n"].concat());
            said = reply(&mut server, &users);
        }
        assert!(said.starts_with("235"), "{said}");
        server.feed(b"STARTTLS\r\n");
        reply(&mut server, &users);
        server.secured(TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256"));
    }
    nonces.dedup();
    assert_eq!(nonces.len(), 2, "{nonces:?}");
}

/// Who gives a server nothing fresh gets no SCRAM from it: the number of the exchange is the same in each session, and a log-in
/// that was overheard would pass again.
#[test]
fn nothing_is_proved_without_a_nonce() {
    for (nonce, said) in [("", "454 "), ("with space", "454 "), ("servernonce", "334 ")] {
        let mut config = server::Config::new("mx.example".parse().unwrap(), server::Profile::Submission);
        config.sasl.plaintext_without_tls = true;
        let mut server = server::Server::new(config, nonce);
        server.feed(b"EHLO x\r\n");
        reply(&mut server, &UserFile::new());
        server.feed(b"AUTH SCRAM-SHA-256 biwsbj1hbm4scj1jbGllbnRub25jZQ==\r\n"); // n,,n=ann,r=clientnonce
        let heard = reply(&mut server, &UserFile::new());
        assert!(heard.starts_with(said), "{nonce:?}: {heard}");
    }
}

/// At each step of each mechanism: cancelled, not base64, too long, out of turn. Each has its code (RFC 4954 §4, §6), none
/// leaves anything behind: an AUTH that is right follows, and then none any more.
#[test]
fn exchanges_end_at_every_step_and_begin_anew() {
    let mut users = UserFile::new();
    let keys = ScramKeys::derive(ScramHash::Sha256, &Secret::new("pencil"), b"salt of 16 bytes", ITERATIONS);
    users.add("ann", Verifier::Scram(keys)).unwrap();
    let encode = |text: &str| gatepost_syntax::base64::encode(text);
    let (long, wrong) = ("A".repeat(12_292), encode("\u{7}"));
    for (name, steps) in [
        ("PLAIN", vec![]),
        ("LOGIN", vec![encode("ann")]),
        ("EXTERNAL", vec![]),
        ("OAUTHBEARER", vec![]),
        ("OAUTHBEARER", vec![encode("n,,\x01auth=Bearer abc\x01\x01")]),
        ("OAUTHBEARER", vec![encode("n,a=ann,\x01auth=\x01\x01")]),
        ("XOAUTH2", vec![encode("user=ann\x01auth=Bearer abc\x01\x01")]),
        ("scram-sha-256", vec![]),
        ("SCRAM-SHA-256", vec![encode("n,,n=ann,r=abc")]),
        ("SCRAM-SHA-256-PLUS", vec![encode("p=tls-exporter,,n=ann,r=abc")]),
    ] {
        for (line, code) in [("*", "501 "), ("!", "501 5.5.2"), ("=", "501 5.5.2"), (&long, "500 5.5.6"), (&wrong, "5")]
        {
            let mut server = submission();
            let mut say = |line: &str| {
                server.feed(format!("{line}\r\n").as_bytes());
                reply(&mut server, &users)
            };
            assert!(say("EHLO x").contains("250-AUTH EXTERNAL SCRAM-SHA-512-PLUS "));
            assert!(say(&format!("AUTH {name}")).starts_with("334 "), "{name}");
            for step in &steps {
                assert!(say(step).starts_with("334 "), "{name} {step}");
            }
            let said = say(line);
            assert!(said.starts_with(code) && said.lines().count() == 1, "{name} {steps:?} {line:.9}: {said}");
            assert!(say("MAIL FROM:<ann@example.test>").starts_with("530 5.7.0"), "{name}");
            assert!(say(&format!("AUTH PLAIN {}", encode("\0ann\0pencil"))).starts_with("235 2.7.0"), "{name}");
            assert!(say("AUTH PLAIN").starts_with("503 "), "{name}");
        }
    }
}

/// RFC 9266 §4.1: one exchange of a connection may be bound by `tls-exporter`, whatever comes of it. What is bound otherwise or not at
/// all may follow; another one needs another connection, for it would not fail by the password.
#[test]
fn the_channel_is_bound_to_one_exchange() {
    let users = UserFile::new();
    let mut server = submission();
    let by = |kind: &str| gatepost_syntax::base64::encode(format!("p={kind},,n=ann,r=abc"));
    for (line, code) in [
        ("EHLO x".to_owned(), "250"),
        (format!("AUTH SCRAM-SHA-256-PLUS {}", by("tls-unique")), "535 "),
        (format!("AUTH SCRAM-SHA-256-PLUS {}", by("tls-exporter")), "334 "),
        ("*".to_owned(), "501 "),
        ("AUTH SCRAM-SHA-256".to_owned(), "334 "),
        ("*".to_owned(), "501 "),
        (format!("AUTH SCRAM-SHA-256-PLUS {}", by("tls-server-end-point")), "334 "),
        ("*".to_owned(), "501 "),
        (format!("AUTH SCRAM-SHA-1-PLUS {}", by("tls-exporter")), "421 4.7.0 "),
    ] {
        server.feed(format!("{line}\r\n").as_bytes());
        let said = reply(&mut server, &users);
        assert!(said.lines().last().unwrap().starts_with(code), "{line}: {said}");
    }
    assert_eq!((server.poll(), server.auth_failures()), (Step::Close, 4));

    let mut client = Client::new(Config::new("client.example".parse().unwrap()));
    let mut tls = TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
    tls.exporter = Some(vec![1; 32]);
    client.secured(tls);
    let mut answers = ["220 x\r\n", "250-x\r\n250 AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256\r\n", "535 no\r\n"].into_iter();
    let (mut said, mut failures) = (String::new(), Vec::new());
    while failures.len() < 2 {
        match client.poll() {
            Step::Event(Event::Ready(_)) => {
                client.log_in(&Credentials::password("ann", "pencil"), &Policy::client(), "nonce");
            }
            Step::Event(Event::Failed(failure)) => failures.push(failure),
            Step::Write(octets) => said.push_str(std::str::from_utf8(&octets).unwrap()),
            Step::Read(_) => client.feed(answers.next().unwrap().as_bytes()),
            step => panic!("{step:?}"),
        }
    }
    assert_eq!(said.matches("AUTH ").count(), 1, "{said}");
    assert!(matches!(failures.as_slice(), [Failure::Refused(_), Failure::BoundBefore]), "{failures:?}");
}

/// Who refuses whatever is asked refuses a log-in, too, and does not tell why.
#[test]
fn a_log_in_is_refused_as_all_else_is() {
    for (refusal, said) in [
        (Reply::permanent(550, "5.1.1", "nobody"), "535 5.7.8 "),
        (Reply::transient(421, "4.3.2", "no more"), "421 4.3.2 "),
    ] {
        let (users, mut server) = (UserFile::new(), submission());
        reply(&mut server, &users);
        server.feed(b"EHLO c.example\r\nAUTH PLAIN AGFubgBwZW5jaWw=\r\n");
        assert!(matches!(server.poll(), Step::Write(_)));
        assert!(matches!(server.poll(), Step::Event(server::Event::Auth(_))));
        server.refuse(&refusal);
        assert!(reply(&mut server, &users).starts_with(said));
        assert_eq!(server.poll() == Step::Close, refusal.code() == 421);
    }
}

/// A server within TLS, with every mechanism.
fn submission() -> server::Server {
    let mut config = server::Config::new("mx.example".parse().unwrap(), server::Profile::Submission);
    (config.sasl, config.limits.auth_failures) = (Policy::of(Name::ALL), 9);
    let mut server = server::Server::new(config, "servernonce");
    let mut tls = TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
    (tls.exporter, tls.client_certificate) = (Some(vec![1; 32]), Some(b"a certificate".to_vec()));
    tls.server_end_point = Some(vec![2; 32]);
    server.secured(tls);
    server
}

fn reply(server: &mut server::Server, users: &UserFile) -> String {
    let mut said = String::new();
    loop {
        match server.poll() {
            Step::Write(octets) => said.push_str(std::str::from_utf8(&octets).unwrap()),
            Step::Event(server::Event::Auth(question)) => {
                server.answer(users.answer(&question, &Secret::new("secret")))
            }
            _ => return said,
        }
    }
}
