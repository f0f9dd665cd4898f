//! SPF over an in-memory zone whose records are parsed once, as behind a DNS cache. Each run includes the making of the
//! query and the reading of the sender's domain.
#![allow(clippy::unwrap_used, missing_docs)] // a bench may

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use gatepost_benches::spf::{CASES, SIMPLE, zone};
use gatepost_dns::block_on;
use gatepost_spf::record::Record;
use gatepost_spf::{Limits, Query, check};

fn benches(criterion: &mut Criterion) {
    let zone = zone();
    let limits = Limits::default();
    for (name, ip, sender, verdict) in CASES {
        let ip = ip.parse().unwrap();
        let evaluate = || block_on(check(&zone, &Query::mail_from(ip, black_box(sender), "mail.example"), &limits));
        assert_eq!(evaluate().verdict.word(), verdict);
        criterion.bench_function(name, |b| b.iter(evaluate));
    }
    criterion.bench_function("spf-parse-3-terms", |b| b.iter(|| Record::parse(black_box(SIMPLE)).unwrap()));
}

criterion_group!(all, benches);
criterion_main!(all);
