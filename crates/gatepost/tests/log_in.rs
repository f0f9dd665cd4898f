//! Log-ins without a password: certificates and tokens; SCRAM and what it is bound to. And how a session ends when the server
//! does.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

use std::path::{Path, PathBuf};
use std::time::Duration;

use gatepost::client::{self, ClientTls};
use gatepost::{Handle, Memory, Server, ServerLimits, Service, Users, tls};
use gatepost_dns::Zone;
use gatepost_sasl::{
    Answer, Authenticator, BoxFuture, ClientError, ClientExchange, Credentials, Fingerprint, Identity, Name, Policy,
    Question, Secret, UserFile, Verifier, choose,
};
use gatepost_smtp::client::{Client, Config, Event, Failure};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
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
    let config = Config::new("laptop.example".parse().unwrap());
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

/// Says that it can not be asked, so many times, and then what [`Tokens`] say.
struct Down(std::sync::atomic::AtomicU32);

impl Authenticator for Down {
    fn answer<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Answer> {
        let order = std::sync::atomic::Ordering::SeqCst;
        match self.0.fetch_update(order, order, |left| left.checked_sub(1)) {
            Ok(_) => Box::pin(async { Answer::Unavailable }),
            Err(_) => Tokens.answer(question),
        }
    }
}

/// A store that can not be asked is no reason to let users wait when it can be again.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_down_is_nobodys_failure() {
    let folder = folder("down");
    let mut limits = ServerLimits::default();
    limits.auth_failures = 2;
    limits.exempt.clear();
    let policy = Policy::of([Name::OauthBearer]);
    let down = Down(4.into());
    let (handle, tls) =
        start(&folder, |server, tls| server.tls(tls).authenticator(down).sasl(policy).limits(limits)).await;
    let right = Credentials::token("ann@example.test", "right");
    for _ in 0..4 {
        let refused = log_in(&handle, &tls, &right).await;
        assert!(
            matches!(refused.as_slice(), [Event::Failed(Failure::Refused(reply))] if reply.code == 454),
            "{refused:?}"
        );
    }
    assert_eq!(log_in(&handle, &tls, &right).await, [Event::Authenticated("OAUTHBEARER")]);
    handle.stop().await;
}

/// `ann@example.test` with the password `pencil`.
fn ann() -> Users {
    let users = Users::new(Secret::new("a test secret"));
    users.add(&"ann@example.test".parse().unwrap(), &Secret::new("pencil"), b"salt of 16 bytes").unwrap();
    users
}

/// SCRAM is bound to TLS 1.3, whatever the certificate is signed with. In TLS 1.2 a binding is not offered: whether there is the
/// extended master secret that it would need (RFC 9266 §2) is not known. A client that could bind says so, and is let in.
#[tokio::test(flavor = "multi_thread")]
async fn scram_is_bound_to_the_channel() {
    let folder = folder("binding");
    for (name, algorithm) in [("p384", &rcgen::PKCS_ECDSA_P384_SHA384), ("ed25519", &rcgen::PKCS_ED25519)] {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        let (pem, key_pem) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        std::fs::write(&pem, certificate.pem()).unwrap();
        std::fs::write(&key_pem, key.serialize_pem()).unwrap();
        let with = tls::from_pem(&pem, &key_pem).unwrap();
        let (handle, _) = start(&folder, |server, _| server.tls(with).users(ann())).await;
        let roots = ClientTls::with_roots(&pem).unwrap();
        let credentials = Credentials::password("ann@example.test", "pencil");
        let seen = log_in(&handle, &roots, &credentials).await;
        assert_eq!(seen, [Event::Authenticated("SCRAM-SHA-256-PLUS")], "{name}");

        let mut stream = over_tls_1_2(handle.address(Service::Submissions).unwrap(), certificate.der()).await;
        ask(&mut stream, "", "220 ").await;
        let ehlo = ask(&mut stream, "EHLO c.test\r\n", "250 ").await;
        assert!(ehlo.contains("250-AUTH SCRAM-SHA-256 PLAIN LOGIN\r\n"), "{ehlo}");
        let mut info = gatepost_sasl::TlsInfo::new(gatepost_sasl::TlsVersion::Tls12, "");
        info.server_end_point = Some(vec![0; 48]);
        let (policy, limits) = (Policy::client(), gatepost_sasl::Limits::default());
        let client = choose(&["SCRAM-SHA-256"], &credentials, &policy, Some(&info), "clientnonce", &limits).unwrap();
        let (mut client, words) = ClientExchange::begin(client, 500);
        let mut said = format!("AUTH {}\r\n", std::str::from_utf8(words.expose()).unwrap());
        assert!(said.starts_with("AUTH SCRAM-SHA-256 eSws"), "y,, {said}");
        for _ in 0..2 {
            let challenge = ask(&mut stream, &said, "334 ").await;
            let line = client.challenge(challenge.trim_end().strip_prefix("334 ").unwrap().as_bytes());
            said = format!("{}\r\n", std::str::from_utf8(line.expose()).unwrap());
        }
        ask(&mut stream, &said, "235 ").await;
        assert_eq!(client.end(true), Ok(()));
        handle.stop().await;
    }
}

async fn over_tls_1_2(
    address: std::net::SocketAddr,
    root: &rustls_pki_types::CertificateDer<'static>,
) -> BufReader<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let tcp = TcpStream::connect(address).await.unwrap();
    BufReader::new(connector.connect("localhost".try_into().unwrap(), tcp).await.unwrap())
}

/// Who names whom to act as, and it is himself in another spelling, is let in; as somebody else nobody is.
#[tokio::test(flavor = "multi_thread")]
async fn anybody_may_act_as_himself() {
    let folder = folder("authzid");
    let users = Users::new(Secret::new("a test secret"));
    users.add(&"ann@xn--exmple-cua.test".parse().unwrap(), &Secret::new("pencil"), b"salt of 16 bytes").unwrap();
    let (handle, tls) = start(&folder, |server, tls| server.tls(tls).users(users)).await;
    for (authzid, right) in
        [("ann@ex\u{e4}mple.test", true), ("ANN@Xn--Exmple-cua.test", true), ("bob@example.test", false)]
    {
        let mut ann = Credentials::password("ann@ex\u{e4}mple.test", "pencil");
        ann.authzid = Some(authzid.to_owned());
        let seen = log_in(&handle, &tls, &ann).await;
        assert_eq!(seen == [Event::Authenticated("SCRAM-SHA-256-PLUS")], right, "{authzid} {seen:?}");
    }
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
async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, line: &str, reply: &str) -> String {
    stream.get_mut().write_all(line.as_bytes()).await.unwrap();
    stream.get_mut().flush().await.unwrap();
    let mut heard = String::new();
    while !heard.lines().any(|line| line.starts_with(reply)) {
        assert_ne!(stream.read_line(&mut heard).await.unwrap(), 0, "{heard}");
    }
    heard
}
