//! What a zone answers, and that wrappers change nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a test may

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gatepost_dns::{
    CacheLimits, Cached, Family, LookupError, Name, Question, Record, RecordType, Recorder, Resolver, Txt, Zone,
    block_on,
};
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
    fn printed_zones_are_read_back(owners in proptest::collection::vec(("[a-z0-9_!;\" ]{1,9}(\\.[a-z]{1,3}){0,2}", "\\PC{0,20}"), 0..6)) {
        let mut zone = Zone::new();
        for (owner, text) in owners {
            zone.add(name(&owner), Record::Txt(Txt::from_strings([text])));
        }
        prop_assert_eq!(Zone::parse(&zone.to_string()).unwrap(), zone);
    }
}
