//! POP3 from a Maildir of 2,000 messages of 8 KB: log-in, STAT, UIDL, RETR of all, beside a floor that answers from memory.
//!
//! `cargo bench --bench pop3`, or `-- pipelined` for the cases with that word; another server takes part in the same rounds when it is told in the environment:
//! `POP3_PEER=NAME,PORT,TLS-PORT,USER,PASSWORD,CA.pem`. Both ends share this machine; read the ratios first.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, clippy::as_conversions, clippy::indexing_slicing)] // a bench may

mod client;
mod floor;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gatepost::{Maildir, Server, Service, Users, tls};
use gatepost_dns::Zone;
use gatepost_pop3::server::Config;
use gatepost_sasl::{Policy, Secret};
use gatepost_syntax::Mailbox;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use client::{Session, Times};

const MESSAGES: usize = 2_000;
const ROUNDS: usize = 5;

/// Who is asked.
struct Target {
    name: String,
    plain: u16,
    tls: u16,
    user: String,
    password: String,
    config: Arc<ClientConfig>,
}

/// How it is asked.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    tls: bool,
    window: usize,
}

const CASES: [Case; 4] = [
    Case { name: "plain, one at a time", tls: false, window: 1 },
    Case { name: "TLS, one at a time", tls: true, window: 1 },
    Case { name: "plain, 50 pipelined", tls: false, window: 50 },
    Case { name: "TLS, 50 pipelined", tls: true, window: 50 },
];

fn main() {
    let word = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    let cases: Vec<Case> = CASES.into_iter().filter(|case| case.name.contains(&word)).collect();
    let folder = std::env::temp_dir().join(format!("gatepost-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let message = message();
    let certificate = certificate(&folder);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut targets =
        vec![floor::start(&message, MESSAGES, &certificate), runtime.block_on(ours(&folder, &message, &certificate))];
    targets.extend(peer());
    let mut results: Vec<Vec<Vec<Times>>> = vec![vec![Vec::new(); targets.len()]; cases.len()];
    for _ in 0..ROUNDS {
        for (case, results) in cases.iter().zip(&mut results) {
            for (target, times) in targets.iter().zip(results) {
                times.push(Session::run(target, *case, MESSAGES));
            }
        }
    }
    println!("{:<22}{:<10}{:>12}{:>9}{:>14}{:>8}", "", "", "RETR/s", "x floor", "to UIDL, ms", "STAT");
    for (case, results) in cases.iter().zip(&results) {
        let floor = median(&results[0], |times| times.retrieved);
        for (target, times) in targets.iter().zip(results) {
            let (whole, to_uidl) = (median(times, |times| times.retrieved), median(times, |times| times.to_uidl));
            let rate = MESSAGES as f64 / whole.as_secs_f64();
            println!(
                "{:<22}{:<10}{rate:>12.0}{:>9.2}{:>14.2}{:>8.2}",
                case.name,
                target.name,
                floor.as_secs_f64() / whole.as_secs_f64(),
                to_uidl.as_secs_f64() * 1e3,
                median(times, |times| times.to_stat).as_secs_f64() * 1e3
            );
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

fn median(times: &[Times], what: impl Fn(&Times) -> Duration) -> Duration {
    let mut all: Vec<Duration> = times.iter().map(what).collect();
    all.sort();
    all[all.len() / 2]
}

fn message() -> Vec<u8> {
    let mut message = b"From: a@example.test\r\nTo: bob@example.test\r\nSubject: a message of a bench\r\n\r\n".to_vec();
    while message.len() < 8 << 10 {
        message.extend_from_slice(b"The quick brown fox jumps over the lazy dog, and goes home to its den.\r\n");
    }
    message
}

fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = (folder.join("certificate.pem"), folder.join("key.pem"));
    std::fs::write(&files.0, made.cert.pem()).unwrap();
    std::fs::write(&files.1, made.signing_key.serialize_pem()).unwrap();
    files
}

/// The facade's server over a Maildir.
async fn ours(folder: &Path, message: &[u8], (certificate, key): &(PathBuf, PathBuf)) -> Target {
    let (user, password) = ("bob@example.test", "pencil");
    for part in ["tmp", "new", "cur"] {
        std::fs::create_dir_all(folder.join("mail/example.test/bob").join(part)).unwrap();
    }
    for number in 0..MESSAGES {
        let name =
            format!("mail/example.test/bob/new/{}.M1P1.bench,S={l},W={l}", 1_700_000_000 + number, l = message.len());
        std::fs::write(folder.join(name), message).unwrap();
    }
    let users = Users::new(Secret::new("a bench's secret"));
    users.add(&Mailbox::parse(user).unwrap(), &Secret::new(password), b"sixteen octets..").unwrap();
    let mut sasl = Policy::default();
    sasl.plaintext_without_tls = true; // two cases are in clear
    let server = Server::new("mx.example.test".parse().unwrap())
        .resolver(Zone::parse("").unwrap())
        .tls(tls::from_pem(certificate, key).unwrap())
        .users(users)
        .pop3_config(Config { sasl, ..Config::default() })
        .store(Maildir::open(folder.join("mail")).unwrap())
        .listen(Service::Pop3, "127.0.0.1:0")
        .unwrap()
        .listen(Service::Pop3s, "127.0.0.1:0")
        .unwrap();
    let handle = server.start().await.unwrap();
    let port = |service| handle.address(service).unwrap().port();
    let (plain, tls) = (port(Service::Pop3), port(Service::Pop3s));
    std::mem::forget(handle); // it runs to the end
    let config = roots(certificate);
    Target { name: "gatepost".into(), plain, tls, user: user.into(), password: password.into(), config }
}

fn peer() -> Option<Target> {
    let told = std::env::var("POP3_PEER").ok()?;
    let words: Vec<&str> = told.split(',').collect();
    let [name, plain, tls, user, password, ca] = words[..] else {
        panic!("POP3_PEER=NAME,PORT,TLS-PORT,USER,PASSWORD,CA.pem")
    };
    let config = roots(Path::new(ca));
    let (plain, tls) = (plain.parse().unwrap(), tls.parse().unwrap());
    Some(Target { name: name.into(), plain, tls, user: user.into(), password: password.into(), config })
}

fn roots(certificate: &Path) -> Arc<ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(certificate).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}
