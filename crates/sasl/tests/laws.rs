//! Client and server of every mechanism: success with the right credentials, and with nothing else.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

mod store;

use gatepost_sasl::{
    Answer, ClientMechanism, Credentials, Identity, Input, Limits, Mechanism, Name, Policy, Rejection, ScramHash,
    Secret, Turn, choose, mechanism,
};
use proptest::prelude::*;
use store::{Store, tls};

/// Runs an exchange to its end: what the server says, and whether the client believes it.
fn converse(
    client: &mut dyn ClientMechanism,
    server: &mut dyn Mechanism,
    store: &Store,
) -> (Result<Identity, Rejection>, bool) {
    let mut turn = match client.first() {
        Some(first) => server.step(Input::Response(first.expose())),
        None => server.step(Input::Start),
    };
    loop {
        turn = match turn {
            Turn::Ask(question) => server.step(Input::Answer(store.answer(&question))),
            Turn::Challenge(challenge) => match client.step(&challenge) {
                Ok(response) => server.step(Input::Response(response.expose())),
                Err(_) => return (Err(Rejection::Cancelled), false),
            },
            Turn::Done(result) => {
                let believed = result.is_ok() && client.may_succeed() && client.told().is_none();
                return (result, believed);
            }
        }
    }
}

/// What the client uses, what the server is asked for, and which mechanism it is.
fn login(name: Name, credentials: &Credentials, bound: [u8; 2]) -> (Result<Identity, Rejection>, bool) {
    let (policy, limits) = (Policy::of(Name::ALL), Limits::default());
    let (client_tls, server_tls) = (tls(bound[0]), tls(bound[1]));
    let offered = [name.to_string()];
    let mut client = choose(&offered, credentials, &policy, Some(&client_tls), "clientnonce", &limits).unwrap();
    // a server that offers this one only: -PLUS is not known to it otherwise
    let mut server = mechanism(name.as_str(), &Policy::of([name]), Some(&server_tls), "servernonce").unwrap();
    assert_eq!((client.name(), server.name()), (name.as_str(), name.as_str()));
    converse(client.as_mut(), server.as_mut(), &Store::new())
}

fn credentials(user: &str, secret: &str) -> Credentials {
    let mut credentials = Credentials::password(user, secret);
    credentials.token = Some(Secret::new(secret));
    credentials.certificate = true;
    credentials
}

#[test]
fn right_credentials_succeed_and_wrong_ones_fail() {
    for name in Name::ALL {
        let ann = Identity { user: "ann".into() };
        assert_eq!(login(name, &credentials("ann", "pencil"), [1, 1]), (Ok(ann), true), "{name}");
        if name == Name::External {
            continue; // TLS has checked what there is to be wrong
        }
        for (user, secret) in [("ann", "pencil2"), ("ann", "Pencil"), ("bob", "pencil"), ("nobody", "pencil")] {
            let (result, believed) = login(name, &credentials(user, secret), [1, 1]);
            assert_eq!((result, believed), (Err(Rejection::Denied), false), "{name} {user} {secret}");
        }
    }
}

#[test]
fn a_channel_that_is_not_the_same_fails() {
    for hash in [ScramHash::Sha1, ScramHash::Sha256, ScramHash::Sha512] {
        let (result, _) = login(Name::ScramPlus(hash), &credentials("ann", "pencil"), [1, 2]);
        assert_eq!(result, Err(Rejection::ChannelBinding));
    }
}

#[test]
fn acting_as_somebody_else_needs_a_grant() {
    for name in [Name::External, Name::Scram(ScramHash::Sha256), Name::ScramPlus(ScramHash::Sha256), Name::Plain] {
        let mut credentials = credentials("ann", "pencil");
        credentials.authzid = Some("ann".into());
        assert!(login(name, &credentials, [1, 1]).1, "{name}: oneself");
        credentials.authzid = Some("bob".into());
        assert_eq!(login(name, &credentials, [1, 1]).0, Err(Rejection::Denied), "{name}");
    }
}

/// What a change does to a message.
fn mutated(message: &[u8], at: usize, octet: u8, kind: u8) -> Vec<u8> {
    let at = at % (message.len() + 1);
    let (before, behind) = message.split_at(at);
    match kind % 3 {
        0 => [before, &[octet], behind].concat(), // inserted
        1 => [before, &[octet], behind.get(1..).unwrap_or_default()].concat(), // replaced
        _ => [before, behind.get(1..).unwrap_or_default()].concat(), // removed
    }
}

