//! How often and how much the heap is used. Apart from the timed benches: a counting allocator slows what it counts.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout, missing_docs)] // a bench may

use gatepost_benches::dkim::{ALGORITHMS, BODIES, Keys};
use gatepost_benches::spf::{CASES, zone};
use gatepost_dmarc::{Identifiers, Preset};
use gatepost_dns::block_on;
use gatepost_results::AuthResults;
use gatepost_spf::{Limits, Query, check};
use gatepost_syntax::{Domain, author};

fn main() {
    let zone = zone();
    let limits = Limits::default();
    for (name, ip, sender, _) in CASES {
        let evaluate =
            || block_on(check(&zone, &Query::mail_from(ip.parse().unwrap(), sender, "mail.example"), &limits));
        drop(evaluate()); // the records are parsed now
        let heap = allocation_counter::measure(|| drop(evaluate()));
        println!("{name}: {} allocations, {} octets at most", heap.count_total, heap.bytes_max);
    }
    dmarc();
    dkim();
}

/// A judgement by parsed records, and the field that says it of one signature, SPF and DMARC.
fn dmarc() {
    let zone = gatepost_benches::dmarc::zone();
    for (name, from) in gatepost_benches::dmarc::CASES {
        let (authors, domain) = (author::parse(&format!("a@{from}")), Domain::parse(from).unwrap());
        let passed = Identifiers::default().with_spf(&domain, "pass").with_dkim(&domain, "pass");
        let limits = gatepost_dmarc::Limits::default();
        let judge = || block_on(gatepost_dmarc::check(&zone, &authors, &passed, &limits, Preset::Record));
        let outcome = judge(); // the record is parsed now
        let heap = allocation_counter::measure(|| drop(judge()));
        println!("{name}: {} allocations, {} octets at most", heap.count_total, heap.bytes_max);
        if name == "dmarc-exact" {
            authres(&outcome);
        }
    }
}

fn authres(dmarc: &gatepost_dmarc::Outcome) {
    let (keys, (_, ip, sender, _)) = (Keys::default(), CASES[0]);
    let dkim = keys.results(&keys.message(1, b"a body\r\n", ALGORITHMS[0]).signed);
    let query = Query::mail_from(ip.parse().unwrap(), sender, "mail.example");
    let spf = block_on(check(&zone(), &query, &Limits::default()));
    let write = || {
        let results = AuthResults::new("mx.example.net").with_all(dkim.res_infos());
        results.with(spf.res_info()).with(dmarc.res_info()).to_field()
    };
    let field = write();
    let read = || gatepost_results::authres::parse(field.split_once(':').unwrap().1).unwrap();
    let written = allocation_counter::measure(|| drop(write()));
    let read = allocation_counter::measure(|| drop(read()));
    for (name, heap) in [("authres-write", written), ("authres-read", read)] {
        println!("{name}: {} allocations, {} octets at most", heap.count_total, heap.bytes_max);
    }
}

/// A message of each kind, from its octets, in one chunk: to verify it takes ten allocations and less than 1 MB.
fn dkim() {
    let keys = Keys::default();
    for (body, octets, make) in BODIES {
        for algorithm in ALGORITHMS {
            let message = keys.message(1, &make(1, octets), algorithm);
            assert!(keys.verify(&message)); // the key is read now
            let verify = allocation_counter::measure(|| assert!(keys.verify(&message)));
            let floor = allocation_counter::measure(|| assert!(keys.verify_floor(&message, algorithm)));
            // what ring takes is ring's; and a large body is never held
            assert!(verify.count_total - floor.count_total <= 10 && verify.bytes_max < 1 << 20);
            let sign = allocation_counter::measure(|| drop(keys.sign(&message, algorithm)));
            for (what, heap) in [("verify", verify), ("sign", sign)] {
                let (count, most) = (heap.count_total, heap.bytes_max);
                println!("dkim-{what}-{body}-{}: {count} allocations, {most} octets at most", algorithm.word());
            }
        }
    }
}
