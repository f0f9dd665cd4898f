//! What strangers try: malformed messages, downgrades, servers that lie.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

mod store;

use gatepost_sasl::{
    Answer, ChoiceError, ClientError, ClientMechanism, Credentials, Identity, Input, Limits, Mechanism, Name,
    OauthClient, Policy, Question, Rejection, ScramClient, ScramHash, Secret, TokenRefusal, Turn, choose, mechanism,
    offered,
};
use gatepost_wire::{TlsInfo, TlsVersion};
use store::{Store, tls};

const SHA256: ScramHash = ScramHash::Sha256;

fn server(name: &str) -> Box<dyn Mechanism> {
    mechanism(name, &Policy::of(Name::ALL), Some(&tls(1)), "servernonce").unwrap()
}

/// TLS of which nothing more is known.
fn bare_tls() -> TlsInfo {
    TlsInfo::new(TlsVersion::Tls12, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")
}

#[test]
fn malformed_messages_are_refused() {
    let long = [b"\0ann\0".as_slice(), &[b'x'; 256]].concat();
    for (name, message) in [
        ("PLAIN", &b"\0\0"[..]),
        ("PLAIN", b""),
        ("PLAIN", b"ann"),
        ("PLAIN", b"ann\0pencil"),
        ("PLAIN", b"\0ann\0"),
        ("PLAIN", b"\0\0pencil"),
        ("PLAIN", b"\0ann\0a\0b"),
        ("PLAIN", b"\0ann\0\xff"),
        ("PLAIN", b"\0ann\0\x07"),
        ("PLAIN", &long),
        ("LOGIN", b""),
        ("LOGIN", b"\xff"),
        ("LOGIN", b"a\0b"),
        ("EXTERNAL", b"a\0b"),
        ("EXTERNAL", b"\xff"),
        ("SCRAM-SHA-256", b""),
        ("SCRAM-SHA-256", b"n,,m=x,n=a,r=b"),
        ("SCRAM-SHA-256", b"n,,n=a=2,r=b"),
        ("SCRAM-SHA-256", b"n,,n=a=2c,r=b"),
        ("SCRAM-SHA-256", b"n,,n=,r=b"),
        ("SCRAM-SHA-256", b"n,,n=a,r="),
        ("SCRAM-SHA-256", b"n,,n=a,r=b c"),
        ("SCRAM-SHA-256", b"n,,n=a,r=b,m=x"),
        ("SCRAM-SHA-256", b"n,,n=a,r=b,x"),
        ("SCRAM-SHA-256", b"n,,n=a,r=b,x="),
        ("SCRAM-SHA-256", b"n,,n=a,r=b,x=\0"),
        ("SCRAM-SHA-256", b"n,,r=b,n=a"),
        ("SCRAM-SHA-256", b"n,,n=a"),
        ("SCRAM-SHA-256", b"n=a,r=b"),
        ("SCRAM-SHA-256", b"x,,n=a,r=b"),
        ("SCRAM-SHA-256", b"n,b,n=a,r=b"),
        ("SCRAM-SHA-256", b"n,a=,n=a,r=b"),
        ("SCRAM-SHA-256", b"F,n,,n=a,r=b"),
        ("SCRAM-SHA-256-PLUS", b"p=,,n=a,r=b"),
        ("OAUTHBEARER", b""),
        ("OAUTHBEARER", b"\x01"),
        ("OAUTHBEARER", b"n,,\x01auth=Bearer abc\x01"),
        ("OAUTHBEARER", b"n,,auth=Bearer abc\x01\x01"),
        ("OAUTHBEARER", b"n,,\x01auth=Bearer a\x01bc\x01\x01"),
        ("OAUTHBEARER", b"n,,\x01auth=Bearer a bc\x01\x01"),
        ("OAUTHBEARER", b"n,,\x01auth=Bearer \x01\x01"),
        ("OAUTHBEARER", b"n,,\x01auth=Basic abc\x01\x01"),
        ("OAUTHBEARER", b"n,,\x01auth=Bearer abc\x01auth=Bearer abc\x01\x01"),
        ("OAUTHBEARER", b"n,,\x01port=065\x01auth=Bearer abc\x01\x01"),
        ("OAUTHBEARER", b"n,,\x01port=65536\x01auth=Bearer abc\x01\x01"),
        ("OAUTHBEARER", b"n,,\x01host=a\r\nb\x01auth=Bearer abc\x01\x01"),
        ("OAUTHBEARER", b"n,,\x01host=a\x01\x01"),
        ("OAUTHBEARER", b"p=tls-exporter,,\x01auth=Bearer abc\x01\x01"),
        ("XOAUTH2", b"auth=Bearer abc\x01\x01"),
        ("XOAUTH2", b"user=\x01auth=Bearer abc\x01\x01"),
        ("XOAUTH2", b"user=a\x01user=b\x01auth=Bearer abc\x01\x01"),
        ("XOAUTH2", b"user=a\x01auth=Bearer abc\x01"),
    ] {
        let turn = server(name).step(Input::Response(message));
        let text = String::from_utf8_lossy(message).into_owned();
        // with -PLUS to be had the flag is judged, too
        let refused = matches!(turn, Turn::Done(Err(Rejection::Malformed | Rejection::ChannelBinding)));
        assert!(refused, "{name} {text:?} {turn:?}");
    }
}

/// RFC 5802 §6: what a client may say of channel binding, by what was offered.
#[test]
fn flags_are_checked_against_the_offer() {
    let all = Policy::of(Name::ALL);
    let without = Policy::of([Name::Scram(SHA256)]);
    for (name, policy, flag, right) in [
        ("SCRAM-SHA-256", &all, "n", true),
        ("SCRAM-SHA-256", &all, "y", false), // somebody hid the offer
        ("SCRAM-SHA-256", &all, "p=tls-exporter", false),
        ("SCRAM-SHA-256", &without, "n", true),
        ("SCRAM-SHA-256", &without, "y", true),
        ("SCRAM-SHA-256", &without, "p=tls-exporter", false),
        ("SCRAM-SHA-256-PLUS", &all, "n", false),
        ("SCRAM-SHA-256-PLUS", &all, "y", false),
        ("SCRAM-SHA-256-PLUS", &all, "p=tls-exporter", true),
        ("SCRAM-SHA-256-PLUS", &all, "p=tls-server-end-point", true),
        ("SCRAM-SHA-256-PLUS", &all, "p=tls-unique", false),
        ("SCRAM-SHA-256-PLUS", &all, "p=TLS-EXPORTER", false),
    ] {
        let mut server = mechanism(name, policy, Some(&tls(1)), "n").unwrap();
        let turn = server.step(Input::Response(format!("{flag},,n=ann,r=x").as_bytes()));
        match turn {
            Turn::Ask(Question::ScramKeys { .. }) => assert!(right, "{name} {flag}"),
            turn => assert!(!right && turn == Turn::Done(Err(Rejection::ChannelBinding)), "{name} {flag} {turn:?}"),
        }
    }
}

/// The client's last message: binding, nonce and proof, each wrong or out of place.
#[test]
fn final_messages_are_checked() {
    for (change, rejection) in [
        (("c=biws", "c=eSws"), Rejection::ChannelBinding), // y,,
        (("c=biws", "c=biw"), Rejection::Malformed),
        (("r=cnsn", "r=cnsm"), Rejection::Denied),
        (("r=cnsn", "r=cn"), Rejection::Denied),
        (("r=cnsn", "r="), Rejection::Denied),
        ((",p=", ",m=x,p="), Rejection::Malformed),
        ((",p=", ",x,p="), Rejection::Malformed),
        ((",p=", ",p"), Rejection::Malformed),
        ((",p=", ",p=AAAA"), Rejection::Malformed), // too long
        (("c=biws,r=cnsn", "r=cnsn,c=biws"), Rejection::Malformed),
    ] {
        let (store, mut client) =
            (Store::new(), ScramClient::new("ann", &Secret::new("pencil"), "cn", Limits::default()));
        let mut server = mechanism("SCRAM-SHA-256", &Policy::of([Name::Scram(SHA256)]), Some(&tls(1)), "sn").unwrap();
        let Turn::Ask(question) = server.step(Input::Response(client.first().unwrap().expose())) else { panic!() };
        let Turn::Challenge(challenge) = server.step(Input::Answer(store.answer(&question))) else { panic!() };
        let last = String::from_utf8(client.step(&challenge).unwrap().expose().to_vec()).unwrap();
        let changed = last.replacen(change.0, change.1, 1);
        assert_ne!(last, changed);
        assert_eq!(server.step(Input::Response(changed.as_bytes())), Turn::Done(Err(rejection)), "{changed}");
        // it is over: the right message comes too late
        assert_eq!(server.step(Input::Response(last.as_bytes())), Turn::Done(Err(Rejection::Malformed)));
    }
}

#[test]
fn servers_that_lie_are_found_out() {
    let salt = "QSXCR+Q6sek8bf92";
    for (challenge, error) in [
        (format!("r=cli,s={salt},i=4096"), ClientError::Nonce),
        (format!("r=xclix,s={salt},i=4096"), ClientError::Nonce),
        (format!("r=clix,s={salt},i=1"), ClientError::Iterations(1)),
        (format!("r=clix,s={salt},i=4095"), ClientError::Iterations(4095)),
        (format!("r=clix,s={salt},i=4294967295"), ClientError::Iterations(u32::MAX)),
        (format!("r=clix,s={salt},i=4294967296"), ClientError::Malformed),
        (format!("r=clix,s={salt},i=0"), ClientError::Malformed),
        (format!("r=clix,s={salt},i=+4096"), ClientError::Malformed),
        (format!("r=clix,s={salt},i=04096"), ClientError::Malformed),
        (format!("r=clix,s={salt}"), ClientError::Malformed),
        (format!("s={salt},r=clix,i=4096"), ClientError::Malformed),
        (format!("m=x,r=clix,s={salt},i=4096"), ClientError::Malformed),
        (format!("r=clix,s={salt},i=4096,m=x"), ClientError::Malformed),
        (format!("r=clix y,s={salt},i=4096"), ClientError::Malformed),
        ("r=clix,s=,i=4096".into(), ClientError::Malformed),
        ("r=clix,s=AAAA,i=4096".into(), ClientError::Salt(3)),
        ("e=x".into(), ClientError::Malformed),
        (String::new(), ClientError::Malformed),
    ] {
        let mut client = ScramClient::new("u", &Secret::new("x"), "cli", Limits::default());
        client.first();
        assert_eq!(client.step(challenge.as_bytes()), Err(error), "{challenge}");
        assert!(!client.may_succeed());
    }
    for (last, error) in [
        ("v=AAAA".to_owned(), ClientError::ServerNotAuthenticated),
        (format!("v={}=", "A".repeat(43)), ClientError::ServerNotAuthenticated),
        ("v=".into(), ClientError::ServerNotAuthenticated),
        ("v=!".into(), ClientError::Malformed),
        (String::new(), ClientError::Malformed),
        ("e=invalid-proof\x1b".into(), ClientError::Told("invalid-proof\x1b".into())),
    ] {
        let mut client = ScramClient::new("u", &Secret::new("x"), "cli", Limits::default());
        client.first();
        client.step(format!("r=clix,s={salt},i=4096").as_bytes()).unwrap();
        assert_eq!(client.step(last.as_bytes()), Err(error.clone()), "{last}");
        assert!(!client.may_succeed() && !error.to_string().contains('\x1b'));
    }
}

/// Nothing that shows the credentials without TLS, no EXTERNAL without a certificate, no -PLUS without an exporter.
#[test]
fn offers_depend_on_the_channel() {
    let (all, scrams) = (Policy::of(Name::ALL), [ScramHash::Sha512, SHA256, ScramHash::Sha1].map(Name::Scram));
    assert_eq!(offered(&all, None), scrams);
    for name in [Name::OauthBearer, Name::Xoauth2, Name::Plain, Name::Login, Name::External] {
        assert!(mechanism(name.as_str(), &all, None, "n").is_none(), "{name}");
    }
    let over_tls = [&scrams[..], &[Name::OauthBearer, Name::Xoauth2, Name::Plain, Name::Login]].concat();
    assert_eq!(offered(&all, Some(&bare_tls())), over_tls);
    assert_eq!(offered(&all, Some(&tls(1))), Name::ALL);
    let expected = "EXTERNAL SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN";
    assert_eq!(Name::list(&offered(&Policy::default(), Some(&tls(1)))), expected);
    let mut clear = Policy::of([Name::Plain, Name::External]);
    clear.plaintext_without_tls = true;
    assert_eq!(offered(&clear, None), [Name::Plain]);
    assert!(mechanism("CRAM-MD5", &all, Some(&tls(1)), "n").is_none());
    assert!(mechanism("scram-sha-256", &all, None, "n").is_some());
}

fn chosen(
    words: &[&str],
    credentials: &Credentials,
    policy: &Policy,
    tls: Option<&TlsInfo>,
) -> Result<String, ChoiceError> {
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    let mut client = choose(&words, credentials, policy, tls, "n", &Limits::default())?;
    let first = client.first().map(|first| String::from_utf8_lossy(first.expose()).into_owned()).unwrap_or_default();
    Ok(format!("{} {}", client.name(), first.split(',').next().unwrap_or_default()))
}

/// The strongest that can be, and an error rather than something that others can read.
#[test]
fn clients_choose_the_strongest() {
    let (ann, client, bound) = (Credentials::password("ann", "pencil"), Policy::client(), tls(1));
    let bare = bare_tls();
    let all = ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"];
    let choice = |words: &[&str], tls| chosen(words, &ann, &client, tls);
    assert_eq!(choice(&all, Some(&bound)).unwrap(), "SCRAM-SHA-256-PLUS p=tls-exporter");
    assert_eq!(choice(&all, Some(&bare)).unwrap(), "SCRAM-SHA-256 n");
    assert_eq!(choice(&all, None).unwrap(), "SCRAM-SHA-256 n");
    // somebody took the -PLUS away: the server will know by the `y`
    assert_eq!(choice(&["PLAIN", "scram-sha-256"], Some(&bound)).unwrap(), "SCRAM-SHA-256 y");
    // and all of SCRAM: PLAIN only where the server was verified
    assert!(choice(&["PLAIN"], Some(&bound)).unwrap().starts_with("PLAIN"));
    assert_eq!(choice(&["PLAIN"], Some(&bare)).unwrap_err(), ChoiceError::NotProtected(Name::Plain));
    assert_eq!(choice(&["LOGIN", "PLAIN"], None).unwrap_err(), ChoiceError::NotProtected(Name::Plain));
    assert_eq!(choice(&["SCRAM-SHA-1", "CRAM-MD5"], None).unwrap_err(), ChoiceError::NothingOffered);
    let scram = Policy::of([Name::ScramPlus(SHA256), Name::Scram(SHA256)]);
    assert_eq!(chosen(&["PLAIN"], &ann, &scram, Some(&bound)).unwrap_err(), ChoiceError::NothingOffered);
    let token = Credentials::token("ann", "abc");
    let words = ["XOAUTH2", "OAUTHBEARER", "PLAIN"];
    assert_eq!(chosen(&words, &token, &client, Some(&bound)).unwrap(), "OAUTHBEARER n");
    assert_eq!(chosen(&words, &token, &client, None).unwrap_err(), ChoiceError::NotProtected(Name::OauthBearer));
    let mut owner = Credentials::default();
    owner.certificate = true;
    assert_eq!(chosen(&["EXTERNAL", "PLAIN"], &owner, &client, Some(&bound)).unwrap(), "EXTERNAL ");
    let unprintable = Credentials::password("ann", "\u{7}");
    assert!(matches!(chosen(&all, &unprintable, &client, None), Err(ChoiceError::Prepare(_))));
}

/// A nonce that is none would let a recorded exchange be said again: to the server the client's words, to the client the
/// server's.
#[test]
fn nothing_is_proved_without_a_nonce() {
    let (policy, long) = (Policy::of([Name::Scram(SHA256)]), "x".repeat(257));
    for none in ["", "a,b", "a b", "\u{e9}", &long] {
        let mut server = mechanism("SCRAM-SHA-256", &policy, None, none).unwrap();
        let turn = server.step(Input::Response(b"n,,n=ann,r=x"));
        assert_eq!(turn, Turn::Done(Err(Rejection::Unavailable)), "{none:?}");
        let mut client = ScramClient::new("ann", &Secret::new("pencil"), none, Limits::default());
        client.first();
        let challenge = format!("r={none}xyz,s=QSXCR+Q6sek8bf92,i=4096");
        assert!(client.step(challenge.as_bytes()).is_err(), "{none:?}");
        let ann = Credentials::password("ann", "pencil");
        let choice = choose(&["SCRAM-SHA-256"], &ann, &policy, None, none, &Limits::default());
        assert_eq!(choice.err(), Some(ChoiceError::Nonce), "{none:?}");
    }
}

/// Once an exchange has failed, or is decided, an answer changes nothing, whoever gives it.
#[test]
fn no_answer_counts_behind_the_end() {
    let grant = || Input::Answer(Answer::Grant(Identity { user: "ann".into() }));
    for (name, good) in [
        ("PLAIN", &b"\0ann\0pencil"[..]),
        ("LOGIN", b"ann"),
        ("EXTERNAL", b"ann"),
        ("OAUTHBEARER", b"n,,\x01auth=Bearer abc\x01\x01"),
        ("XOAUTH2", b"user=ann\x01auth=Bearer abc\x01\x01"),
        ("SCRAM-SHA-256", b"n,,n=ann,r=x"),
    ] {
        for inputs in [&[&b"\xff"[..]][..], &[], &[good, b"\xff"]] {
            let mut server = server(name);
            for input in inputs {
                server.step(Input::Response(input));
            }
            assert!(!matches!(server.step(grant()), Turn::Done(Ok(_))), "{name} {inputs:?}");
        }
        let mut server = server(name);
        server.step(Input::Response(good));
        server.step(Input::Answer(Answer::Deny));
        assert!(!matches!(server.step(grant()), Turn::Done(Ok(_))), "{name}");
    }
}

/// Tokens with what could end them, or none: nothing is sent. `auth=` with nothing behind is a question for the scope
/// (RFC 7628 §4.3), which the store answers; granted it can not be.
#[test]
fn tokens_are_tokens() {
    for token in ["", "a\x01auth=Bearer b", "a b", "a\r\n", "=", "a=b"] {
        let (ann, words) = (Credentials::token("ann", token), ["OAUTHBEARER", "XOAUTH2"]);
        let choice = choose(&words, &ann, &Policy::client(), Some(&tls(1)), "n", &Limits::default());
        assert_eq!(choice.err(), Some(ChoiceError::Token), "{token:?}");
    }
    let message = b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=\x01\x01";
    let client = OauthClient::bearer(Some("user@example.com"), Secret::new("")).host("server.example.com", 143).first();
    assert_eq!(client, Some(Secret::new(*message)));
    for refused in [true, false] {
        let mut server = server("OAUTHBEARER");
        let Turn::Ask(Question::Token { token, .. }) = server.step(Input::Response(message)) else { panic!() };
        assert_eq!(token, Secret::new(""));
        let mut refusal = TokenRefusal::default();
        refusal.scope = Some("example_scope".into());
        let grant = Answer::Grant(Identity { user: "user@example.com".into() });
        let answer = if refused { Answer::RefuseToken(refusal) } else { grant };
        let expected: &[u8] = if refused {
            br#"{"status":"invalid_token","scope":"example_scope"}"#
        } else {
            br#"{"status":"invalid_token"}"#
        };
        assert_eq!(server.step(Input::Answer(answer)), Turn::Challenge(expected.to_vec()));
        assert_eq!(server.step(Input::Response(b"\x01")), Turn::Done(Err(Rejection::Denied)));
    }
    // what is not known is left aside, line ends and all (RFC 7628 §3.1)
    let unknown = b"n,,\x01post=a\r\nb\x01auth=Bearer abc\x01\x01";
    assert!(matches!(server("OAUTHBEARER").step(Input::Response(unknown)), Turn::Ask(_)));
}

#[test]
fn secrets_are_not_shown() {
    let input = format!("{:?}", Input::Response(b"\0ann\0pencil"));
    assert_eq!(input, "Response(11 octets)");
    let question = server("PLAIN").step(Input::Response(b"\0ann\0pencil"));
    let client = ScramClient::new("ann", &Secret::new("pencil"), "n", Limits::default());
    let keys = Store::new().keys(SHA256);
    let all = format!("{question:?} {client:?} {keys:?} {:?}", Credentials::password("ann", "pencil"));
    assert!(all.contains("ann") && !all.contains("pencil") && !all.contains("wfPLwcE6"), "{all}");
}
