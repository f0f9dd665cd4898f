//! SASLprep: by the examples of RFC 4013 §3, for strings that are stored and such that are asked for, and who prepares what.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

use gatepost_sasl::{
    ChoiceError, Credentials, Input, Limits, Mechanism, Name, Policy, PrepareError, Question, ScramHash, Secret,
    TlsInfo, TlsVersion, Turn, choose, mechanism, prepare, prepare_query,
};

fn tls() -> TlsInfo {
    let mut tls = TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
    tls.server_verified = true;
    tls
}

fn ask(mut server: Box<dyn Mechanism>, message: &[u8]) -> Option<Question> {
    match server.step(Input::Response(message)) {
        Turn::Ask(question) => Some(question),
        _ => None,
    }
}

#[test]
fn strings_are_mapped_normalized_and_checked() {
    for (text, prepared) in [
        ("I\u{ad}X", Some("IX")),
        ("user", Some("user")),
        ("USER", Some("USER")),
        ("\u{aa}", Some("a")),
        ("\u{2168}", Some("IX")),
        ("\u{7}", None),
        ("\u{627}1", None), // RFC 4013 §3
        ("\u{627}1\u{628}", Some("\u{627}1\u{628}")),
        ("\u{627}a\u{628}", None),
        ("a\u{a0}b", Some("a b")),
        ("a\u{200b}b", Some("a b")), // in both tables: libidn and GNU SASL make a space of it, too
        ("\u{b5}\u{b2}", Some("\u{3bc}2")),
        ("", None),
        ("\u{ad}", None), // nothing is left
        ("\u{e000}", None),
        ("\u{340}a", Some("\u{300}a")), // prohibited, but it is normalized first
        ("\u{fffd}", None),
        ("\u{e0041}", None),
    ] {
        assert_eq!(prepare(text).ok().as_deref(), prepared, "{text:?}");
        assert_eq!(prepare_query(text).ok().as_deref(), prepared, "{text:?}");
    }
}

/// What Unicode 3.2 had not assigned: never in what is stored, not even where a later version normalizes it to what was
/// assigned; and left alone in what is asked for (RFC 3454 §7).
#[test]
fn what_was_unassigned_is_for_queries_only() {
    for (text, query) in [
        ("p\u{1f600}", "p\u{1f600}"),
        ("\u{32ff}", "\u{32ff}"),                 // 令和 in Unicode 12.1
        ("\u{1f100}", "\u{1f100}"),               // `0.` in Unicode 5.2
        ("e\u{301}\u{1f600}", "\u{e9}\u{1f600}"), // all else is normalized
        ("\u{1f600}e\u{301}\u{32ff}\u{b2}", "\u{1f600}\u{e9}\u{32ff}2"),
        ("a\u{1e900}", "a\u{1e900}"), // Adlam runs leftward, which the tables do not know
    ] {
        assert_eq!(prepare(text), Err(PrepareError), "{text:?}");
        assert_eq!(prepare_query(text).unwrap(), query, "{text:?}");
    }
}

/// RFC 4616 §2, RFC 5802 §5.1: names and passwords that come are queries, and the store is asked about them as prepared.
#[test]
fn servers_prepare_what_comes() {
    let all = Policy::of(Name::ALL);
    let server = |name: &str| mechanism(name, &all, Some(&tls()), "servernonce").unwrap();
    let password = |user: &str, password: &str| {
        Some(Question::Password { user: user.into(), authzid: None, password: Secret::new(password) })
    };
    assert_eq!(ask(server("PLAIN"), "\0\u{2168}\0\u{b2}\u{1f600}".as_bytes()), password("IX", "2\u{1f600}"));
    assert_eq!(ask(server("PLAIN"), "IX\0\u{2168}\0x".as_bytes()), password("IX", "x")); // it is himself
    let question = ask(server("SCRAM-SHA-256"), "n,,n=\u{1f600}\u{ad}=2C=3D,r=x".as_bytes());
    assert_eq!(question.as_ref().and_then(Question::user), Some("\u{1f600},="));
    // 255 octets have to do (RFC 4616 §2), though they may become more
    let long = "\u{fdfa}".repeat(85);
    assert_eq!(ask(server("PLAIN"), format!("\0ann\0{long}").as_bytes()), password("ann", &prepare(&long).unwrap()));
    assert_eq!(ask(server("PLAIN"), format!("\0ann\0{long}x").as_bytes()), None);
}

/// PLAIN and LOGIN carry what was typed: a server that prepares nothing would know nothing else. SCRAM's proof is of what is
/// prepared (RFC 5802 §2.2), and what can not be is not tried.
#[test]
fn clients_prepare_for_scram_only() {
    let first = |name: Name, user: &str, password: &str| {
        let credentials = Credentials::password(user, password);
        let policy = Policy::of([name]);
        let client = choose(&[name.as_str()], &credentials, &policy, Some(&tls()), "nonce", &Limits::default());
        client.map(|mut client| {
            let first = client.first().or_else(|| client.step(b"Username:").ok()).unwrap();
            String::from_utf8(first.expose().to_vec()).unwrap()
        })
    };
    let scram = Name::Scram(ScramHash::Sha256);
    assert_eq!(
        first(Name::Plain, "\u{2168}", "\u{b5}\u{b2}\u{1f600}\u{7}").unwrap(),
        "\0\u{2168}\0\u{b5}\u{b2}\u{1f600}\u{7}"
    );
    assert_eq!(first(Name::Login, "\u{2168}", "\u{b5}").unwrap(), "\u{2168}");
    assert_eq!(first(scram, "\u{2168}\u{1f600}", "\u{b5}").unwrap(), "n,,n=IX\u{1f600},r=nonce");
    for (name, user, password) in [
        (Name::Plain, "a\0b", "x"),
        (Name::Plain, "ann", "a\0b"),
        (Name::Plain, "", "x"),
        (Name::Login, "ann", ""),
        (scram, "", "x"),
        (scram, "ann", ""),
        (scram, "\u{ad}", "x"),
        (scram, "ann", "\u{7}"),
        (scram, "ann", "\u{1f600}"),
    ] {
        assert_eq!(
            first(name, user, password),
            Err(ChoiceError::Prepare(PrepareError)),
            "{name} {user:?} {password:?}"
        );
    }
}
