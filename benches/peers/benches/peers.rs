//! mail-auth and smtp-proto beside ours: the same messages and records in the same run, ours over a `Zone`, theirs over a
//! cache, both with records that were parsed before.
//!
//! `cd benches/peers && cargo bench --ignore-rust-version` (mail-parser asks for a newer compiler than it needs)
#![allow(clippy::unwrap_used, missing_docs)] // a bench may

use std::hint::black_box;
use std::net::IpAddr;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gatepost_benches::COMMANDS;
use gatepost_benches::dkim::{ALGORITHMS, BODIES, Keys, RSA_TEST_KEY};
use gatepost_benches::spf::{CASES, zone};
use gatepost_dkim::Algorithm;
use gatepost_dmarc::{Identifiers, Preset};
use gatepost_dns::{Zone, block_on};
use gatepost_peers::Txt;
use gatepost_results::AuthResults;
use gatepost_spf::Query;
use gatepost_syntax::{Domain, author};
use mail_auth::crypto::{RsaKey, Sha256};
use mail_auth::dkim::DkimSigner;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::dns::Parameters;
use mail_auth::headers::HeaderWriter;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{AuthenticatedMessage, AuthenticationResults, DkimResult, DmarcResult, MessageAuthenticator};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use smtp_proto::Request;

const HOST: &str = "mx.example.net";

/// It has everything in its cache, and asks no server.
fn authenticator() -> MessageAuthenticator {
    MessageAuthenticator::new_cloudflare().unwrap()
}

fn dkim(criterion: &mut Criterion) {
    let (keys, theirs) = (Keys::default(), authenticator());
    let record = |algorithm| keys.record(algorithm);
    let text = format!(
        "rsa._domainkey.example.org TXT \"{}\"\ned25519._domainkey.example.org TXT \"{}\"",
        record(Algorithm::RsaSha256),
        record(Algorithm::Ed25519Sha256)
    );
    let names = ["rsa._domainkey.example.org", "ed25519._domainkey.example.org"];
    let cache = Txt::new(&Zone::parse(&text).unwrap(), &names);
    for (body, octets, make) in BODIES.into_iter().filter(|(_, octets, _)| *octets <= 1 << 20) {
        for algorithm in ALGORITHMS {
            let messages = keys.messages(octets, make, algorithm);
            let name = algorithm.word().split('-').next().unwrap();
            let mut group = criterion.benchmark_group(format!("dkim-verify-{body}-{name}"));
            group.throughput(Throughput::Bytes(u64::try_from(octets).unwrap()));
            let mut turn = messages.iter().cycle();
            group.bench_function("floor-ring", |b| b.iter(|| keys.verify_floor(turn.next().unwrap(), algorithm)));
            group.bench_function("gatepost", |b| b.iter(|| assert!(keys.verify(turn.next().unwrap()))));
            group.bench_function("mail-auth", |b| {
                b.iter(|| {
                    let message = AuthenticatedMessage::parse(&turn.next().unwrap().signed).unwrap();
                    let outcome = block_on(theirs.verify_dkim(Parameters::new(&message).with_cache(&cache)));
                    assert_eq!(*outcome.first().unwrap().result(), DkimResult::Pass);
                });
            });
            group.finish();
        }
    }
}

/// RSA, 2 KB: both sign the same fields.
fn sign(criterion: &mut Criterion) {
    let keys = Keys::default();
    let (_, octets, make) = BODIES[0];
    let messages = keys.messages(octets, make, Algorithm::RsaSha256);
    let signed = String::from_utf8(messages[0].signed.clone()).unwrap();
    let fields: Vec<String> = {
        let list =
            signed.split("h=").find(|part| part.contains(':') && part.to_lowercase().starts_with("from")).unwrap();
        list.split(';').next().unwrap().split(':').map(|name| name.trim().to_owned()).collect()
    };
    let key = PrivateKeyDer::from_pem_slice(RSA_TEST_KEY.as_bytes()).unwrap();
    let key = RsaKey::<Sha256>::from_key_der(key).unwrap();
    let signer = DkimSigner::from_key(key).domain("example.org").selector("rsa").headers(fields);
    let mut group = criterion.benchmark_group("dkim-sign-2k-text-rsa");
    let mut turn = messages.iter().cycle();
    group.bench_function("floor-ring", |b| b.iter(|| keys.sign_floor(turn.next().unwrap(), Algorithm::RsaSha256)));
    group.bench_function("gatepost", |b| b.iter(|| keys.sign(turn.next().unwrap(), Algorithm::RsaSha256)));
    group.bench_function("mail-auth", |b| {
        b.iter(|| signer.sign(&turn.next().unwrap().unsigned).unwrap().to_header());
    });
    group.finish();
}

fn spf(criterion: &mut Criterion) {
    let (zone, theirs, limits) = (zone(), authenticator(), gatepost_spf::Limits::default());
    let names = ["simple", "nested", "_a.nested", "_b.nested"].map(|name| format!("{name}.example"));
    let leaves = ["a1", "a2", "a3", "b1", "b2", "b3"].map(|name| format!("_{name}.nested.example"));
    let names: Vec<&str> = names.iter().chain(&leaves).map(String::as_str).collect();
    let cache = Txt::new(&zone, &names);
    for (name, ip, sender, verdict) in CASES {
        let ip: IpAddr = ip.parse().unwrap();
        let mut group = criterion.benchmark_group(name);
        group.bench_function("gatepost", |b| {
            b.iter(|| {
                let query = Query::mail_from(ip, black_box(sender), "mail.example");
                let outcome = block_on(gatepost_spf::check(&zone, &query, &limits));
                assert_eq!(outcome.verdict.word(), verdict);
            });
        });
        group.bench_function("mail-auth", |b| {
            b.iter(|| {
                let query = SpfParameters::mail_from(ip, "mail.example", HOST, black_box(sender));
                let outcome = block_on(theirs.verify_spf(Parameters::new(query).with_cache(&cache)));
                assert_eq!(outcome.result().to_string(), verdict);
            });
        });
        group.finish();
    }
}

