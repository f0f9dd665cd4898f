//! SPF over an in-memory zone whose records are parsed once, as behind a DNS cache. Each run includes the making of the
//! query and the reading of the sender's domain.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)] // a bench may

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use gatepost_dns::{Zone, block_on};
use gatepost_spf::record::Record;
use gatepost_spf::{Limits, Query, Verdict, check};

const SIMPLE: &str = "v=spf1 ip4:192.0.2.1 ip4:192.0.2.2 -all";

/// Three levels, 8 includes, 40 networks; the last network is the one that matches 192.0.2.200.
fn zone() -> Zone {
    let mut text = format!("simple.example TXT \"{SIMPLE}\"\n");
    let networks = |from: usize| {
        (from..from + 5).fold(String::new(), |mut all, n| {
            write!(all, " ip4:10.{n}.0.0/16").unwrap();
            all
        })
    };
    writeln!(text, "nested.example TXT \"v=spf1 include:_a.nested.example include:_b.nested.example -all\"").unwrap();
    for (side, from) in [("a", 0), ("b", 20)] {
        let includes: String = (1..=3).map(|n| format!(" include:_{side}{n}.nested.example")).collect();
        writeln!(text, "_{side}.nested.example TXT \"v=spf1{}{includes} -all\"", networks(from)).unwrap();
        for n in 1..=3 {
            let last = if (side, n) == ("b", 3) { " ip4:192.0.2.200" } else { "" };
            writeln!(text, "_{side}{n}.nested.example TXT \"v=spf1{}{last} -all\"", networks(from + 5 * n)).unwrap();
        }
    }
    Zone::parse(&text).unwrap()
}

fn benches(criterion: &mut Criterion) {
    let zone = zone();
    let limits = Limits::default();
    let cases = [
        ("spf-simple-pass", "192.0.2.2", "ann@simple.example", Verdict::Pass),
        ("spf-simple-fail", "192.0.2.200", "ann@simple.example", Verdict::Fail),
        ("spf-nested-pass", "192.0.2.200", "ann@nested.example", Verdict::Pass),
        ("spf-nested-fail", "192.0.2.201", "ann@nested.example", Verdict::Fail),
    ];
    for (name, ip, sender, verdict) in cases {
        let ip = ip.parse().unwrap();
        let evaluate = || block_on(check(&zone, &Query::mail_from(ip, black_box(sender), "mail.example"), &limits));
        assert_eq!(evaluate().verdict, verdict);
        let heap = allocation_counter::measure(|| drop(evaluate()));
        println!("{name}: {} allocations, {} octets at most", heap.count_total, heap.bytes_max);
        criterion.bench_function(name, |b| b.iter(evaluate));
    }
    criterion.bench_function("spf-parse-3-terms", |b| b.iter(|| Record::parse(black_box(SIMPLE)).unwrap()));
}

criterion_group!(all, benches);
criterion_main!(all);
