//! Log-ins without a password: certificates and tokens. And how a session ends when the server does.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

use std::path::{Path, PathBuf};
use std::time::Duration;

use gatepost::client::{self, ClientTls};
use gatepost::{Handle, Memory, Server, ServerLimits, Service, Users, tls};
use gatepost_dns::Zone;
use gatepost_sasl::{
    Answer, Authenticator, BoxFuture, ClientError, Credentials, Fingerprint, Identity, Name, Policy, Question, Secret,
    UserFile, Verifier,
};
use gatepost_smtp::client::{Client, Config, Event, Failure, Limits};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A self-signed certificate and its key in files, made for this test; and the certificate in DER.
fn certificate(folder: &Path, name: &str) -> (PathBuf, PathBuf, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let (certificate, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (certificate, key, made.cert.der().to_vec())
}

fn folder(test: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("gatepost-test-{}-{test}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A server for submission, STARTTLS or not, with a certificate of `localhost`.
async fn start(folder: &Path, change: impl FnOnce(Server, tls::Tls) -> Server) -> (Handle, ClientTls) {
    let (pem, key, _) = certificate(folder, "localhost");
    let server = Server::new("mx.example.test".parse().unwrap()).resolver(Zone::parse("").unwrap());
    let server = server.users(Users::new(Secret::new("a test secret"))).store(Memory::new()).spool(folder);
    let server = change(server, tls::from_pem(&pem, key).unwrap());
    let server = server.listen(Service::Submissions, "127.0.0.1:0").unwrap();
    let server = server.listen(Service::Mx, "127.0.0.1:0").unwrap();
    (server.start().await.unwrap(), ClientTls::with_roots(pem).unwrap())
}

/// What a log-in comes to.
async fn log_in(handle: &Handle, tls: &ClientTls, credentials: &Credentials) -> Vec<Event> {
    let addresses = [handle.address(Service::Submissions).unwrap()];
    let connection = client::connect_to(&addresses, "localhost", tls, true, &client::Limits::default()).await.unwrap();
    let config = Config { name: "laptop.example".parse().unwrap(), require_tls: true, limits: Limits::default() };
    let mut seen = Vec::new();
    let handler = |smtp: &mut Client, event| {
        match event {
            Event::Ready(_) if seen.is_empty() => smtp.log_in(credentials, &Policy::client(), "nonce"),
            Event::Ready(_) => smtp.quit(),
            event => seen.push(event),
        }
        Ok(())
    };
    client::run(connection, &mut Client::new(config), handler).await.unwrap();
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_logs_in() {
    let folder = folder("certificate");
    let (pem, key, der) = certificate(&folder, "ann.example.test");
    let mut file = UserFile::new();
    file.add("ann@example.test", Verifier::Certificate(Fingerprint::of(&der))).unwrap();
    std::fs::write(folder.join("users"), file.to_string()).unwrap();
    let users = Users::open(folder.join("users"), Secret::new("a test secret")).unwrap();
    let (stranger, strangers_key, _) = certificate(&folder, "eve.example.test");
    let authorities = [std::fs::read(&pem).unwrap(), std::fs::read(&stranger).unwrap()].concat();
    std::fs::write(folder.join("authorities.pem"), authorities).unwrap();
    let with_authorities = |tls: tls::Tls| tls.client_authorities(folder.join("authorities.pem")).unwrap();
    let (handle, tls) = start(&folder, |server, tls| server.tls(with_authorities(tls)).users(users)).await;

    let shown = tls.clone().certificate(&pem, &key).unwrap();
    assert_eq!(log_in(&handle, &shown, &Credentials::certificate()).await, [Event::Authenticated("EXTERNAL")]);
    // a certificate that TLS verifies and no user has; and none at all
    let other = tls.clone().certificate(&stranger, &strangers_key).unwrap();
    let refused = log_in(&handle, &other, &Credentials::certificate()).await;
    assert!(matches!(refused.as_slice(), [Event::Failed(Failure::Refused(reply))] if reply.code == 535), "{refused:?}");
    let refused = log_in(&handle, &tls, &Credentials::certificate()).await;
    assert!(matches!(refused.as_slice(), [Event::Failed(Failure::NoMechanism(_))]), "{refused:?}");
    assert!(tls.certificate(&pem, &strangers_key).is_err(), "the key of another certificate");
    handle.stop().await;
}

/// Knows one token.
struct Tokens;

impl Authenticator for Tokens {
    fn answer<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            match question {
                Question::Token { token, .. } if token.expose() == b"right" => {
                    Answer::Grant(Identity { user: "ann@example.test".to_owned() })
                }
                _ => Answer::Deny,
            }
        })
    }
}

/// Guessing tokens is throttled as guessing passwords is, and a peer gains nothing by leaving before it is told no.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_not_guessed_for_long() {
    let folder = folder("token");
    let mut limits = ServerLimits::default();
    limits.auth_failures = 2;
    limits.exempt.clear();
    let policy = Policy::of([Name::OauthBearer]);
    let (handle, tls) =
        start(&folder, |server, tls| server.tls(tls).authenticator(Tokens).sasl(policy).limits(limits)).await;
    let (right, wrong) = (Credentials::token("", "right"), Credentials::token("", "wrong"));
    assert_eq!(log_in(&handle, &tls, &right).await, [Event::Authenticated("OAUTHBEARER")]);
    for _ in 0..2 {
        let told = log_in(&handle, &tls, &wrong).await;
        let [Event::Failed(Failure::Authentication(ClientError::Told(json)))] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert!(json.contains("invalid_token"));
    }
    let throttled = log_in(&handle, &tls, &right).await;
    let [Event::Failed(Failure::Refused(reply))] = throttled.as_slice() else { panic!("{throttled:?}") };
    assert_eq!(reply.code, 454);
    assert!(handle.metrics().contains("throttled"));
    handle.stop().await;
}

/// RFC 5321 §3.8: who is between two messages is told 421, and who is in one is heard to its end.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_says_so() {
    let folder = folder("stop");
    let (handle, _) = start(&folder, |server, tls| server.tls(tls)).await;
    let address = handle.address(Service::Mx).unwrap();
    let (mut idle, mut busy) = (connect(address).await, connect(address).await);
    ask(&mut idle, "EHLO c.test\r\n", "250 ").await;
    for (line, reply) in [("EHLO c.test\r\n", "250 "), ("MAIL FROM:<a@c.test>\r\n", "250 ")] {
        ask(&mut busy, line, reply).await;
    }
    let stopped = tokio::spawn(handle.stop());
    let mut rest = String::new();
    tokio::time::timeout(Duration::from_secs(20), idle.read_to_string(&mut rest)).await.unwrap().unwrap();
    assert!(rest.starts_with("421 4.3.2 "), "{rest}");
    ask(&mut busy, "RSET\r\n", "421 4.3.2 ").await;
    stopped.await.unwrap();
}

async fn connect(address: std::net::SocketAddr) -> BufReader<TcpStream> {
    let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
    ask(&mut stream, "", "220 ").await;
    stream
}

/// Says a line, and reads up to the reply's line that begins so.
async fn ask(stream: &mut BufReader<TcpStream>, line: &str, reply: &str) {
    stream.get_mut().write_all(line.as_bytes()).await.unwrap();
    let mut heard = String::new();
    while !heard.lines().any(|line| line.starts_with(reply)) {
        assert_ne!(stream.read_line(&mut heard).await.unwrap(), 0, "{heard}");
    }
}
