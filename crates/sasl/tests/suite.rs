//! The conformance suite: SCRAM vectors, both sides; PLAIN, OAUTHBEARER, XOAUTH2; SASLprep; what must fail.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::indexing_slicing)] // a test may

use gatepost_conformance::cases;
use gatepost_sasl::{
    Answer, ClientMechanism, Identity, Input, Limits, Mechanism, Name, OauthClient, Policy, Question, ScramClient,
    ScramHash, ScramKeys, Secret, Turn, mechanism, prepare,
};
use gatepost_syntax::base64;
use gatepost_wire::{TlsInfo, TlsVersion};
use serde_json::Value;

fn server(name: &str, nonce: &str) -> Box<dyn Mechanism> {
    let tls = TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
    mechanism(name, &Policy::of(Name::ALL), Some(&tls), nonce).unwrap()
}

fn hash(name: &str) -> ScramHash {
    match name.parse() {
        Ok(Name::Scram(hash)) => hash,
        _ => panic!("{name}"),
    }
}

/// The client and the keys of a vector.
fn both(case: &Value) -> (ScramClient, Option<ScramKeys>) {
    let (input, hash) = (&case["input"], hash(case["mechanism"].as_str().unwrap()));
    let text = |key: &str| input[key].as_str().unwrap_or_default();
    let limits = Limits::default();
    let password = Secret::new(text("password"));
    let client = ScramClient::new(text("user"), &password, text("client_nonce"), limits).hash(hash);
    let iterations = input["iterations"].as_u64().and_then(|count| u32::try_from(count).ok()?.try_into().ok());
    let salt = base64::decode(text("salt_base64")).unwrap();
    let keys = iterations.map(|count| ScramKeys::derive(hash, &password.prepared().unwrap(), &salt, count));
    (client, keys)
}

/// Runs both sides against the vector's messages.
fn scram(case: &Value) {
    let message = |index: usize| case["expect"]["messages"][index].as_str().unwrap().as_bytes().to_vec();
    let (mut client, keys) = both(case);
    let keys = keys.unwrap();
    assert_eq!(client.first(), Some(Secret::new(message(0))), "{case}");
    let mut server = server(case["mechanism"].as_str().unwrap(), case["input"]["server_nonce"].as_str().unwrap());
    let Turn::Ask(Question::ScramKeys { user, .. }) = server.step(Input::Response(&message(0))) else {
        panic!("{case}")
    };
    assert_eq!(user, prepare(case["input"]["user"].as_str().unwrap()).unwrap());
    let ann = Identity { user: "ann".into() };
    assert_eq!(server.step(Input::Answer(Answer::Keys(keys.clone(), ann.clone()))), Turn::Challenge(message(1)));
    assert_eq!(client.step(&message(1)), Ok(Secret::new(message(2))), "{case}");
    assert_eq!(server.step(Input::Response(&message(2))), Turn::Challenge(message(3)));
    assert!(!client.may_succeed());
    assert_eq!(client.step(&message(3)), Ok(Secret::new([])));
    assert!(client.may_succeed());
    assert_eq!(server.step(Input::Response(b"")), Turn::Done(Ok(ann)));
    let stored = keys.to_string();
    for key in ["stored_key", "server_key"] {
        assert!(stored.contains(case["expect"][key].as_str().unwrap()), "{case}");
    }
    assert_eq!(stored.parse::<ScramKeys>().unwrap(), keys);
}

/// A single message, or the last one of two, that is right or not.
fn scram_message(case: &Value) {
    let input = &case["input"];
    let right = case["expect"]["accepted"].as_bool() == Some(true);
    if let Some(challenge) = input["server_first"].as_str() {
        let mut client = ScramClient::new(
            "user",
            &Secret::new("pencil"),
            input["client_nonce"].as_str().unwrap(),
            Limits::default(),
        );
        client.first();
        return assert_eq!(client.step(challenge.as_bytes()).is_ok(), right, "{case}");
    }
    let mut server = server("SCRAM-SHA-256", input["server_nonce"].as_str().unwrap_or("nonce"));
    let mut turn = server.step(Input::Response(input["client_first"].as_str().unwrap().as_bytes()));
    if let Some(message) = input["client_final"].as_str() {
        let answer = Answer::Keys(both(case).1.unwrap(), Identity { user: "user".into() });
        assert!(matches!(server.step(Input::Answer(answer)), Turn::Challenge(_)));
        turn = server.step(Input::Response(message.as_bytes()));
    }
    assert_eq!(!matches!(turn, Turn::Done(Err(_))), right, "{case}: {turn:?}");
}

