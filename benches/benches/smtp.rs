//! SMTP without I/O: commands, received and sent data, and a session, beside copies and searches of the same run.
#![allow(clippy::unwrap_used, missing_docs)] // a bench may

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use gatepost_benches::COMMANDS;
use gatepost_smtp::Command;
use gatepost_smtp::server::{Config, Event, Profile, Server};
use gatepost_wire::{DotWriter, Endpoint, Step};

fn bytes(group: &mut BenchmarkGroup<'_, WallTime>, octets: usize) {
    group.throughput(Throughput::Bytes(u64::try_from(octets).unwrap()));
}

fn commands(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("smtp-commands");
    group.throughput(Throughput::Elements(10));
    let parse = |lines: &[&str]| lines.iter().filter(|line| Command::parse(black_box(line.as_bytes())).is_ok()).count();
    group.bench_function("gatepost", |b| b.iter(|| assert_eq!(parse(&COMMANDS), 10)));
    let script = COMMANDS.map(|line| format!("{line}\r\n")).concat();
    let split = |script: &str| memchr::memchr_iter(b'\n', script.as_bytes()).map(black_box).count();
    group.bench_function("floor-memchr", |b| b.iter(|| assert_eq!(split(black_box(&script)), 10)));
    group.finish();
    for line in COMMANDS {
        let mut group = criterion.benchmark_group("smtp-command");
        group.throughput(Throughput::Elements(1));
        group.bench_function(line.get(..10).unwrap_or(line), |b| b.iter(|| Command::parse(black_box(line.as_bytes()))));
        group.finish();
    }
}

/// A server within DATA.
fn receiving() -> Server {
    let mut config = Config::new("mx.example".parse().unwrap(), Profile::Mx);
    config.limits.message = u64::MAX;
    let mut server = Server::new(config, "nonce");
    server.feed(b"EHLO c.example\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<b@mx.example>\r\nDATA\r\n");
    loop {
        match server.poll() {
            Step::Read(_) => return server,
            Step::Event(_) => server.accept(),
            _ => {}
        }
    }
}

/// Clean text in chunks of two sizes, in cache.
fn data(criterion: &mut Criterion) {
    let mut body = gatepost_benches::prose(64 << 10);
    body.truncate(64 << 10);
    for (name, chunk) in [("smtp-data-4k", 4 << 10), ("smtp-data-64k", 64 << 10)] {
        let mut group = criterion.benchmark_group(name);
        bytes(&mut group, body.len());
        // the same buffers go in and come out: nothing is copied
        let (mut server, mut buffers) = (receiving(), body.chunks(chunk).map(BytesMut::from).collect::<Vec<_>>());
        group.bench_function("server", |b| {
            b.iter(|| {
                for buffer in &mut buffers {
                    server.feed_owned(std::mem::take(buffer));
                    while let Step::Event(Event::Data(octets)) = server.poll() {
                        *buffer = octets.try_into_mut().unwrap();
                    }
                }
            })
        });
        assert_eq!(buffers.concat(), body);
        let mut server = receiving();
        group.bench_function("server-copying", |b| {
            b.iter(|| {
                for piece in body.chunks(chunk) {
                    server.feed(black_box(piece));
                    while let Step::Event(event) = server.poll() {
                        black_box(event);
                    }
                }
            })
        });
        let mut out = Vec::with_capacity(2 * chunk);
        group.bench_function("dot-writer", |b| {
            b.iter(|| {
                let mut writer = DotWriter::new();
                for piece in body.chunks(chunk) {
                    out.clear();
                    writer.write(black_box(piece), &mut out);
                }
            })
        });
        group.bench_function("floor-memcpy", |b| {
            b.iter(|| {
                for piece in body.chunks(chunk) {
                    out.clear();
                    out.extend_from_slice(black_box(piece));
                }
            })
        });
        group.finish();
    }
}

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

fn sessions(criterion: &mut Criterion) {
    let body = gatepost_benches::prose(50 << 10);
    let head = b"EHLO c.example\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<b@mx.example>\r\nDATA\r\n";
    let script = [head.as_slice(), &body, b".\r\nQUIT\r\n"].concat();
    let mut group = criterion.benchmark_group("smtp-session-50k");
    bytes(&mut group, script.len());
    group.bench_function("gatepost", |b| b.iter(|| assert_eq!(session(black_box(&script)), body.len())));
    group.bench_function("floor-copy", |b| b.iter(|| black_box(black_box(&script).to_vec())));
    group.finish();
}

criterion_group!(all, commands, data, sessions);
criterion_main!(all);
