//! Clients of ours against servers of ours, over loopback and TLS.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod place;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gatepost::client::{self, Broken, ClientTls, ConnectError, Connection};
use gatepost::{Handle, Memory, Server, Service, tls};
use gatepost_dns::Zone;
use gatepost_sasl::{Credentials, PlainClient, Policy, Secret};
use gatepost_smtp::client::{Client, Config, Event, Failure};
use place::Place;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// A server with a certificate for `localhost`, and the place where that is.
async fn start(test: &str) -> (Handle, Place) {
    let place = Place::new(test);
    let (certificate, key) = place.certificate();
    let server = Server::new("mx.example.test".parse().unwrap()).resolver(Zone::parse("").unwrap());
    let server = server.users(place::users(&["bob@example.test"])).store(Memory::new());
    let server = server.tls(tls::from_pem(certificate, key).unwrap()).spool(&place.0);
    let server = server.listen(Service::Submission, "127.0.0.1:0").unwrap();
    let server = server.listen(Service::Submissions, "127.0.0.1:0").unwrap();
    (server.start().await.unwrap(), place)
}

async fn connect(handle: &Handle, service: Service, host: &str, tls: &ClientTls) -> Result<Connection, ConnectError> {
    let addresses = [handle.address(service).unwrap()];
    client::connect_to(&addresses, host, tls, service == Service::Submissions, &client::Limits::default()).await
}

