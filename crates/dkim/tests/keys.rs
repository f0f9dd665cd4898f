//! Keys: asked for once and at the same time, in the forms that OpenSSL writes, and two for one body.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a test may

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, UNIX_EPOCH};

use gatepost_dkim::sign::{SignError, Signer, Spec};
use gatepost_dkim::{Limits, Outcome, PrivateKey, PrivateKeyError, SigningKey, Verdict, Verifier};
use gatepost_dns::{Lookup, Question, Resolver, Zone, block_on};
use gatepost_results::Explain;
use gatepost_syntax::{HeaderBlock, HeaderLimits};

// Test keys, made by OpenSSL 3.0 for this file; they sign nothing else.
const RSA_PKCS1: &str = include_str!("keys/rsa-pkcs1-test.pem");
const RSA_PKCS8: &str = include_str!("keys/rsa-pkcs8-test.pem");
const RSA_SHORT: &str = include_str!("keys/rsa-1024-test.pem");
const ED25519_V1: &str = include_str!("keys/ed25519-v1-test.pem");

const MESSAGE: &[u8] = b"From: ann@example.org\r\nTo: bob@example.net\r\nSubject: hi\r\n\r\nHello  there\r\n";

fn signer(message: &[u8], spec: Spec) -> Result<Signer, SignError> {
    let (headers, body) = HeaderBlock::parse(message, &HeaderLimits::default()).unwrap();
    let mut signer = Signer::new(spec, headers)?;
    signer.body(&message[body..]);
    Ok(signer)
}

fn spec(selector: &str) -> Spec {
    Spec::new("example.org".parse().unwrap(), selector.parse().unwrap())
}

fn verify(message: &[u8], dns: &dyn Resolver, clock: u64, limits: &Limits) -> Outcome {
    let (headers, body) = HeaderBlock::parse(message, &HeaderLimits::default()).unwrap();
    let mut verifier = Verifier::new(Arc::new(headers), limits);
    verifier.body(&message[body..]);
    block_on(verifier.finish().results(dns, UNIX_EPOCH + Duration::from_secs(clock)))
}

fn zone(keys: &[(&str, &PrivateKey)]) -> Zone {
    let line = |(selector, key): &(&str, &PrivateKey)| {
        let record = key.public_record();
        let (front, back) = record.split_at(record.len().min(200));
        format!("{selector}._domainkey.example.org TXT \"{front}\" \"{back}\"\n")
    };
    Zone::parse(&keys.iter().map(line).collect::<String>()).unwrap()
}

#[test]
fn pem_of_every_form() {
    let v2 = {
        // RFC 5958: version 1 with the public key behind, as ring and some others write it
        let document = ring_like_v2();
        PrivateKey::from_pem(&document).unwrap()
    };
    for key in [RSA_PKCS1, RSA_PKCS8, ED25519_V1].map(|pem| PrivateKey::from_pem(pem).unwrap()).iter().chain([&v2]) {
        let field = signer(MESSAGE, spec("s")).unwrap().finish().unwrap().sign(key).unwrap();
        let signed = [field.as_bytes(), MESSAGE].concat();
        assert_eq!(verify(&signed, &zone(&[("s", key)]), 0, &Limits::default()).word(), "pass", "{key:?}");
        assert!(field.lines().all(|line| line.len() <= 78), "{field}");
    }
    // RFC 8301 §3.2: signers use at least 1024 bits and should use 2048
    assert_eq!(PrivateKey::from_pem(RSA_SHORT).unwrap_err(), PrivateKeyError::Key);
    assert_eq!(PrivateKey::from_pem("no key").unwrap_err(), PrivateKeyError::Pem);
}

