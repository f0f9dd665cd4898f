//! What a zone answers, and that wrappers change nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a test may

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gatepost_dns::{
    Answer, CacheLimits, Cached, Deadline, Family, Found, Lookup, LookupError, Name, Question, Record, RecordType,
    Recorder, Resolver, Security, Txt, Zone, block_on,
};
use gatepost_syntax::Domain;
use proptest::prelude::*;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

const ZONE: &str = r#"{
    "a.example": {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"], "MX": [[10, "mx.example"], [0, "."]]},
    "t.example": {"TXT": "TIMEOUT"}, "s.example": {"*": "SERVFAIL"},
    "*.w.example": {"TXT": ["wild"]}, "deep.x.w.example": {},
    "c.example": {"CNAME": ["a.example"]}, "loop.example": {"CNAME": ["loop.example"]},
    "1.2.0.192.in-addr.arpa": {"PTR": ["a.example"]}
}"#;

#[test]
fn answers_say_what_dns_says() {
    let zone = Zone::from_json(ZONE).unwrap();
    let dns: &dyn Resolver = &zone;
    let txt = |text: &str| block_on(dns.txt(&name(text)));
    let addresses = |text: &str, family| block_on(dns.addresses(&name(text), family)).unwrap();
    assert_eq!(addresses("A.example.", Family::V4).records, ["192.0.2.1".parse::<std::net::IpAddr>().unwrap()]);
    assert_eq!(addresses("c.example", Family::V6).records.len(), 1);
    assert!(!addresses("w.example", Family::V4).nxdomain, "an empty non-terminal exists");
    assert!(addresses("b.example", Family::V4).nxdomain);
    assert_eq!(txt("t.example"), Err(LookupError::Timeout));
    assert_eq!(txt("s.example"), Err(LookupError::ServerFailure));
    assert_eq!(txt("loop.example"), Err(LookupError::Malformed));
    assert_eq!(txt("any.w.example").unwrap().records, [Txt::from_strings(["wild"])]);
    assert!(txt("x.w.example").unwrap().records.is_empty(), "an existing name blocks the wildcard");
    assert!(block_on(dns.mx(&name("a.example"))).unwrap().records[1].exchange.is_root());
    assert_eq!(block_on(dns.ptr("192.0.2.1".parse().unwrap())).unwrap().records, [name("a.example")]);
}

