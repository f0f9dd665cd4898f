//! DKIM verification of a whole message beside its floor: SHA-256 of the canonical body and one signature check, nothing else.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)] // a bench may

use std::hint::black_box;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gatepost_benches::{base64, html, prose, ragged};
use gatepost_dkim::sign::{Signer, Spec};
use gatepost_dkim::{Canonicalization, Limits, PrivateKey, Verifier};
use gatepost_dns::{Zone, block_on};
use gatepost_syntax::{HeaderBlock, HeaderLimits};
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

fn verify(message: &[u8], zone: &Zone) -> &'static str {
    let (headers, body) = HeaderBlock::parse(message, &HeaderLimits::default()).unwrap();
    let mut verifier = Verifier::new(Arc::new(headers), &Limits::default());
    verifier.body(&message[body..]);
    block_on(verifier.finish().results(zone, UNIX_EPOCH)).word()
}

fn benches(criterion: &mut Criterion) {
    let seed = [7; 32]; // a test key
    let key = PrivateKey::from_ed25519_seed(&seed).unwrap();
    let zone = Zone::parse(&format!("s._domainkey.example.org TXT \"{}\"", key.public_record())).unwrap();
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let bodies = [
        ("2k-text", prose(2 << 10)),
        ("50k-text", prose(50 << 10)),
        ("50k-html", html(50 << 10)),
        ("50k-ragged", ragged(50 << 10)),
        ("1m-text", prose(1 << 20)),
        ("1m-base64", base64(1 << 20)),
    ];
    for (name, body) in bodies {
        let head = b"From: ann@example.org\r\nTo: bob@example.org\r\nSubject: a bench\r\n\r\n";
        let message = [head.as_slice(), &body].concat();
        let (headers, at) = HeaderBlock::parse(&message, &HeaderLimits::default()).unwrap();
        let mut signer = Signer::new(Spec::new("example.org".parse().unwrap(), "s".parse().unwrap()), headers).unwrap();
        signer.body(&message[at..]);
        let signed = [signer.finish().unwrap().sign(&key).unwrap().as_bytes(), &message].concat();
        let hash = digest(&SHA256, head);
        let signature = pair.sign(hash.as_ref());
        let canonical = gatepost_dkim::canon::body(&body, Canonicalization::Relaxed);
        let mut group = criterion.benchmark_group(format!("dkim-verify-{name}"));
        group.throughput(Throughput::Bytes(u64::try_from(signed.len()).unwrap()));
        group.bench_function("floor", |bencher| {
            bencher.iter(|| {
                black_box(digest(&SHA256, black_box(&canonical)));
                let public = UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref());
                public.verify(digest(&SHA256, head).as_ref(), signature.as_ref()).unwrap();
            });
        });
        group.bench_function("gatepost", |bencher| {
            bencher.iter(|| assert_eq!(verify(black_box(&signed), &zone), "pass"))
        });
        group.finish();
    }
}

criterion_group!(all, benches);
criterion_main!(all);
