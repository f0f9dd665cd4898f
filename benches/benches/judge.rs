//! Judgement: DMARC over parsed records as behind a DNS cache, the header field that says it, and a whole message beside its
//! floor: SHA-256 of the canonical body and one RSA check, nothing else.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)] // a bench may

use std::hint::black_box;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gatepost::{Envelope, Judge};
use gatepost_benches::{html, prose};
use gatepost_dkim::sign::{Signer, Spec};
use gatepost_dkim::{Canonicalization, PrivateKey};
use gatepost_dmarc::{Identifiers, Limits, Preset, check};
use gatepost_dns::{Zone, block_on};
use gatepost_results::{AuthResults, authres};
use gatepost_syntax::{Domain, HeaderBlock, HeaderLimits, author};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey};

const KEY: &str = include_str!("../keys/rsa2048-test.pem"); // a test key

fn dmarc(criterion: &mut Criterion) {
    let zone = gatepost_benches::dmarc::zone();
    let limits = Limits::default();
    for (name, from) in gatepost_benches::dmarc::CASES {
        let (authors, domain) = (author::parse(&format!("a@{from}")), Domain::parse(from).unwrap());
        let passed = Identifiers::default().with_spf(&domain, "pass").with_dkim(&domain, "pass");
        let judge = || block_on(check(&zone, black_box(&authors), &passed, &limits, Preset::Record));
        assert_eq!(judge().verdict.word(), "pass");
        criterion.bench_function(name, |bencher| bencher.iter(judge));
    }
}

fn whole(criterion: &mut Criterion) {
    let key = PrivateKey::from_pem(KEY).unwrap();
    let networks: String = (0..8).map(|n| format!(" include:_{n}.example.org")).collect();
    let includes: String =
        (0..8).map(|n| format!("_{n}.example.org TXT \"v=spf1 ip4:192.0.2.{n} ip4:10.{n}.0.0/16 ?all\"\n")).collect();
    let zone = format!(
        "example.org TXT \"v=spf1{networks} -all\"\n{includes}_dmarc.example.org TXT \"v=DMARC1; p=reject\"\n\
         s._domainkey.example.org TXT \"{}\"",
        key.public_record()
    );
    let judge = Judge::new(Arc::new(Zone::parse(&zone).unwrap()), "mx.example.net");
    let envelope = Envelope {
        ip: "192.0.2.7".parse().unwrap(),
        helo: "mail.example.org".into(),
        mail_from: "ann@example.org".into(),
        now: UNIX_EPOCH,
    };
    let pair = RsaKeyPair::from_der(&der()).unwrap();
    for (name, body) in [("inbound-2k-text", prose(2 << 10)), ("inbound-50k-html", html(1, 50 << 10))] {
        let message = [HEAD.as_bytes(), b"\r\n", &body].concat();
        let (headers, at) = HeaderBlock::parse(&message, &HeaderLimits::default()).unwrap();
        let mut signer = Signer::new(Spec::new("example.org".parse().unwrap(), "s".parse().unwrap()), headers).unwrap();
        signer.body(&message[at..]);
        let signed = [signer.finish().unwrap().sign(&key).unwrap().as_bytes(), &message].concat();
        let mut signature = vec![0; 256];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), HEAD.as_bytes(), &mut signature).unwrap();
        let canonical = gatepost_dkim::canon::body(&body, Canonicalization::Relaxed);
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(u64::try_from(signed.len()).unwrap()));
        group.bench_function("floor", |bencher| {
            bencher.iter(|| {
                black_box(digest(&SHA256, black_box(&canonical)));
                let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
                public.verify(black_box(HEAD.as_bytes()), &signature).unwrap();
            });
        });
        group.bench_function("gatepost", |bencher| {
            bencher.iter(|| {
                let inbound = block_on(judge.message(&envelope, black_box(&signed))).unwrap();
                let field = inbound.results().to_field();
                assert!(field.contains("dmarc=pass") && field.contains("dkim=pass"));
                field
            });
        });
        group.finish();
        if name.ends_with("text") {
            results(criterion, &block_on(judge.message(&envelope, &signed)).unwrap());
        }
    }
}

/// The field for dkim, spf and dmarc, from their outcomes, and its reading.
fn results(criterion: &mut Criterion, inbound: &gatepost::Inbound) {
    let write = || {
        let results = AuthResults::new("mx.example.net").with_all(inbound.dkim.res_infos());
        results.with(inbound.spf.res_info()).with(inbound.dmarc.res_info()).to_field()
    };
    let field = write();
    let body = field.split_once(':').unwrap().1;
    criterion.bench_function("authres-write", |bencher| bencher.iter(write));
    criterion.bench_function("authres-read", |bencher| bencher.iter(|| authres::parse(black_box(body)).unwrap()));
}

fn der() -> Vec<u8> {
    let text: String = KEY.lines().filter(|line| !line.starts_with("-----")).collect();
    gatepost_syntax::base64::decode(text).unwrap()
}

const HEAD: &str = "Received: from mail.example.org by mx.example.net with ESMTPS id 4711; Tue, 24 Nov 2026 09:00:00 +0000\r\n\
    Received: from [192.0.2.77] by mail.example.org with ESMTPSA id 815; Tue, 24 Nov 2026 08:59:59 +0000\r\n\
    From: Ann <ann@example.org>\r\nTo: Bob <bob@example.net>\r\nSubject: a bench of a whole judgement\r\n\
    Date: Tue, 24 Nov 2026 08:59:58 +0000\r\nMessage-ID: <4711@example.org>\r\nMIME-Version: 1.0\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nUser-Agent: a bench\r\n";

criterion_group!(all, dmarc, whole);
criterion_main!(all);
