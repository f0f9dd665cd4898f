//! How often and how much the heap is used. Apart from the timed benches: a counting allocator slows what it counts.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)] // a bench may

use gatepost_benches::dkim::{ALGORITHMS, BODIES, Keys};
use gatepost_benches::spf::{CASES, zone};
use gatepost_dns::block_on;
use gatepost_spf::{Limits, Query, check};

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
    dkim();
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
