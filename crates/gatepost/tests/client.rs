//! Clients of ours against servers of ours, over loopback and TLS.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod place;

use gatepost::client::{self, Broken, ClientTls, ConnectError, Connection};
use gatepost::{Handle, Memory, Server, Service, tls};
use gatepost_dns::Zone;
use gatepost_sasl::{PlainClient, Secret};
use gatepost_smtp::client::{Client, Config, Event, Failure, Limits};
use place::Place;

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
    let config = Config { name: "laptop.example".parse().unwrap(), require_tls: true, limits: Limits::default() };
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
