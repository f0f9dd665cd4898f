//! How often and how much the heap is used. Apart from the timed benches: a counting allocator slows what it counts.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)] // a bench may

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
}