#[test]
fn errors_name_the_place() {
    assert!(Zone::parse("a.example A 192.0.2.1\nb.example A x").unwrap_err().to_string().starts_with("line 2"));
    assert!(Zone::from_json(r#"{"a.example": []}"#).unwrap_err().to_string().contains("a.example"));
}

#[test]
fn a_cache_keeps_answers_and_not_failures() {
    let now = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&now);
    let recorder = Arc::new(Recorder::new(Zone::from_json(ZONE).unwrap()));
    let clock = Box::new(move || Duration::from_secs(clock.load(Ordering::Relaxed)));
    let cached = Cached::new(Arc::clone(&recorder), CacheLimits::default(), clock);
    let ask = |text: &str, kind| block_on(cached.lookup(&Question::new(name(text), kind)));
    for _ in 0..3 {
        ask("a.example", RecordType::A).unwrap();
        ask("nothing.example", RecordType::A).unwrap();
        ask("t.example", RecordType::Txt).unwrap_err();
    }
    assert_eq!(recorder.asked().len(), 5);
    now.store(301, Ordering::Relaxed);
    ask("a.example", RecordType::A).unwrap();
    assert_eq!(recorder.asked().len(), 6);
}

/// A resolver that answers with a record of so many octets and a TTL of 100 s, or nothing for names below `no`.
struct Sized(usize);

impl Resolver for Sized {
    fn lookup<'a>(&'a self, question: &'a Question) -> Lookup<'a> {
        let text = Record::Txt(Txt::from_strings(["x".repeat(self.0)]));
        let (found, ttl) = match question.name.as_str().split_once('.') {
            Some((_, "no")) => (Found::NxDomain, 10),
            Some((_, "zero")) => (Found::NoData, 0),
            _ => (Found::Records(Arc::new([text])), 100),
        };
        Lookup::ready(Ok(Answer { found, security: Security::Insecure, ttl: Duration::from_secs(ttl) }))
    }
}

type Behind = Arc<Recorder<Sized>>;

/// A cache over [`Sized`], its clock, and what was asked behind it.
fn cache(octets: usize, limits: CacheLimits) -> (Cached<Behind>, Arc<AtomicU64>, Behind) {
    let (now, recorder) = (Arc::new(AtomicU64::new(0)), Arc::new(Recorder::new(Sized(octets))));
    let clock = Arc::clone(&now);
    let clock = Box::new(move || Duration::from_secs(clock.load(Ordering::Relaxed)));
    (Cached::new(Arc::clone(&recorder), limits, clock), now, recorder)
}

#[test]
fn answers_are_handed_out_with_what_is_left_of_their_ttl() {
    let mut limits = CacheLimits::default();
    limits.ttl = Duration::from_secs(50);
    let (cached, now, recorder) = cache(1, limits);
    let ask = |text: &str| block_on(cached.lookup(&Question::new(name(text), RecordType::Txt))).unwrap().ttl.as_secs();
    assert_eq!((ask("a.example"), ask("a.no"), ask("a.zero")), (100, 10, 0));
    now.store(9, Ordering::Relaxed);
    assert_eq!(
        (ask("a.example"), ask("a.no")),
        (41, 1),
        "a positive answer for as long as the limit, a negative one for its own"
    );
    assert_eq!(recorder.asked().len(), 3);
    now.store(10, Ordering::Relaxed);
    assert_eq!((ask("a.no"), ask("a.zero")), (10, 0));
    assert_eq!(recorder.asked().len(), 5, "one had expired, the other is never kept");
    now.store(50, Ordering::Relaxed);
    assert_eq!((ask("a.example"), recorder.asked().len()), (100, 6));
}

#[test]
fn floods_push_out_what_is_idle() {
    let mut limits = CacheLimits::default();
    limits.entries = 100;
    let (cached, _, recorder) = cache(1, limits.clone());
    let ask =
        |cached: &Cached<_>, text: &str| drop(block_on(cached.lookup(&Question::new(name(text), RecordType::Txt))));
    for n in 0..1000 {
        ask(&cached, &format!("n{n}.example"));
        ask(&cached, "hot.example");
    }
    assert_eq!(recorder.asked().len(), 1001, "what is asked for stays");
    limits.octets = 100_000;
    let (cached, _, recorder) = cache(20_000, limits);
    for text in ["a.example", "b.example", "c.example", "c.example", "b.example", "a.example"] {
        ask(&cached, text);
    }
    assert_eq!(recorder.asked().len(), 3, "two in a generation of 50,000 octets");
    for text in ["d.example", "e.example", "f.example", "a.example", "b.example"] {
        ask(&cached, text);
    }
    assert_eq!(recorder.asked().len(), 3 + 3 + 1, "the oldest is gone");
}

#[test]
fn after_a_deadline_every_question_times_out() {
    let (now, zone) = (Arc::new(AtomicU64::new(0)), Zone::from_json(ZONE).unwrap());
    let clock = Arc::clone(&now);
    let dns = Deadline::new(
        zone,
        Duration::from_secs(20),
        Box::new(move || Duration::from_secs(clock.load(Ordering::Relaxed))),
    );
    let question = Question::new(name("a.example"), RecordType::A);
    assert!(block_on(dns.lookup(&question)).is_ok());
    now.store(20, Ordering::Relaxed);
    assert_eq!(block_on(dns.lookup(&question)), Err(LookupError::Timeout));
}

fn is_send<T: Send>(value: T) -> T {
    value
}

#[test]
fn look_ups_are_send() {
    let zone = Zone::new();
    let dns: &dyn Resolver = &zone;
    let owner = name("a.example");
    drop(is_send(dns.txt(&owner)));
}

proptest! {
    #[test]
    fn a_label_above_a_domain_is_what_joining_makes(
        label in "[a-zA-Z0-9_.-]{0,6}|a{62,65}|é",
        labels in proptest::collection::vec("[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?", 1..6),
    ) {
        let Ok(domain) = Domain::parse(&labels.join(".")) else { return Ok(()) };
        for below in domain.borrowed().up() {
            prop_assert_eq!(Name::above(&label, below), Name::joined(&label, below.as_str()));
        }
    }

    #[test]
    fn printed_zones_are_read_back(owners in proptest::collection::vec(("[a-z0-9_!;\" ]{1,9}(\\.[a-z]{1,3}){0,2}", "\\PC{0,20}"), 0..6)) {
        let mut zone = Zone::new();
        for (owner, text) in owners {
            zone.add(name(&owner), Record::Txt(Txt::from_strings([text])));
        }
        prop_assert_eq!(Zone::parse(&zone.to_string()).unwrap(), zone);
    }
}
