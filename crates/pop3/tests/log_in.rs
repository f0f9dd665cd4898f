//! How a client chooses between mechanisms and USER with PASS.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

use gatepost_pop3::client::{Client, Config, Event, Failure};
use gatepost_sasl::{ChoiceError, Credentials, Name, Policy, ScramHash};
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
