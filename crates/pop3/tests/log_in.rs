//! How a client chooses between mechanisms and USER with PASS, and what exchanges may take.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

use gatepost_pop3::client::{Client, Config, Event, Failure};
use gatepost_pop3::server;
use gatepost_sasl::{
    Answer, ChoiceError, ClientError, Credentials, ITERATIONS, Name, Policy, Question, ScramHash, ScramKeys, Secret,
    UserFile, Verifier, choose,
};
use gatepost_wire::{Endpoint, Step, TlsInfo, TlsVersion};

/// What is said behind CAPA, and what comes of it, with a server that has these capabilities and answers so.
fn log_in(
    capabilities: &str,
    verified: bool,
    credentials: &Credentials,
    policy: &Policy,
    replies: &[&str],
) -> (String, Event) {
    let mut client = Client::new(Config { require_tls: true, ..Config::default() });
    let mut tls = TlsInfo::new(TlsVersion::Tls13, "TLS13_AES_128_GCM_SHA256");
    tls.server_verified = verified;
    client.secured(tls);
    let capabilities = format!("+OK\r\n{capabilities}.\r\n");
    let mut answers = ["+OK hello\r\n", &capabilities].into_iter().chain(replies.iter().copied());
    let mut said = String::new();
    for _ in 0..100 {
        match client.poll() {
            Step::Event(Event::Ready(_)) => client.log_in(credentials, policy, "nonce"),
            Step::Event(event) => return (said.replacen("CAPA\r\n", "", 1), event),
            Step::Write(octets) => said.push_str(std::str::from_utf8(&octets).unwrap()),
            Step::Read(_) => client.feed(answers.next().unwrap().as_bytes()),
            step => panic!("{step:?}"),
        }
    }
    panic!("it does not end: {said}");
}