/// Asks for TLS where that is still to be done, logs in and says good-bye: what happened.
async fn log_in(connection: Connection) -> (Vec<Event>, Result<(), Broken>) {
    let config = Config::new("laptop.example".parse().unwrap());
    let (mut endpoint, mut seen) = (Client::new(config), Vec::new());
    let ended = client::run(connection, &mut endpoint, |smtp: &mut Client, event| {
        match &event {
            Event::Ready(can) if can.starttls => smtp.start_tls(),
            Event::Ready(_) if seen.is_empty() => {
                smtp.authenticate(Box::new(PlainClient::new("bob@example.test", Secret::new("pencil"))));
            }
            Event::Ready(_) => smtp.quit(),
            _ => seen.push(event),
        }
        Ok(())
    });
    let ended = ended.await;
    (seen, ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_logs_in_over_starttls_and_over_implicit_tls() {
    let (handle, place) = start("log-in").await;
    let tls = ClientTls::with_roots(place.certificate().0).unwrap();
    assert!(tls.is_verified());
    for service in [Service::Submission, Service::Submissions] {
        let connection = connect(&handle, service, "localhost", &tls).await.unwrap();
        assert_eq!(connection.tls().is_some(), service == Service::Submissions);
        let (seen, ended) = log_in(connection).await;
        assert_eq!(seen, [Event::Authenticated("PLAIN")], "{service:?}");
        ended.unwrap();
    }
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_name_or_of_a_stranger_is_not_believed() {
    let (handle, place) = start("names").await;
    let (other, others) = start("stranger").await;
    for (host, place) in [("mx.example.test", &place), ("127.0.0.1", &place), ("localhost", &others)] {
        let tls = ClientTls::with_roots(place.certificate().0).unwrap();
        let connection = connect(&handle, Service::Submission, host, &tls).await.unwrap();
        let (seen, ended) = log_in(connection).await;
        assert!(matches!(ended, Err(Broken::Handshake(_))), "{host}: {ended:?}");
        assert_eq!(seen, []);
        let implicit = connect(&handle, Service::Submissions, host, &tls).await;
        assert!(matches!(implicit, Err(ConnectError::Handshake { .. })), "{host}: {implicit:?}");
    }
    let anybody = ClientTls::opportunistic().unwrap();
    let connection = connect(&handle, Service::Submission, "mx.example.test", &anybody).await.unwrap();
    // TLS with anybody is set up, and no password goes over it
    assert_eq!(log_in(connection).await.0, [Event::Failed(Failure::TlsRequired)]);
    handle.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn what_can_not_be_reached_is_named() {
    let tls = ClientTls::opportunistic().unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let limits = client::Limits::default();
    let refused = client::connect_to(&[closed], "localhost", &tls, false, &limits).await;
    assert!(matches!(refused, Err(ConnectError::Unreachable { address, .. }) if address == closed), "{refused:?}");
    let nowhere = client::connect_to(&[], "localhost", &tls, false, &limits).await;
    assert!(matches!(nowhere, Err(ConnectError::NoAddress { .. })), "{nowhere:?}");
    let unnamed = client::connect_to(&[closed], "no host", &tls, false, &limits).await;
    assert!(matches!(unnamed, Err(ConnectError::Name(_))), "{unnamed:?}");
    assert!(ClientTls::with_roots("no-such-file.pem").is_err());
}

/// What is wrong with files of certificates is told by the file, in words for who wrote their names.
#[test]
fn wrong_files_are_named() {
    let (place, other) = (Place::new("pem"), Place::new("pem-other"));
    let ((certificate, key), (_, strange)) = (place.certificate(), other.certificate());
    for (certificate, key, words) in [
        (&key, &key, format!("{}: no certificate in it", key.display())),
        (&certificate, &certificate, format!("{}: no private key in it", certificate.display())),
        (&certificate, &strange, format!("the key in {} is another one's", strange.display())),
    ] {
        let error = tls::from_pem(certificate, key).unwrap_err().to_string();
        assert!(error.contains(&words), "{error}");
    }
}

/// How often somebody else had a turn while a server waited for a client's proof of so many iterations.
async fn turns_during_proof(listener: TcpListener, iterations: u32, turns: Arc<AtomicU64>) -> u64 {
    let mut stream = BufReader::new(listener.accept().await.unwrap().0);
    let challenge = format!("r=nonce-and-more,s=c2FsdCBvZiAxNiBieXRlcw==,i={iterations}");
    let challenge = format!("334 {}\r\n", gatepost_syntax::base64::encode(challenge));
    let (mut line, mut during) = (String::new(), 0);
    for reply in ["220 x\r\n", "250-x\r\n250 AUTH SCRAM-SHA-256\r\n", &challenge, "535 no\r\n"] {
        stream.write_all(reply.as_bytes()).await.unwrap();
        let before = turns.load(Ordering::Relaxed);
        stream.read_line(&mut line).await.unwrap();
        if reply == challenge {
            during = turns.load(Ordering::Relaxed) - before;
        }
    }
    assert!(line.ends_with("QUIT\r\n"), "{line}");
    during
}

/// This runtime has one thread: its other tasks go on while the proof is computed.
#[tokio::test]
async fn a_proof_holds_up_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, turns) = (listener.local_addr().unwrap(), Arc::new(AtomicU64::new(0)));
    let server = tokio::spawn(turns_during_proof(listener, 1_000_000, Arc::clone(&turns)));
    let others = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            turns.fetch_add(1, Ordering::Relaxed);
        }
    });
    let (tls, limits) = (ClientTls::opportunistic().unwrap(), client::Limits::default());
    let connection = client::connect_to(&[address], "localhost", &tls, false, &limits).await.unwrap();
    let config = Config { require_tls: false, ..Config::new("laptop.example".parse().unwrap()) };
    let mut failure = None;
    let handler = |smtp: &mut Client, event| {
        match event {
            Event::Ready(_) if failure.is_none() => {
                smtp.log_in(&Credentials::password("ann", "pencil"), &Policy::client(), "nonce");
            }
            Event::Failed(failed) => failure = Some(failed),
            _ => smtp.quit(),
        }
        Ok(())
    };
    client::run(connection, &mut Client::new(config), handler).await.unwrap();
    assert!(matches!(failure, Some(Failure::Refused(reply)) if reply.code == 535));
    others.abort();
    let during = server.await.unwrap(); // one or two where they are held up: the proof takes some hundred milliseconds
    assert!(during > 10, "{during} turns");
}
