//! An SMTP session with a message of 50 KB through the server endpoint, without I/O.
#![allow(clippy::unwrap_used, missing_docs)] // a bench may

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gatepost_smtp::server::{Config, Event, Profile, Server};
use gatepost_wire::{Endpoint, Step};

fn session(script: &[u8]) -> usize {
    let mut server = Server::new(Config::new("mx.example".parse().unwrap(), Profile::Mx), "nonce");
    let (mut chunks, mut octets) = (script.chunks(16 << 10), 0);
    loop {
        match server.poll() {
            Step::Event(Event::Data(data)) => octets += data.len(),
            Step::Event(_) => server.accept(),
            Step::Read(_) => match chunks.next() {
                Some(chunk) => server.feed(chunk),
                None => return octets,
            },
            Step::Write(_) | Step::StartTls => {}
            Step::Close => return octets,
        }
    }
}

fn benches(criterion: &mut Criterion) {
    let body = gatepost_benches::prose(50 << 10);
    let head = b"EHLO c.example\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<b@mx.example>\r\nDATA\r\n";
    let script = [head.as_slice(), &body, b".\r\nQUIT\r\n"].concat();
    let mut group = criterion.benchmark_group("smtp-session-50k");
    group.throughput(Throughput::Bytes(u64::try_from(script.len()).unwrap()));
    group.bench_function("gatepost", |b| b.iter(|| assert_eq!(session(black_box(&script)), body.len())));
    group.bench_function("floor-copy", |b| b.iter(|| black_box(black_box(&script).to_vec())));
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
