//! Laws: the outcome does not depend on chunks; what is sealed verifies hop after hop, and nothing else does; the structure
//! of a chain is judged as RFC 8617 §5.2 has it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a test may

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use gatepost_arc::seal::{Payload, SealError, Sealed, Sealer};
use gatepost_arc::{Chain, ChainStatus, Fail, FieldError, Kind, Limits, Outcome, Status, Verifier};
use gatepost_dkim::sign::Spec;
use gatepost_dkim::{BodyHashes, PrivateKey, Verdict};
use gatepost_dns::{LookupError, Name, Recorder, Resolver, Zone, block_on};
use gatepost_results::{AuthResults, Explain, ResInfo};
use gatepost_syntax::{HeaderBlock, HeaderLimits};
use proptest::prelude::*;

const MESSAGE: &[u8] = b"From: ann@example.org\r\nSubject: hi\r\n\r\nHello\r\n";

fn key() -> PrivateKey {
    PrivateKey::from_ed25519_seed(&[7; 32]).unwrap() // a test key
}

fn zone() -> Zone {
    Zone::parse(&format!("s._domainkey.example.org TXT \"{}\"", key().public_record())).unwrap()
}

fn split(message: &[u8]) -> (HeaderBlock, &[u8]) {
    let (headers, body) = HeaderBlock::parse(message, &HeaderLimits::default()).unwrap();
    (headers, &message[body..])
}

fn verify_with(message: &[u8], dns: &dyn Resolver, limits: &Limits, chunk: usize) -> Outcome {
    let (headers, body) = split(message);
    let mut verifier = Verifier::new(Arc::new(headers), limits);
    body.chunks(chunk).for_each(|chunk| verifier.body(chunk));
    block_on(verifier.finish().results(dns, UNIX_EPOCH))
}

fn verify(message: &[u8]) -> Outcome {
    verify_with(message, &zone(), &Limits::default(), usize::MAX)
}

/// Seals `leaving`, which was `arrived` when it came.
fn seal_as(arrived: &Outcome, leaving: &[u8]) -> Result<Sealed, SealError> {
    let (headers, body) = split(leaving);
    let found = AuthResults::new("mx.example.org").with(ResInfo::new("arc", arrived.word())).with(
        ResInfo::new("spf", "pass").property("smtp", "mailfrom", "a;i=7"), // quoted
    );
    let spec = Spec::new("example.org".parse().unwrap(), "s".parse().unwrap());
    let mut sealer = Sealer::new(spec, headers, arrived, &Payload::from(&found))?;
    sealer.body(body);
    sealer.finish()?.seal(&key())
}

fn sealed(message: &[u8]) -> Vec<u8> {
    let set = seal_as(&verify(message), message).unwrap().to_string();
    [set.as_bytes(), message].concat()
}

fn hops(message: &[u8], count: usize) -> Vec<u8> {
    (0..count).fold(message.to_vec(), |message, _| sealed(&message))
}

/// The message with one text replaced by another, once.
fn replaced(message: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = std::str::from_utf8(message).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    text.replacen(from, to, 1).into_bytes()
}

fn fail(message: &[u8]) -> Fail {
    verify(message).fail().cloned().expect("a broken chain")
}

#[test]
fn oldest_pass_is_where_the_message_was_changed_last() {
    let changed = [&hops(MESSAGE, 2), b"-- \r\nthe list\r\n".as_slice()].concat();
    // the list found a whole chain when the message came
    let arrived = verify(&hops(MESSAGE, 2));
    let set = seal_as(&arrived, &changed).unwrap().to_string();
    let message = hops(&[set.as_bytes(), &changed].concat(), 1);
    let outcome = verify(&message);
    assert_eq!((outcome.word(), outcome.instances, outcome.oldest_pass), ("pass", 4, Some(3)));
    assert_eq!(outcome.sealers().len(), 4);
    let info = outcome.res_info(Some("2001:db8::1".parse().unwrap())).to_string();
    assert_eq!(info, "arc=pass header.oldest-pass=3 smtp.remote-ip=\"2001:db8::1\"");
    assert!(outcome.explain().to_string().contains("changed before i=3"));
    let mut limits = Limits::default();
    limits.oldest_pass = false;
    assert_eq!(verify_with(&message, &zone(), &limits, usize::MAX).oldest_pass, None);
}

#[test]
fn no_chain() {
    let outcome = verify(MESSAGE);
    assert_eq!(outcome, Outcome::default());
    assert_eq!(outcome.res_info(Some([192, 0, 2, 1].into())).to_string(), "arc=none");
}