/// DMARC of a message whose author is at the record, and of one two labels below; then the field that says all results.
fn dmarc(criterion: &mut Criterion) {
    let (keys, theirs, limits) = (Keys::default(), authenticator(), gatepost_dmarc::Limits::default());
    let zone = format!(
        "_dmarc.example.org TXT \"v=DMARC1; p=reject\"\nexample.org TXT \"v=spf1 ip4:192.0.2.7 -all\"\nrsa._domainkey.example.org \
         TXT \"{}\"",
        keys.record(Algorithm::RsaSha256)
    );
    let zone = Zone::parse(&zone).unwrap();
    let cache = Txt::new(&zone, &["_dmarc.example.org", "example.org", "rsa._domainkey.example.org"]);
    let domain = Domain::parse("example.org").unwrap();
    let query = SpfParameters::mail_from("192.0.2.7".parse().unwrap(), "mail.example.org", HOST, "ann@example.org");
    let spf = block_on(theirs.verify_spf(Parameters::new(query).with_cache(&cache)));
    for (name, from) in [("dmarc-exact", "example.org"), ("dmarc-two-below", "a.b.example.org")] {
        let text = format!("From: Ann <ann@{from}>\r\n\r\nHello\r\n");
        let message = AuthenticatedMessage::parse(text.as_bytes()).unwrap();
        let (authors, passed) =
            (author::parse(&format!("ann@{from}")), Identifiers::default().with_spf(&domain, "pass"));
        let mut group = criterion.benchmark_group(name);
        group.bench_function("gatepost", |b| {
            b.iter(|| {
                let outcome = gatepost_dmarc::check(&zone, black_box(&authors), &passed, &limits, Preset::Record);
                assert_eq!(block_on(outcome).verdict.word(), "pass");
            });
        });
        group.bench_function("mail-auth", |b| {
            b.iter(|| {
                let parameters = DmarcParameters::new(black_box(&message), &[], "example.org", &spf);
                let outcome = block_on(theirs.verify_dmarc(Parameters::new(parameters).with_cache(&cache)));
                assert_eq!(*outcome.spf_result(), DmarcResult::Pass);
            });
        });
        group.finish();
    }

    let signed = keys.messages(2 << 10, BODIES[0].2, Algorithm::RsaSha256).remove(0).signed;
    let message = AuthenticatedMessage::parse(&signed).unwrap();
    let dkim = block_on(theirs.verify_dkim(Parameters::new(&message).with_cache(&cache)));
    let parameters = DmarcParameters::new(&message, &dkim, "example.org", &spf);
    let outcome = block_on(theirs.verify_dmarc(Parameters::new(parameters).with_cache(&cache)));
    let ours = ours(&keys, &zone, &signed);
    let mut group = criterion.benchmark_group("authres-write");
    group.bench_function("gatepost", |b| {
        b.iter(|| {
            let results = AuthResults::new(HOST).with_all(ours.0.res_infos());
            results.with(ours.1.res_info()).with(ours.2.res_info()).to_field()
        });
    });
    group.bench_function("mail-auth", |b| {
        b.iter(|| {
            let results = AuthenticationResults::new(HOST).with_dkim_results(&dkim, message.first_from_address());
            results.with_spf_result(&spf, &query).with_dmarc_result(&outcome).to_header()
        });
    });
    group.finish();
}

type Outcomes = (gatepost_dkim::Outcome, gatepost_spf::Outcome, gatepost_dmarc::Outcome);

/// Our outcomes for the same message.
fn ours(keys: &Keys, zone: &Zone, signed: &[u8]) -> Outcomes {
    let dkim = keys.results(signed);
    let query = Query::mail_from("192.0.2.7".parse().unwrap(), "ann@example.org", "mail.example.org");
    let spf = block_on(gatepost_spf::check(zone, &query, &gatepost_spf::Limits::default()));
    let domain = Domain::parse("example.org").unwrap();
    let passed = Identifiers::default().with_spf(&domain, "pass").with_dkim(&domain, "pass");
    let authors = author::parse("ann@example.org");
    let limits = gatepost_dmarc::Limits::default();
    let dmarc = block_on(gatepost_dmarc::check(zone, &authors, &passed, &limits, Preset::Record));
    (dkim, spf, dmarc)
}

fn smtp(criterion: &mut Criterion) {
    let lines = COMMANDS.map(|line| format!("{line}\r\n"));
    let mut group = criterion.benchmark_group("smtp-commands");
    group.throughput(Throughput::Elements(10));
    group.bench_function("gatepost", |b| {
        b.iter(|| {
            let read = COMMANDS.iter().filter(|line| gatepost_smtp::Command::parse(black_box(line.as_bytes())).is_ok());
            assert_eq!(read.count(), 10);
        });
    });
    group.bench_function("smtp-proto", |b| {
        b.iter(|| {
            let read = lines.iter().filter(|line| Request::parse(&mut black_box(line.as_bytes()).iter()).is_ok());
            assert_eq!(read.count(), 10);
        });
    });
    group.finish();
}

criterion_group!(all, dkim, sign, spf, dmarc, smtp);
criterion_main!(all);