#[test]
fn user_and_pass_are_the_weakest_way() {
    let ann = Credentials::password("ann", "pencil");
    let user_only = "USER\r\n";
    let (said, event) = log_in(user_only, true, &ann, &Policy::client(), &["+OK\r\n", "+OK\r\n"]);
    assert_eq!((said.as_str(), event), ("USER ann\r\nPASS pencil\r\n", Event::Authenticated("USER")));
    let (said, event) = log_in("USER\r\nSASL PLAIN\r\n", true, &ann, &Policy::client(), &["+OK\r\n"]);
    assert_eq!((said.as_str(), event), ("AUTH PLAIN AGFubgBwZW5jaWw=\r\n", Event::Authenticated("PLAIN")));
    // what was refused is not said again in another way
    for capabilities in [user_only, "USER\r\nSASL PLAIN\r\n"] {
        let (said, event) = log_in(capabilities, true, &ann, &Policy::client(), &["-ERR [AUTH] no\r\n"]);
        assert!(matches!(event, Event::Failed(Failure::Refused(_))), "{event:?}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn user_and_pass_are_not_said_where_they_may_not_be() {
    let ann = Credentials::password("ann", "pencil");
    let mut other = ann.clone();
    other.authzid = Some("bob".to_owned());
    let strict = Policy::of([Name::Scram(ScramHash::Sha256)]);
    let (client, nothing) = (Policy::client(), Failure::NoMechanism(ChoiceError::NothingOffered));
    let unprotected = Failure::NoMechanism(ChoiceError::NotProtected(Name::Plain));
    for (capabilities, verified, credentials, policy, failure) in [
        ("USER\r\n", false, &ann, &client, Failure::TlsRequired),
        ("USER\r\nSASL PLAIN\r\n", false, &ann, &client, unprotected),
        ("USER\r\nSASL PLAIN\r\n", true, &ann, &strict, nothing.clone()),
        ("USER\r\n", true, &other, &client, nothing.clone()),
        ("USER\r\n", true, &Credentials::token("ann", "token"), &client, nothing.clone()),
        ("SASL CRAM-MD5\r\n", true, &ann, &client, nothing),
        ("USER\r\n", true, &Credentials::password("ann\r\nDELE 1", "x"), &client, Failure::Unsayable),
        ("USER\r\n", true, &Credentials::password("ann", "x\r\nDELE 1"), &client, Failure::Unsayable),
        ("USER\r\n", true, &Credentials::password("ann", ""), &client, Failure::Unsayable),
    ] {
        let (said, event) = log_in(capabilities, verified, credentials, policy, &[]);
        assert_eq!((said.as_str(), event), ("", Event::Failed(failure)), "{capabilities:?} {credentials:?}");
    }
}

/// A client that has given up hears one last word, and not another challenge behind each of its `*` (RFC 5034 §4).
#[test]
fn a_server_that_challenges_for_ever_is_left() {
    let ann = Credentials::password("ann", "pencil");
    let (said, event) = log_in("SASL LOGIN\r\n", true, &ann, &Policy::client(), &["+ \r\n"; 4]);
    assert_eq!(said, "AUTH LOGIN\r\nYW5u\r\ncGVuY2ls\r\n*\r\n");
    assert_eq!(event, Event::Failed(Failure::Malformed));
}

/// An answer to a challenge may be computed elsewhere: it is the same, and where the connection has ended meanwhile it is nobody's.
#[test]
fn proofs_may_be_computed_elsewhere() {
    for ends in [false, true] {
        let mut client = Client::new(Config::default());
        let challenge = gatepost_syntax::base64::encode("r=nonce-and-more,s=c2FsdCBvZiAxNiBieXRlcw==,i=4096");
        let replies = ["+OK hello\r\n", "+OK\r\nSASL SCRAM-SHA-256\r\n.\r\n", &format!("+ {challenge}\r\n")];
        let mut replies = replies.into_iter();
        client.secured(TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256"));
        let work = loop {
            if let Some(work) = client.work() {
                break work;
            }
            match client.poll() {
                Step::Event(Event::Ready(_)) => {
                    client.log_in(&Credentials::password("ann", "pencil"), &Policy::client(), "nonce");
                }
                Step::Write(_) => {}
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

/// Challenges are longer than status lines (RFC 5034 §4).
#[test]
fn challenges_may_be_long() {
    for (octets, fits) in [(12_288, true), (12_304, false)] {
        let (token, challenge) = (Credentials::token("ann", "abc"), format!("+ {}\r\n", "AAAA".repeat(octets / 4)));
        let replies = [challenge.as_str(), "-ERR no\r\n"];
        let (said, event) = log_in("SASL OAUTHBEARER\r\n", true, &token, &Policy::client(), &replies);
        assert_eq!(said.ends_with("AQ==\r\n"), fits);
        let told = Failure::Authentication(ClientError::Told("\0".repeat(octets / 4 * 3)));
        assert_eq!(event, Event::Failed(if fits { told } else { Failure::Malformed }));
    }
}

fn reply(server: &mut server::Server, users: &UserFile) -> String {
    let mut said = String::new();
    loop {
        match server.poll() {
            Step::Write(octets) => said.push_str(std::str::from_utf8(&octets).unwrap()),
            Step::Event(server::Event::Auth(question)) => {
                server.answer(users.answer(&question, &Secret::new("secret")))
            }
            Step::Event(server::Event::Open(_)) => server.opened(Err(server::OpenError::InUse)),
            _ => return said,
        }
    }
}

/// No exchange has the nonce of another one, not even where the maildrop was locked: who replays the first one fails.
#[test]
fn every_exchange_has_a_nonce_of_its_own() {
    let mut users = UserFile::new();
    let keys = ScramKeys::derive(ScramHash::Sha256, &Secret::new("pencil"), b"salt of 16 bytes", ITERATIONS);
    users.add("ann", Verifier::Scram(keys)).unwrap();
    let mut server = server::Server::new(server::Config::default(), "servernonce");
    reply(&mut server, &users);
    let (policy, limits) = (Policy::client(), gatepost_sasl::Limits::default());
    let ann = Credentials::password("ann", "pencil");
    let client = choose(&["SCRAM-SHA-256"], &ann, &policy, None, "clientnonce", &limits).unwrap();
    let (mut client, words) = gatepost_sasl::ClientExchange::begin(client, 500);
    server.feed(&[b"AUTH ", words.expose(), b"\r\n"].concat());
    let (mut said, mut lines) = (reply(&mut server, &users), Vec::new());
    while let Some(challenge) = said.strip_prefix("+ ") {
        lines.push([client.challenge(challenge.trim_end().as_bytes()).expose(), b"\r\n"].concat());
        server.feed(lines.last().unwrap());
        said = reply(&mut server, &users);
    }
    assert!(said.starts_with("-ERR [IN-USE]"), "{said}");
    server.feed(&[b"AUTH ", words.expose(), b"\r\n"].concat());
    reply(&mut server, &users);
    server.feed(&lines[0]);
    assert!(reply(&mut server, &users).starts_with("-ERR [AUTH]"));
}

/// Who gives a server nothing fresh gets no SCRAM from it: the number of the exchange is the same in each session, and a log-in
/// that was overheard would pass again.
#[test]
fn nothing_is_proved_without_a_nonce() {
    for (nonce, said) in [("", "-ERR [SYS/TEMP]"), ("with space", "-ERR [SYS/TEMP]"), ("servernonce", "+ ")] {
        let mut server = server::Server::new(server::Config::default(), nonce);
        reply(&mut server, &UserFile::new());
        server.feed(b"AUTH SCRAM-SHA-256 biwsbj1hbm4scj1jbGllbnRub25jZQ==\r\n"); // n,,n=ann,r=clientnonce
        let heard = reply(&mut server, &UserFile::new());
        assert!(heard.starts_with(said), "{nonce:?}: {heard}");
    }
}

/// A name of which SASLprep leaves nothing is nobody's, and one with what Unicode 3.2 did not know may be (RFC 6856 §2.2).
#[test]
fn names_and_passwords_of_user_and_pass_are_queries() {
    for (user, asked) in [("\u{ad}", None), ("\u{2168}\u{1f600}", Some("IX\u{1f600}"))] {
        let mut config = server::Config::default();
        config.sasl.plaintext_without_tls = true;
        let mut server = server::Server::new(config, "servernonce");
        server.feed(format!("USER {user}\r\nPASS \u{b2}\r\n").as_bytes());
        let mut question = None;
        for _ in 0..9 {
            if let Step::Event(server::Event::Auth(Question::Password { user, password, .. })) = server.poll() {
                question = Some((user, password));
                server.answer(Answer::Deny);
            }
        }
        assert_eq!(question, asked.map(|user| (user.to_owned(), Secret::new("2"))), "{user:?}");
    }
}

/// At each step of each mechanism: cancelled, not base64, too long, out of turn. It is as if AUTH had not been said, and one that
/// is right follows (RFC 5034 §4).
#[test]
fn exchanges_end_at_every_step_and_begin_anew() {
    let mut users = UserFile::new();
    let keys = ScramKeys::derive(ScramHash::Sha256, &Secret::new("pencil"), b"salt of 16 bytes", ITERATIONS);
    users.add("ann", Verifier::Scram(keys)).unwrap();
    let encode = |text: &str| gatepost_syntax::base64::encode(text);
    let long = "A".repeat(12_292);
    for (name, steps) in [
        ("PLAIN", vec![]),
        ("login", vec![encode("ann")]),
        ("EXTERNAL", vec![]),
        ("OAUTHBEARER", vec![encode("n,,\x01auth=Bearer abc\x01\x01")]),
        ("XOAUTH2", vec![encode("user=ann\x01auth=Bearer abc\x01\x01")]),
        ("SCRAM-SHA-256", vec![encode("n,,n=ann,r=abc")]),
        ("SCRAM-SHA-256-PLUS", vec![encode("p=tls-exporter,,n=ann,r=abc")]),
    ] {
        for line in ["*", "!", "=", &long, &encode("\u{7}")] {
            let mut server = secured();
            reply(&mut server, &users);
            let mut say = |line: &str| {
                server.feed(format!("{line}\r\n").as_bytes());
                reply(&mut server, &users)
            };
            assert_eq!(say(&format!("AUTH {name}")).get(..2), Some("+ "), "{name}");
            for step in &steps {
                assert_eq!(say(step).get(..2), Some("+ "), "{name} {step}");
            }
            let said = say(line);
            assert!(said.starts_with("-ERR ") && said.lines().count() == 1, "{name} {steps:?} {line:.9}: {said}");
            assert_eq!(say("STAT"), "-ERR log in first\r\n");
            // that the maildrop is locked is told to who is logged in only
            let right = say(&format!("AUTH PLAIN {}", encode("\0ann\0pencil")));
            assert!(right.starts_with("-ERR [IN-USE]"), "{name} {right}");
        }
    }
}

/// A server within TLS, with every mechanism.
fn secured() -> server::Server {
    let config = server::Config { sasl: Policy::of(Name::ALL), ..server::Config::default() };
    let mut server = server::Server::new(config, "servernonce");
    let mut tls = TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
    (tls.exporter, tls.client_certificate) = (Some(vec![1; 32]), Some(b"a certificate".to_vec()));
    server.secured(tls);
    server
}

/// RFC 9266 §4.1: one exchange of a connection may be bound by `tls-exporter`, whatever comes of it.
#[test]
fn the_channel_is_bound_to_one_exchange() {
    let (users, mut server) = (UserFile::new(), secured());
    reply(&mut server, &users);
    let plus = format!("AUTH SCRAM-SHA-256-PLUS {}", gatepost_syntax::base64::encode("p=tls-exporter,,n=ann,r=abc"));
    for (line, status) in [
        (plus.as_str(), "+ "),
        ("*", "-ERR "),
        ("AUTH SCRAM-SHA-256", "+ "),
        ("*", "-ERR "),
        (&plus, "-ERR [SYS/TEMP] "),
    ] {
        server.feed(format!("{line}\r\n").as_bytes());
        let said = reply(&mut server, &users);
        assert!(said.starts_with(status), "{line}: {said}");
    }
    assert_eq!((server.poll(), server.auth_failures()), (Step::Close, 2));

    let mut client = Client::new(Config { require_tls: true, ..Config::default() });
    let mut tls = TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
    tls.exporter = Some(vec![1; 32]);
    client.secured(tls);
    let capabilities = "+OK\r\nSASL SCRAM-SHA-256-PLUS SCRAM-SHA-256\r\n.\r\n";
    let mut answers = ["+OK hello\r\n", capabilities, "-ERR no\r\n"].into_iter();
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