#[test]
fn fifty_sets_and_no_more() {
    let full = hops(MESSAGE, 50);
    let outcome = verify(&full);
    assert_eq!((outcome.word(), outcome.instances, outcome.oldest_pass), ("pass", 50, Some(0)));
    assert_eq!(seal_as(&outcome, &full), Err(SealError::Full));
    let more = [b"ARC-Seal: i=50; cv=pass\r\n".as_slice(), &full].concat();
    assert_eq!(fail(&more), Fail::TooMany { limit: 50 });
    let mut limits = Limits::default();
    limits.sets = 49;
    let recorder = Recorder::new(zone());
    assert_eq!(verify_with(&full, &recorder, &limits, usize::MAX).status, Status::Fail(Fail::TooMany { limit: 49 }));
    assert!(recorder.asked().is_empty(), "nothing is asked for a chain that is too long");
}

#[test]
fn structure() {
    let two = hops(MESSAGE, 2);
    let seal = Kind::Seal;
    let bad = |kind, instance, error| Fail::Field { kind, instance, error };
    let table = [
        ("ARC-Seal: i=2;", "X-Seal: i=2;", Fail::Missing { instance: 2, kind: seal }),
        (
            "ARC-Authentication-Results: i=2;",
            "X: i=2;",
            Fail::Missing { instance: 2, kind: Kind::AuthenticationResults },
        ),
        (
            "ARC-Message-Signature: i=2;",
            "ARC-Message-Signature: i=1;",
            Fail::Repeated { instance: 1, kind: Kind::MessageSignature },
        ),
        ("ARC-Seal: i=2;", "ARC-Seal: i=02;", bad(seal, None, FieldError::Instance)),
        ("ARC-Seal: i=2;", "ARC-Seal: i=51;", bad(seal, None, FieldError::Instance)),
        ("ARC-Seal: i=2;", "ARC-Seal: i=99999999999999999999;", bad(seal, None, FieldError::Instance)),
        ("cv=pass;", "cv=pass; h=from;", bad(seal, Some(2), FieldError::Forbidden("h"))),
        ("cv=pass;", "cv=pass; bh=Kg==;", bad(seal, Some(2), FieldError::Forbidden("bh"))),
        ("cv=pass;", "cv=Pass;", bad(seal, Some(2), FieldError::Status)),
        ("cv=pass;", "cv=none;", Fail::ChainStatus { instance: 2, found: ChainStatus::None }),
        ("cv=none;", "cv=pass;", Fail::ChainStatus { instance: 1, found: ChainStatus::Pass }),
        ("cv=none;", "cv=fail;", Fail::ChainStatus { instance: 1, found: ChainStatus::Fail }),
        ("cv=pass;", "cv=fail;", Fail::Marked { instance: 2 }),
        ("h=From:", "h=ARC-Seal:From:", bad(Kind::MessageSignature, Some(2), FieldError::SealCovered)),
    ];
    for (from, to, wanted) in table {
        assert_eq!(fail(&replaced(&two, from, to)), wanted, "{from} → {to}");
    }
    let gap = (0..3).fold(hops(MESSAGE, 3), |message, _| replaced(&message, ": i=2;", ": i=4;"));
    assert_eq!(fail(&gap), Fail::Gap { instance: 2 });
}

#[test]
fn a_broken_chain_is_marked_once() {
    let broken = replaced(&hops(MESSAGE, 2), "Subject: hi", "Subject: ho");
    let arrived = verify(&broken);
    assert!(matches!(arrived.fail(), Some(Fail::MessageSignature { instance: 2, .. })));
    let set = seal_as(&arrived, &broken).unwrap();
    assert_eq!((set.instance, set.status), (3, ChainStatus::Fail));
    let marked = [set.to_string().as_bytes(), &broken].concat();
    assert_eq!(fail(&marked), Fail::Marked { instance: 3 });
    assert_eq!(seal_as(&verify(&marked), &marked), Err(SealError::Marked));
}

#[test]
fn a_sealer_wants_the_outcome_of_its_message() {
    let two = hops(MESSAGE, 2);
    assert_eq!(seal_as(&verify(&hops(MESSAGE, 1)), &two), Err(SealError::OtherChain));
    let outcome = verify(&two);
    assert_eq!(seal_as(&outcome, &replaced(&two, "cv=none", "cv=pass")), Err(SealError::OtherChain));
    let mut spec = Spec::new("example.org".parse().unwrap(), "s".parse().unwrap());
    spec.headers = Some(vec!["From".into(), "arc-seal".into()]);
    let payload = Payload::from(&AuthResults::new("mx.example.org"));
    assert_eq!(Sealer::new(spec, split(&two).0, &outcome, &payload).err(), Some(SealError::Covered));
}