fn scram_pair(plus: bool) -> (Box<dyn ClientMechanism>, Box<dyn Mechanism>) {
    let name = if plus { Name::ScramPlus(ScramHash::Sha256) } else { Name::Scram(ScramHash::Sha256) };
    let (policy, tls, mut limits) = (Policy::of([name]), tls(1), Limits::default());
    limits.max_iterations = 5000;
    let ann = credentials("ann", "pencil");
    let client = choose(&[name.to_string()], &ann, &policy, Some(&tls), "cn", &limits).unwrap();
    (client, mechanism(name.as_str(), &policy, Some(&tls), "sn").unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Who sits in between and changes one octet of one message brings SCRAM down, whichever message it is.
    #[test]
    fn a_changed_scram_message_never_succeeds(
        which in 0_usize..4, at in any::<usize>(), octet in any::<u8>(), kind in any::<u8>(), plus in any::<bool>()
    ) {
        let (mut client, mut server) = scram_pair(plus);
        let store = Store::new();
        let mut response = client.first().unwrap().expose().to_vec();
        for message in 0_usize..4 {
            let mut turn = server.step(Input::Response(&if message == which && message != 3 {
                let changed = mutated(&response, at, octet, kind);
                prop_assume!(changed != response);
                changed
            } else {
                response.clone()
            }));
            if let Turn::Ask(question) = turn {
                turn = server.step(Input::Answer(store.answer(&question)));
            }
            let Turn::Challenge(mut challenge) = turn else { break };
            if which == 3 && message == at % 2 {
                let changed = mutated(&challenge, at / 2, octet, kind);
                prop_assume!(changed != challenge);
                challenge = changed;
            }
            match client.step(&challenge) {
                Ok(next) => response = next.expose().to_vec(),
                Err(_) => break,
            }
        }
        let end = server.step(Input::Response(&response));
        prop_assert!(!(matches!(end, Turn::Done(Ok(_))) && client.may_succeed()), "{which}");
        if which < 2 {
            prop_assert!(!matches!(end, Turn::Done(Ok(_))));
        }
    }

    /// Whatever is sent, nobody is let in without the store's word, and after the end nothing happens any more.
    #[test]
    fn no_message_lets_anybody_in(messages in proptest::collection::vec(any::<Vec<u8>>(), 0..4)) {
        for name in Name::ALL {
            let mut server = mechanism(name.as_str(), &Policy::of(Name::ALL), Some(&tls(1)), "n").unwrap();
            for message in &messages {
                prop_assert!(!matches!(server.step(Input::Response(message)), Turn::Done(Ok(_))));
            }
        }
    }

    /// A server that says what it likes is never believed with SCRAM.
    #[test]
    fn no_server_is_believed_without_proof(challenges in proptest::collection::vec("[rsvie]=[ -~]{0,40}", 0..4)) {
        let mut client = scram_pair(false).0;
        client.first();
        for challenge in &challenges {
            let _ = client.step(challenge.as_bytes());
            prop_assert!(!client.may_succeed());
        }
    }
}

/// The store's answers of the wrong kind let nobody in.
#[test]
fn answers_of_another_kind_are_refused() {
    let keys = Store::new().keys(ScramHash::Sha1);
    let ann = Identity { user: "ann".into() };
    for (name, message, answer) in [
        (Name::Plain, &b"\0ann\0pencil"[..], Answer::Keys(keys.clone(), ann.clone())),
        (Name::Scram(ScramHash::Sha256), b"n,,n=ann,r=x", Answer::Keys(keys, ann.clone())),
        (Name::Scram(ScramHash::Sha256), b"n,,n=ann,r=x", Answer::Grant(ann)),
    ] {
        let mut server = mechanism(name.as_str(), &Policy::of(Name::ALL), Some(&tls(1)), "n");
        if let Name::Scram(_) = name {
            server = mechanism(name.as_str(), &Policy::of([name]), Some(&tls(1)), "n");
        }
        let mut server = server.unwrap();
        assert!(matches!(server.step(Input::Response(message)), Turn::Ask(_)));
        assert_eq!(server.step(Input::Answer(answer)), Turn::Done(Err(Rejection::Denied)));
    }
}
