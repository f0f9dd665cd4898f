//! Judging one message: trusted sealers, replay bundles, explanations in every language.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use gatepost::{Bundle, BundleError, Envelope, Inbound, Judge};
use gatepost_arc::seal::{Payload, Sealer};
use gatepost_dkim::{PrivateKey, sign::Spec};
use gatepost_dmarc::{Preset, Request};
use gatepost_dns::Zone;
use gatepost_results::{AuthResults, Explain, Lang, ResInfo};
use gatepost_syntax::{Domain, HeaderBlock, HeaderLimits};

const ZONE: &str = "bank.test TXT \"v=spf1 -all\"\n_dmarc.bank.test TXT \"v=DMARC1; p=reject; sp=none\"\n\
    list.test TXT \"v=spf1 a:%{i}.hosts.list.test mx include:none.test ?all\"\nlist.test MX 10 mx.list.test\n\
    mx.list.test A 192.0.2.9";

fn key() -> PrivateKey {
    PrivateKey::from_ed25519_seed(&[7; 32]).unwrap() // a test key
}

fn judge() -> Judge {
    let record = key().public_record();
    let keys: String =
        ["list.test", "relay.test"].map(|name| format!("\ns._domainkey.{name} TXT \"{record}\"")).concat();
    Judge::new(Arc::new(Zone::parse(&(ZONE.to_owned() + &keys)).unwrap()), "mx.example.test").preset(Preset::Strict)
}

fn envelope() -> Envelope {
    Envelope {
        ip: "192.0.2.1".parse().unwrap(),
        helo: "list.test".into(),
        mail_from: "bounce@list.test".into(),
        now: UNIX_EPOCH + Duration::from_secs(1_795_510_800),
    }
}

/// The message with one more ARC Set of `domain`, whose results are those.
async fn seal(message: &[u8], domain: &str, results: &AuthResults) -> Vec<u8> {
    let arrived = judge().message(&envelope(), message).await.unwrap();
    let (headers, body) = HeaderBlock::parse(message, &HeaderLimits::default()).unwrap();
    let spec = Spec::new(domain.parse().unwrap(), "s".parse().unwrap());
    let mut sealer = Sealer::new(spec, headers, &arrived.arc, &Payload::from(results)).unwrap();
    sealer.body(&message[body..]);
    [sealer.finish().unwrap().seal(&key()).unwrap().to_string().as_bytes(), message].concat()
}

fn dmarc(word: &'static str, from: &str) -> AuthResults {
    AuthResults::new("list.test").with(ResInfo::new("dmarc", word).property("header", "from", from))
}

const MESSAGE: &[u8] = b"From: a@bank.test\r\nSubject: [list] hi\r\n\r\nhi\r\n";

#[tokio::test]
async fn only_listed_sealers_overrule_and_on_record() {
    let both = || vec![Domain::parse("list.test").unwrap(), Domain::parse("relay.test").unwrap()];
    let list = || vec![Domain::parse("list.test").unwrap()];
    let passed = seal(MESSAGE, "list.test", &dmarc("pass", "bank.test")).await;
    let failed = seal(MESSAGE, "list.test", &dmarc("fail", "bank.test")).await;
    let other = seal(MESSAGE, "list.test", &dmarc("pass", "other.test")).await;
    let relayed = seal(&passed, "relay.test", &dmarc("fail", "bank.test")).await;
    let changed = [&passed[..], b"changed\r\n"].concat();
    for (name, message, trusted, wanted) in [
        ("nobody is listed", &passed, vec![], None),
        ("the list is", &passed, list(), Some(("list.test", 1))),
        ("another is", &passed, vec![Domain::parse("relay.test").unwrap()], None),
        ("it saw a fail", &failed, list(), None),
        ("it saw another author", &other, list(), None),
        ("somebody unknown sealed after it", &relayed, list(), None),
        ("both are listed", &relayed, both(), Some(("list.test", 1))),
        ("the chain is broken", &changed, list(), None),
        ("there is no chain", &MESSAGE.to_vec(), list(), None),
    ] {
        let inbound = judge().trusted_sealers(trusted).message(&envelope(), message).await.unwrap();
        let found = inbound.overruled.as_ref().map(|overruled| (overruled.sealer.as_str(), overruled.instance));
        assert_eq!(found, wanted, "{name}: {}", inbound.explain());
        assert_eq!(inbound.dmarc.verdict.word(), "fail", "the result stays what it is");
        assert_eq!(inbound.disposition(), if wanted.is_some() { Request::None } else { Request::Reject }, "{name}");
        let field = inbound.results().to_field();
        let comment =
            "dmarc=fail (policy not applied: trusted sealer list.test has dmarc=pass in arc i=1) header.from=bank.test";
        assert_eq!(field.contains(comment), wanted.is_some(), "{name}: {field}");
        assert_eq!(inbound.explain().to_string().contains("list of trusted sealers"), wanted.is_some());
    }
}

fn same(one: &Inbound, other: &Inbound) {
    assert_eq!(one.results(), other.results());
    assert_eq!(one.explain(), other.explain());
    assert_eq!((one.received_spf(), one.disposition()), (other.received_spf(), other.disposition()));
}

