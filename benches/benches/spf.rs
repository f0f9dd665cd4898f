//! SPF against an in-memory zone, records parsed each time.
#![allow(clippy::unwrap_used, missing_docs)] // a bench may

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use gatepost_dns::{Zone, block_on};
use gatepost_spf::record::Record;
use gatepost_spf::{Limits, Query, check};

const NESTED: &str =
    "v=spf1 ip4:192.0.2.0/28 ip4:198.51.100.0/28 ip4:203.0.113.0/28 include:b.example include:c.example mx -all";

fn benches(criterion: &mut Criterion) {
    let zone = format!(
        "a.example TXT \"v=spf1 ip4:192.0.2.1 ip4:192.0.2.2 -all\"\nn.example TXT \"{NESTED}\"\nn.example MX 1 mx.n.example\n\
         b.example TXT \"v=spf1 ip4:10.0.0.0/8 -all\"\nc.example TXT \"v=spf1 ip4:10.1.0.0/16 -all\"\nmx.n.example A 192.0.2.200"
    );
    let zone = Zone::parse(&zone).unwrap();
    let query = |domain: &str| Query::mail_from("192.0.2.200".parse().unwrap(), &format!("x@{domain}"), "mail.example");
    let (simple, nested) = (query("a.example"), query("n.example"));
    let limits = Limits::default();
    criterion.bench_function("spf-simple-fail", |b| b.iter(|| block_on(check(&zone, black_box(&simple), &limits))));
    criterion.bench_function("spf-nested-pass", |b| b.iter(|| block_on(check(&zone, black_box(&nested), &limits))));
    criterion.bench_function("spf-parse", |b| b.iter(|| Record::parse(black_box(NESTED)).unwrap()));
}

criterion_group!(all, benches);
criterion_main!(all);