#[test]
fn failures_of_dns_are_permanent() {
    let mut zone = Zone::new();
    zone.fail(Name::parse("s._domainkey.example.org").unwrap(), None, LookupError::Timeout);
    let outcome = verify_with(&hops(MESSAGE, 1), &zone, &Limits::default(), usize::MAX);
    let verdict = Verdict::TempError(LookupError::Timeout);
    assert_eq!(outcome.status, Status::Fail(Fail::MessageSignature { instance: 1, verdict }));
    assert_eq!(outcome.word(), "fail");
}

#[test]
fn a_made_up_chain_costs_few_questions() {
    let made_up: String = (1..=50)
        .map(|i| {
            let cv = if i == 1 { "none" } else { "pass" };
            format!(
                "ARC-Seal: i={i}; a=rsa-sha256; cv={cv}; d=v{i}.example; s=s; b=Kg==\r\n\
                 ARC-Message-Signature: i={i}; a=rsa-sha256; d=w{i}.example; s=s; h=from; bh=Kg==; b=Kg==\r\n\
                 ARC-Authentication-Results: i={i}; mx.example; none\r\n"
            )
        })
        .collect();
    let recorder = Recorder::new(Zone::new());
    let message = [made_up.as_bytes(), MESSAGE].concat();
    let outcome = verify_with(&message, &recorder, &Limits::default(), usize::MAX);
    assert_eq!((outcome.word(), outcome.instances), ("fail", 50));
    assert_eq!(recorder.asked().len(), 1);
}

#[test]
fn a_chain_can_share_body_hashes_and_its_future_is_send() {
    fn send<T: Send>(value: T) -> T {
        value
    }
    let message = hops(MESSAGE, 3);
    let (headers, body) = split(&message);
    let chain = Chain::new(Arc::new(headers), &Limits::default());
    let mut bodies = BodyHashes::new(1);
    chain.register(&mut bodies);
    bodies.body(body);
    let zone = zone();
    let outcome = block_on(send(chain.results(&bodies.finish(), &zone, UNIX_EPOCH + Duration::from_secs(1))));
    assert_eq!(outcome, verify(&message));
    assert_eq!(chain.questions().len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_sealed_verifies_and_a_flipped_bit_does_not(
        subject in "[ -~]{0,90}", lines in proptest::collection::vec("[ -~\t]{0,80}", 0..8),
        count in 1usize..5, chunk in 1usize..40, bit in 0usize..1_000_000,
    ) {
        let message = format!("From: ann@example.org\r\nSubject: {subject}\r\n\r\n{}", lines.join("\r\n"));
        let message = hops(message.as_bytes(), count);
        let whole = verify(&message);
        prop_assert_eq!((whole.word(), whole.oldest_pass), ("pass", Some(0)));
        prop_assert_eq!(&whole, &verify_with(&message, &zone(), &Limits::default(), chunk));
        // one bit within a value of an ARC field that is not white space or a letter's case in a name
        let fields: Vec<usize> = arc_octets(&message);
        let at = fields[bit / 8 % fields.len()];
        let mut changed = message;
        changed[at] ^= 1 << (bit % 8);
        prop_assert_ne!(verify(&changed).word(), "pass", "{}", String::from_utf8_lossy(&changed));
    }

    #[test]
    fn any_fields_any_chunks(
        fields in proptest::collection::vec(
            ("(ARC-Seal|ARC-Message-Signature|ARC-Authentication-Results): i=[0-9]{1,2};",
             "( a=rsa-sha256;| cv=(none|pass|fail);| d=a.example; s=s;| b=Kg==;| bh=Kg==;| h=from;|[ -~]{0,9}){0,6}"), 0..9),
        chunk in 1usize..9,
    ) {
        let fields: String = fields.iter().map(|(front, tags)| format!("{front}{tags}\r\n")).collect();
        let message = [fields.as_bytes(), MESSAGE].concat();
        let outcome = verify(&message);
        prop_assert_eq!(&outcome, &verify_with(&message, &Zone::new(), &Limits::default(), chunk));
        prop_assert_ne!(outcome.word(), "pass");
        prop_assert_eq!(outcome.word() == "none", fields.is_empty());
    }
}

/// Where the octets of the values of ARC fields stand that no canonicalization lets change.
fn arc_octets(message: &[u8]) -> Vec<usize> {
    let (headers, _) = split(message);
    let mut begin = 0;
    let mut places = Vec::new();
    for field in headers.fields() {
        let end = begin + field.raw().len();
        let value = end - 2 - field.body().len();
        if Kind::of(field).is_some() {
            places.extend((value..end - 2).filter(|at| !message[*at].is_ascii_whitespace()));
        }
        begin = end;
    }
    places
}