#[tokio::test]
async fn a_bundle_gives_the_same_verdict_offline() {
    let message = seal(MESSAGE, "list.test", &dmarc("pass", "bank.test")).await;
    let judge = judge().trusted_sealers(vec![Domain::parse("list.test").unwrap()]).bundles();
    let mut judging = judge.begin();
    for chunk in message.chunks(7) {
        judging.feed(chunk).unwrap();
    }
    let judged = judge.finish(judging, &envelope()).await.unwrap();
    let bundle = judged.bundle.clone().unwrap();
    assert!(bundle.asked.len() > 6, "{:?}", bundle.asked);
    let read = Bundle::from_json(&bundle.to_json()).unwrap();
    assert_eq!(read, *bundle);
    let replayed = read.replay(&message).await.unwrap();
    same(&judged, &replayed);
    assert_eq!(replayed.bundle.as_deref(), Some(&*bundle));
    let other = read.replay(MESSAGE).await.unwrap_err();
    assert!(matches!(other, BundleError::OtherMessage { .. }), "{other}");
    let mut limits = read.clone();
    limits.limits.push('x');
    assert!(matches!(limits.replay(&message).await.unwrap_err(), BundleError::OtherLimits { .. }));
    // a question whose answer is missing is refused, not guessed
    let mut forgetful = read.clone();
    forgetful.asked.clear();
    assert_eq!(forgetful.replay(&message).await.unwrap().dmarc.verdict.word(), "temperror");
}

#[test]
fn bundles_are_read_strictly() {
    for (text, message) in [
        ("", "not JSON: line 1, column 0"),
        ("{", "not JSON: line 1, column 1"),
        ("[]", "`` is missing, or not an object"),
        ("{}", "`envelope` is missing, or not an object"),
        (r#"{"envelope": {"ip": "x"}, "preset": 1}"#, "`preset` is missing, or not a string"),
    ] {
        assert_eq!(Bundle::from_json(text).unwrap_err().to_string(), message, "{text}");
    }
}

/// Messages of all kinds are explained in Japanese without a word of English that is not a name of a protocol.
#[tokio::test]
async fn explanations_are_whole_in_every_language() {
    let key_record = key().public_record();
    let zone = format!(
        "{ZONE}\ntwice.test TXT \"v=spf1 -all\"\ntwice.test TXT \"v=spf1 ~all\"\nbroken.test TXT \"v=spf1 foo:bar -all\"\n\
         loop.test TXT \"v=spf1 include:loop.test -all\"\nslow.test TXT SERVFAIL\n_dmarc.slow.test TXT TIMEOUT\n\
         s._domainkey.list.test TXT \"{key_record}\"\nr._domainkey.list.test TXT \"v=DKIM1; p=\"\nx._domainkey.list.test TXT \"v=DKIM1; k=odd; p=AAAA\""
    );
    let judge = Judge::new(Arc::new(Zone::parse(&zone).unwrap()), "mx.example.test");
    let signature =
        |tags: &str| format!("DKIM-Signature: v=1; a=rsa-sha256; d=list.test; h=From; bh=AAAA; b=AAAA; {tags}\r\n");
    let heads = [
        "From: a@bank.test\r\n".to_owned(),
        "From: a@slow.test\r\n".to_owned(),
        "From: a@bank.test, b@list.test\r\n".to_owned(),
        "From: a@bank.test\r\nFrom: b@bank.test\r\n".to_owned(),
        "Subject: nobody\r\n".to_owned(),
        "From: undisclosed:;\r\n".to_owned(),
        "From: a b@c\r\n".to_owned(),
        "From: =?utf-8?q?a=40b?=@c.test\r\n".to_owned(),
        "From: a@[192.0.2.1]\r\n".to_owned(),
        signature("s=r") + "From: a@list.test\r\n",
        signature("s=x") + "From: a@list.test\r\n",
        signature("s=none") + "From: a@list.test\r\n",
        signature("s=s; x=1; t=2") + "From: a@list.test\r\n",
        "ARC-Seal: i=1; cv=pass; a=ed25519-sha256; d=list.test; s=s; b=AAAA\r\nFrom: a@bank.test\r\n".to_owned(),
        "ARC-Seal: i=2; cv=fail; a=ed25519-sha256; d=list.test; s=s; b=AAAA\r\nFrom: a@bank.test\r\n".to_owned(),
    ];
    for head in &heads {
        for sender in ["list.test", "bank.test", "twice.test", "broken.test", "loop.test", "slow.test", "none.test"] {
            let envelope = Envelope { mail_from: format!("x@{sender}"), helo: sender.into(), ..envelope() };
            let inbound = judge.message(&envelope, format!("{head}\r\nhi\r\n").as_bytes()).await.unwrap();
            let (english, japanese) = (inbound.explain().to_string(), inbound.explain().told(Lang::Ja).to_string());
            assert_eq!(english.lines().count(), japanese.lines().count());
            for line in japanese.lines() {
                let words = line.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| {
                    ["the", "is", "not", "no", "of", "malformed", "found", "more", "than", "did", "expected"]
                        .contains(word)
                });
                assert_eq!(words.count(), 0, "{line}\n{english}");
            }
            assert!(!inbound.for_reader().told(Lang::Ja).to_string().is_ascii());
            assert!(inbound.for_reader().to_string().lines().count() <= 8);
        }
    }
}
