//! SCRAM vectors, both sides; SASLprep; what must fail.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)] // a test may

use gatepost_conformance::cases;
use gatepost_sasl::{
    Answer, ClientError, ClientMechanism, Identity, Input, Limits, Policy, Question, Rejection, ScramClient, ScramKeys,
    Secret, Turn, mechanism, prepare,
};
use gatepost_syntax::base64;
use gatepost_wire::{TlsInfo, TlsVersion};
use serde_json::Value;

fn tls() -> TlsInfo {
    TlsInfo::new(TlsVersion::Tls13, "TLS13_AES_128_GCM_SHA256")
}

/// Runs both sides against the vector's messages.
fn scram(case: &Value) {
    let input = &case["input"];
    let text = |key: &str| input[key].as_str().unwrap();
    let message = |index: usize| case["expect"]["messages"][index].as_str().unwrap().as_bytes().to_vec();
    let iterations = u32::try_from(input["iterations"].as_u64().unwrap()).unwrap().try_into().unwrap();
    let mut client =
        ScramClient::new(text("user"), &Secret::new(text("password")), text("client_nonce"), Limits::default());
    assert_eq!(client.first(), Some(message(0)), "{case}");
    let salt = base64::decode(text("salt_base64")).unwrap();
    let keys = ScramKeys::derive(&Secret::new(prepare(text("password")).unwrap().as_bytes()), &salt, iterations);
    let mut server = mechanism("SCRAM-SHA-256", &Policy::default(), None, text("server_nonce")).unwrap();
    assert!(matches!(server.step(Input::Response(&message(0))), Turn::Ask(Question::ScramKeys { .. })), "{case}");
    let ann = Identity { user: "ann".into() };
    assert_eq!(server.step(Input::Answer(Answer::Keys(keys.clone(), ann.clone()))), Turn::Challenge(message(1)));
    assert_eq!(client.step(&message(1)), Ok(message(2)), "{case}");
    assert_eq!(server.step(Input::Response(&message(2))), Turn::Challenge(message(3)));
    assert!(!client.may_succeed());
    assert_eq!(client.step(&message(3)), Ok(Vec::new()));
    assert!(client.may_succeed());
    assert_eq!(server.step(Input::Response(b"")), Turn::Done(Ok(ann)));
    assert_eq!(keys.to_string().parse::<ScramKeys>().unwrap(), keys);
}

#[test]
fn vectors() {
    let mut not_built = Vec::new();
    for file in ["sasl/cases.jsonl", "sasl/negatives-and-grammar.jsonl"] {
        for case in cases(file) {
            let valid = case["expect"]["valid"].as_bool() == Some(true);
            match (case["area"].as_str().unwrap(), case["mechanism"].as_str()) {
                ("sasl-scram", Some("SCRAM-SHA-256")) if valid => scram(&case),
                ("saslprep", _) => {
                    let prepared = prepare(case["input"].as_str().unwrap());
                    match case["expect"]["output"].as_str() {
                        Some(output) => assert_eq!(prepared.unwrap(), output, "{case}"),
                        None => assert!(prepared.is_err(), "{case}"),
                    }
                }
                (area, name) => not_built.push(format!("{} ({area} {})", case["id"], name.unwrap_or_default())),
            }
        }
    }
    println!("{} cases of what is not built: {}", not_built.len(), not_built.join(", "));
}

#[test]
fn wrong_proofs_and_forged_servers_fail() {
    let keys = ScramKeys::fake(&Secret::new("server secret"), "nobody", 4096.try_into().unwrap());
    let mut server = mechanism("SCRAM-SHA-256", &Policy::default(), Some(&tls()), "srv").unwrap();
    let mut client = ScramClient::new("nobody", &Secret::new("x"), "cli", Limits::default());
    server.step(Input::Response(&client.first().unwrap()));
    let answer = Answer::Keys(keys, Identity { user: "nobody".into() });
    let Turn::Challenge(challenge) = server.step(Input::Answer(answer)) else { panic!() };
    let response = client.step(&challenge).unwrap();
    assert_eq!(server.step(Input::Response(&response)), Turn::Done(Err(Rejection::Denied)));
    assert_eq!(client.step(b"v=AAAA"), Err(ClientError::ServerNotAuthenticated));
    assert!(!client.may_succeed());
    let salt = "QSXCR+Q6sek8bf92";
    for challenge in [
        format!("r=cli,s={salt},i=4096"),
        format!("r=clix,s={salt},i=1"),
        format!("r=clix,s={salt},i=4294967295"),
        "r=clix,s=,i=4096".into(),
        "e=x".into(),
    ] {
        let mut client = ScramClient::new("u", &Secret::new("x"), "cli", Limits::default());
        client.first();
        assert!(client.step(challenge.as_bytes()).is_err(), "{challenge}");
    }
}

#[test]
fn malformed_messages_are_refused() {
    let scram = "SCRAM-SHA-256";
    for (name, message) in [
        ("PLAIN", &b"\0\0"[..]),
        ("PLAIN", b"ann"),
        ("PLAIN", b"\0ann\0a\0b"),
        ("PLAIN", b"\0ann\0\xff"),
        ("LOGIN", b""),
        (scram, b"p=tls-exporter,,n=a,r=b"),
        (scram, b"n,,m=x,n=a,r=b"),
        (scram, b"n,,n=a=2,r=b"),
        (scram, b"n,,r=b,n=a"),
    ] {
        let mut server = mechanism(name, &Policy::default(), Some(&tls()), "n").unwrap();
        assert_eq!(server.step(Input::Response(message)), Turn::Done(Err(Rejection::Malformed)), "{name} {message:?}");
    }
    assert!(mechanism("PLAIN", &Policy::default(), None, "n").is_none());
    assert_eq!(format!("{:?}", Secret::new("x")), "Secret(…)");
}

proptest::proptest! {
    /// Whatever is sent, nobody is let in without the store's word.
    #[test]
    fn no_message_lets_anybody_in(messages in proptest::collection::vec(proptest::prelude::any::<Vec<u8>>(), 0..4)) {
        for name in ["PLAIN", "LOGIN", "SCRAM-SHA-256"] {
            let mut server = mechanism(name, &Policy::default(), Some(&tls()), "n").unwrap();
            for message in &messages {
                proptest::prop_assert!(!matches!(server.step(Input::Response(message)), Turn::Done(Ok(_))));
            }
        }
    }
}