/// The seed of the key above, with its public key, in PKCS#8 version 2.
fn ring_like_v2() -> String {
    let v1 = ED25519_V1.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let v1 = gatepost_syntax::base64::decode(v1).unwrap();
    let seed = &v1[v1.len() - 32..];
    let key = PrivateKey::from_ed25519_seed(seed.try_into().unwrap()).unwrap();
    let public = key.public_record().rsplit_once("p=").unwrap().1.to_owned();
    let public = gatepost_syntax::base64::decode(public).unwrap();
    let head = [0x30, 0x51, 2, 1, 1, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let der = [head.as_slice(), seed, &[0x81, 0x21, 0], &public].concat();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", gatepost_syntax::base64::encode(der))
}

#[test]
fn two_keys_over_one_body_by_hand_too() {
    let (rsa, ed25519) = (PrivateKey::from_pem(RSA_PKCS8).unwrap(), PrivateKey::from_pem(ED25519_V1).unwrap());
    let draft = signer(MESSAGE, spec("rsa")).unwrap().finish().unwrap();
    let first = draft.sign(&rsa).unwrap();
    // what a module far away would be sent, and what comes back
    let second = draft.under("ed".parse().unwrap());
    let octets = second.to_sign(ed25519.algorithm());
    let second = second.sealed(ed25519.algorithm(), &ed25519.sign(&octets).unwrap());
    let signed = [first.as_bytes(), second.as_bytes(), MESSAGE].concat();
    let outcome = verify(&signed, &zone(&[("rsa", &rsa), ("ed", &ed25519)]), 0, &Limits::default());
    assert_eq!(outcome.signatures.len(), 2);
    assert!(outcome.signatures.iter().all(|one| one.verdict == Verdict::Pass), "{outcome:?}");
    assert!(!first.contains("l=") && first.contains("From:From:"));
}

#[test]
fn what_is_not_signed() {
    let refused = |message: &[u8]| signer(message, spec("s")).and_then(Signer::finish).unwrap_err();
    assert_eq!(refused(b"Subject: hi\r\n\r\n"), SignError::From(0));
    assert_eq!(refused(b"From: a@example.org\r\nFrom: b@example.org\r\n\r\n"), SignError::From(2));
    assert_eq!(refused(b"From: a@example.org\r\n\r\na\nb\r\n"), SignError::BareLineEnd);
    let mut any = spec("s");
    any.allow_any_from = true;
    assert!(signer(b"From: a@example.org\r\nFrom: b@example.org\r\n\r\n", any).is_ok());
    let mut none = spec("s");
    none.headers = Some(vec!["Subject".into()]);
    assert_eq!(signer(MESSAGE, none).unwrap_err(), SignError::FromNotSigned);
    for name in ["", "To:Cc", "To;x=1", "To\r\nBcc", "X Y", "X\0", "Sübject"] {
        let mut injected = spec("s");
        injected.headers = Some(vec!["From".into(), name.into()]);
        assert_eq!(signer(MESSAGE, injected).unwrap_err(), SignError::FieldName(2), "{name:?}");
    }
}

/// RFC 8601 §2.7.1: what was signed for is recorded with its identity, whoever wrote it.
#[test]
fn results_name_the_identity() {
    let recorded = |tag: &str| {
        let signature =
            format!("DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s; {tag}h=from; bh=AAAA; b=AAAAAAAAAAAA\r\n");
        let outcome = verify(&[signature.as_bytes(), MESSAGE].concat(), &Zone::new(), 0, &Limits::default());
        outcome.res_infos().map(|info| info.to_string()).collect::<String>()
    };
    assert!(!recorded("").contains("header.i"));
    assert!(recorded("i=@sub.example.org; ").contains(" header.d=example.org header.i=@sub.example.org header.s=s"));
    let hostile = recorded("i=\"x) spf=pass\r\n y\"@example.org; ");
    assert!(hostile.contains(r#" header.i="\"x) spf=pass\\r\\n y\"@example.org" header.s=s"#), "{hostile}");
}

/// Answers only when every question that is to come has been asked.
struct Together {
    zone: Zone,
    wanted: usize,
    asked: AtomicUsize,
}

impl Resolver for Together {
    fn lookup<'a>(&'a self, question: &'a Question) -> Lookup<'a> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Lookup::new(async move {
            let all = |context: &mut std::task::Context<'_>| {
                if self.asked.load(Ordering::SeqCst) >= self.wanted {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::Pending
            };
            std::future::poll_fn(all).await;
            self.zone.lookup(question).await
        })
    }
}

#[test]
fn keys_are_asked_for_at_the_same_time_and_once() {
    let key = PrivateKey::from_pem(ED25519_V1).unwrap();
    let draft = signer(MESSAGE, spec("a")).unwrap().finish().unwrap();
    let fields: Vec<String> =
        ["a", "b", "c", "a"].map(|selector| draft.under(selector.parse().unwrap()).sign(&key).unwrap()).into();
    let signed = [fields.concat().as_bytes(), MESSAGE].concat();
    let dns = Together { zone: zone(&[("a", &key), ("c", &key)]), wanted: 3, asked: AtomicUsize::new(0) };
    let outcome = verify(&signed, &dns, 0, &Limits::default());
    let words: Vec<&str> = outcome.signatures.iter().map(|one| one.verdict.word()).collect();
    assert_eq!(words, ["pass", "permerror", "pass", "pass"]);
    assert_eq!(dns.asked.load(Ordering::SeqCst), 3);
}

#[test]
fn time_is_a_matter_of_policy() {
    let key = PrivateKey::from_pem(ED25519_V1).unwrap();
    let mut spec = spec("s");
    spec.time = Some(UNIX_EPOCH + Duration::from_secs(10_000));
    spec.valid_for = Some(5_000);
    let field = signer(MESSAGE, spec).unwrap().finish().unwrap().sign(&key).unwrap();
    let signed = [field.as_bytes(), MESSAGE].concat();
    let zone = zone(&[("s", &key)]);
    let mut limits = Limits::default();
    let word = |clock, limits: &Limits| verify(&signed, &zone, clock, limits).word();
    assert_eq!([word(0, &limits), word(15_300, &limits), word(15_301, &limits)], ["pass", "pass", "fail"]);
    limits.allow_future = false;
    assert_eq!([word(9_000, &limits), word(9_700, &limits)], ["policy", "pass"]);
    limits.max_age = Some(1_000);
    assert_eq!([word(11_300, &limits), word(11_301, &limits)], ["pass", "policy"]);
}

#[test]
fn limits_bound_what_is_read() {
    let key = PrivateKey::from_pem(ED25519_V1).unwrap();
    let field = signer(MESSAGE, spec("s")).unwrap().finish().unwrap().sign(&key).unwrap();
    let signed = [field.repeat(3).as_bytes(), MESSAGE].concat();
    let zone = zone(&[("s", &key)]);
    let words = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        verify(&signed, &zone, 0, &limits).signatures.iter().map(|one| one.verdict.word()).collect::<Vec<_>>()
    };
    assert_eq!(words(|_| ()), ["pass", "pass", "pass"]);
    assert_eq!(words(|limits| limits.signatures = 2), ["pass", "pass", "policy"]);
    assert_eq!(words(|limits| limits.fields = 1), ["pass", "neutral", "neutral"]);
    assert_eq!(words(|limits| limits.field_bytes = 99), ["neutral", "neutral", "neutral"]);
    assert_eq!(words(|limits| limits.tags = 5), ["neutral", "neutral", "neutral"]);
    assert_eq!(words(|limits| limits.signed_names = 3), ["neutral", "neutral", "neutral"]);
    assert_eq!(words(|limits| limits.body_hashes = 0), ["policy", "policy", "policy"]);
    assert_eq!(words(|limits| limits.keys = 0), ["permerror", "permerror", "permerror"]);
}

/// A message made to be expensive: of 100,000 signatures, each of them right, as many count as the limits say.
#[test]
fn of_100_000_signatures_few_are_looked_at() {
    const MANY: usize = 100_000;
    let key = PrivateKey::from_pem(ED25519_V1).unwrap();
    let field = signer(MESSAGE, spec("s")).unwrap().finish().unwrap().sign(&key).unwrap();
    let signed = [field.repeat(MANY).as_bytes(), MESSAGE].concat();
    // a reader of headers with bounds of its own does not get so far
    assert!(HeaderBlock::parse(&signed, &HeaderLimits::default()).is_err());
    let mut header = HeaderLimits::default();
    (header.bytes, header.fields) = (usize::MAX, usize::MAX);
    let (headers, body) = HeaderBlock::parse(&signed, &header).unwrap();
    let mut verifier = Verifier::new(Arc::new(headers), &Limits::default());
    assert_eq!(verifier.questions().len(), 1);
    verifier.body(&signed[body..]);
    let outcome = block_on(verifier.finish().results(&zone(&[("s", &key)]), UNIX_EPOCH));
    let words: Vec<_> = outcome.signatures.iter().map(|one| one.verdict.word()).collect();
    assert_eq!(words, [vec!["pass"; 10], vec!["policy"; 90], vec!["neutral"; MANY - 100]].concat());
}

/// Who published a broken key sees where it is broken, and who reads a broken field, too.
#[test]
fn an_error_is_shown_in_its_record() {
    let key = PrivateKey::from_ed25519_seed(&[7; 32]).unwrap();
    let field = signer(MESSAGE, spec("s")).unwrap().finish().unwrap().sign(&key).unwrap();
    let signed = [field.as_bytes(), MESSAGE].concat();
    let broken = Zone::parse("s._domainkey.example.org TXT \"v=DKIM1; k=ed25519; p=AAAA\"").unwrap();
    let tree = verify(&signed, &broken, 0, &Limits::default()).explain().to_string();
    let lines: Vec<&str> = tree.lines().rev().collect();
    assert_eq!((lines[1].find("p=AAAA"), lines[0].trim()), (lines[0].find("^^^^^^"), "^^^^^^"), "{tree}");
    let field = field.replace("v=1;", "v=2;");
    let tree = verify(&[field.as_bytes(), MESSAGE].concat(), &broken, 0, &Limits::default()).explain().to_string();
    let lines: Vec<&str> = tree.lines().rev().collect();
    assert_eq!((lines[1].find("v=2"), lines[0].trim()), (lines[0].find("^^^"), "^^^"), "{tree}");
}