fn plain(case: &Value) {
    let message = base64::decode(case["input"]["message_base64"].as_str().unwrap()).unwrap();
    let expect = &case["expect"];
    match server("PLAIN", "nonce").step(Input::Response(&message)) {
        Turn::Ask(Question::Password { user, authzid, password }) => {
            assert_eq!(user, expect["authcid"], "{case}");
            assert_eq!(authzid.unwrap_or_default(), expect["authzid"], "{case}");
            assert_eq!(password, Secret::new(expect["password"].as_str().unwrap()));
        }
        turn => assert!(expect["valid"] == false && matches!(turn, Turn::Done(Err(_))), "{case}: {turn:?}"),
    }
}

fn bearer(case: &Value) {
    let message = base64::decode(case["input"]["message_base64"].as_str().unwrap()).unwrap();
    let expect = &case["expect"];
    let right = expect["valid"] == true || expect["well_formed"] == true;
    match server("OAUTHBEARER", "nonce").step(Input::Response(&message)) {
        Turn::Ask(Question::Token { user, token, host, port }) => {
            assert!(right, "{case}");
            if expect["valid"] == true {
                let mut client = OauthClient::bearer(user.as_deref(), token.clone());
                if let (Some(host), Some(port)) = (&host, port) {
                    client = client.host(host, port);
                }
                assert_eq!(client.first(), Some(Secret::new(message)));
                assert_eq!(token, Secret::new(expect["token"].as_str().unwrap()));
                assert_eq!(user.unwrap(), expect["authzid"]);
                assert_eq!((host.unwrap(), port), (expect["host"].as_str().unwrap().to_owned(), Some(143)));
            }
        }
        turn => assert!(!right && matches!(turn, Turn::Done(Err(_))), "{case}: {turn:?}"),
    }
}

fn xoauth2(case: &Value) {
    let (user, token) = (case["input"]["user"].as_str().unwrap(), case["input"]["token"].as_str().unwrap());
    let message = OauthClient::xoauth2(user, Secret::new(token)).first().unwrap();
    assert_eq!(base64::encode(message.expose()), case["expect"]["message_base64"]);
    let question = server("XOAUTH2", "nonce").step(Input::Response(message.expose()));
    let (user, token) = (Some(user.to_owned()), Secret::new(token));
    assert_eq!(question, Turn::Ask(Question::Token { user, token, host: None, port: None }));
}

#[test]
fn vectors() {
    let (mut done, mut not_built) = (0, Vec::new());
    for file in ["sasl/cases.jsonl", "sasl/negatives-and-grammar.jsonl"] {
        for case in cases(file) {
            done += 1;
            match case["area"].as_str().unwrap() {
                "sasl-scram" if case["expect"]["messages"].is_array() => scram(&case),
                "sasl-scram" => scram_message(&case),
                "sasl-plain" => plain(&case),
                "sasl-oauthbearer" => bearer(&case),
                "sasl-xoauth2" => xoauth2(&case),
                "saslprep" => {
                    let prepared = prepare(case["input"].as_str().unwrap());
                    match case["expect"]["output"].as_str() {
                        Some(output) => assert_eq!(prepared.unwrap(), output, "{case}"),
                        None => assert!(prepared.is_err(), "{case}"),
                    }
                }
                area => {
                    done -= 1;
                    not_built.push(format!("{} ({area})", case["id"]));
                }
            }
        }
    }
    println!("{done} cases right; {} of what is not built: {}", not_built.len(), not_built.join(", "));
}
