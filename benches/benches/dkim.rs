//! DKIM from raw octets beside its floor: SHA-256 of the canonical body and one signature, nothing else.
//!
//! Criterion's own figures come first; then a table of × floor, from rounds in which every case has its turn, in time of
//! the processor where the system tells it, so that a busy machine changes little. Each case rotates over many messages.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)] // a bench may

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use gatepost_benches::dkim::{ALGORITHMS, BODIES, Keys, Message};
use gatepost_dkim::Algorithm;

/// How long a case runs in one round of the table, at least once: the time of the processor is told in steps of some ms.
const TURN: Duration = Duration::from_millis(100);
const ROUNDS: usize = 7;

struct Case {
    name: String,
    algorithm: Algorithm,
    messages: Vec<Message>,
}

type Work = fn(&Keys, &Message, Algorithm);

/// What is measured, ours beside its floor.
const WORK: [(&str, Work, Work); 2] = [
    ("verify", |keys, m, _| assert!(keys.verify(m)), |keys, m, algorithm| assert!(keys.verify_floor(m, algorithm))),
    (
        "sign",
        |keys, m, algorithm| drop(keys.sign(m, algorithm)),
        |keys, m, algorithm| drop(keys.sign_floor(m, algorithm)),
    ),
];

fn main() {
    let keys = Keys::default();
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .sample_size(10)
        .configure_from_args();
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let mut rows = Vec::new();
    for (body, octets, make) in BODIES {
        for algorithm in ALGORITHMS {
            let name = format!("{body}-{}", algorithm.word().split('-').next().unwrap_or_default());
            if wanted.as_ref().is_some_and(|wanted| !name.contains(wanted.as_str())) {
                continue;
            }
            let case = Case { name, algorithm, messages: keys.messages(octets, make, algorithm) };
            for (what, ours, floor) in WORK {
                let mut group = criterion.benchmark_group(format!("dkim-{what}-{}", case.name));
                group.throughput(Throughput::Bytes(u64::try_from(octets).unwrap()));
                for (who, work) in [("floor", floor), ("gatepost", ours)] {
                    let mut turn = case.messages.iter().cycle();
                    group.bench_function(who, |bencher| {
                        bencher.iter(|| work(&keys, black_box(turn.next().unwrap()), algorithm));
                    });
                }
                group.finish();
                rows.push(format!("{what:<7} {:<20} {}", case.name, ratio(&keys, &case, ours, floor)));
            }
        }
    }
    criterion.final_summary();
    println!("\n{:<7} {:<20} {:>8} {:>8} {:>8} {:>10}", "", "", "x floor", "least", "most", "us");
    rows.iter().for_each(|row| println!("{row}"));
}

/// The median of the rounds' ratios, their range, and our time.
fn ratio(keys: &Keys, case: &Case, ours: Work, floor: Work) -> String {
    let (mut ratios, mut best) = (Vec::new(), f64::MAX);
    let mut turns = [case.messages.iter().cycle(), case.messages.iter().cycle()];
    for _ in 0..ROUNDS {
        let [floor_us, ours_us] = [floor, ours]
            .iter()
            .zip(&mut turns)
            .map(|(work, turn)| {
                let (began, spent, mut runs) = (Instant::now(), processor_time(), 0.0);
                while runs == 0.0 || began.elapsed() < TURN {
                    work(keys, black_box(turn.next().unwrap()), case.algorithm);
                    runs += 1.0;
                }
                let wall = began.elapsed().as_secs_f64();
                let spent = processor_time().zip(spent).map_or(wall, |(now, then)| now - then);
                spent * 1e6 / runs
            })
            .collect::<Vec<_>>()
            .try_into()
            .unwrap();
        ratios.push(ours_us / floor_us);
        best = f64::min(best, ours_us);
    }
    ratios.sort_by(f64::total_cmp);
    let at = |index: usize| ratios.get(index).copied().unwrap_or_default();
    format!("{:>8.3} {:>8.3} {:>8.3} {best:>10.1}", at(ROUNDS / 2), at(0), at(ROUNDS - 1))
}

/// Seconds that this thread has run, from Linux's schedstat; the system does not take part in what is measured.
fn processor_time() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e9)
}
