//! POP3 on loopback: our client fetches from our server, over STLS and over implicit TLS.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

mod place;

use std::io::{self, Read};
use std::time::Duration;

use gatepost::client::{self, ClientTls};
use gatepost::store::{Entry, Folder, Maildrop, OpenError};
use gatepost::{Handle, MailStore, Maildir, Server, Service, tls};
use gatepost_dns::Zone;
use gatepost_pop3::client::{Client, Config as ClientConfig, Event, Failure, Request, ResponseCode};
use gatepost_pop3::server::Config;
use gatepost_sasl::{Identity, PlainClient, Secret};
use gatepost_syntax::Mailbox;
use place::Place;

const BOB: &str = "bob@example.test";

async fn start(place: &Place, config: Config, store: impl MailStore + 'static) -> Handle {
    let (certificate, key) = place.certificate();
    let server = Server::new("mx.example.test".parse().unwrap()).resolver(Zone::parse("").unwrap());
    let server = server.store(store).users(place::users(&[BOB])).pop3_config(config);
    let server = server.tls(tls::from_pem(certificate, key).unwrap()).spool(&place.0);
    let server = server.listen(Service::Pop3, "127.0.0.1:0").unwrap().listen(Service::Pop3s, "127.0.0.1:0").unwrap();
    server.start().await.unwrap()
}

/// Logs in, takes all messages and deletes the first; what came, and what went wrong.
async fn session(handle: &Handle, place: &Place, service: Service) -> (Vec<Vec<u8>>, Option<Failure>) {
    let tls = ClientTls::with_roots(place.certificate().0).unwrap();
    let implicit = service == Service::Pop3s;
    let tls = if implicit { tls.alpn("pop3") } else { tls };
    let port = handle.address(service).unwrap().port();
    let connection = client::connect("localhost", port, &tls, implicit).await.unwrap();
    let (mut messages, mut current, mut failure, mut listed) = (Vec::new(), Vec::new(), None, false);
    let mut secured = implicit;
    let on = |pop3: &mut Client, event: Event| {
        match event {
            Event::Ready(_) if failure.is_some() => pop3.quit(),
            Event::Ready(_) if !secured => {
                secured = true;
                pop3.start_tls();
            }
            Event::Ready(_) => pop3.authenticate(Box::new(PlainClient::new(BOB, Secret::new("pencil")))),
            Event::Idle if !listed => {
                listed = true;
                pop3.ask(Request::Stat);
            }
            Event::Statistics { messages, .. } => {
                (1..=messages).for_each(|number| pop3.ask(Request::Retr(number)));
                pop3.ask(Request::Dele(1));
                pop3.quit();
            }
            Event::Message(octets) => current.extend_from_slice(&octets),
            Event::MessageEnd { .. } => messages.push(std::mem::take(&mut current)),
            Event::Failed(failed) => failure = Some(failed),
            _ => {}
        }
        Ok(())
    };
    client::run(connection, &mut Client::new(ClientConfig { require_tls: true, ..ClientConfig::default() }), on)
        .await
        .unwrap();
    (messages, failure)
}

/// A store that must always be waited for, as a disk must that was not read yet.
struct Cold(Maildir);

impl MailStore for Cold {
    fn deliver(&self, to: &Mailbox, folder: Folder, message: &mut dyn Read) -> io::Result<()> {
        self.0.deliver(to, folder, message)
    }

    fn open(&self, owner: &Identity) -> Result<Box<dyn Maildrop>, OpenError> {
        Ok(Box::new(ColdMaildrop(self.0.open(owner)?)))
    }
}

struct ColdMaildrop(Box<dyn Maildrop>);

impl Maildrop for ColdMaildrop {
    fn entries(&self) -> &[Entry] {
        self.0.entries()
    }

    fn read(&self, index: usize) -> io::Result<Box<dyn Read + Send>> {
        self.0.read(index)
    }

    fn commit(&self, deleted: &[usize]) -> bool {
        self.0.commit(deleted)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_all_sizes_come_whole_and_in_order() {
    let place = Place::new("sizes");
    let store = Maildir::open(place.0.join("mail")).unwrap();
    all_sizes(&place, &store, start(&place, Config::default(), store.clone()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_come_in_order_from_a_store_that_must_be_waited_for() {
    let place = Place::new("cold");
    let store = Maildir::open(place.0.join("mail")).unwrap();
    all_sizes(&place, &store, start(&place, Config::default(), Cold(store.clone())).await).await;
}

async fn all_sizes(place: &Place, store: &Maildir, handle: Handle) {
    // around what is read at a time and ahead
    let mut wanted: Vec<Vec<u8>> = Vec::new();
    for size in [0, 1, 100, 65_535, 65_536, 65_537, 131_072, 300_000, 2_000_000].into_iter().chain([8_192; 40]) {
        let line = format!("..{} of {size}\r\n", wanted.len()).into_bytes();
        let mut message: Vec<u8> = line.iter().copied().cycle().take(size).collect();
        while message.last().is_some_and(|last| *last != b'\n') {
            message.pop();
        }
        store.deliver(&Mailbox::parse(BOB).unwrap(), Folder::Inbox, &mut message.as_slice()).unwrap();
        wanted.push(message);
    }
    for service in [Service::Pop3, Service::Pop3s] {
        let (got, failure) = session(&handle, place, service).await;
        assert_eq!(failure, None);
        assert_eq!(got.iter().map(Vec::len).collect::<Vec<_>>(), wanted.iter().map(Vec::len).collect::<Vec<_>>());
        assert!(got == wanted);
        wanted.remove(0);
    }
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_waits_between_log_ins() {
    let place = Place::new("delay");
    let config = Config { login_delay: Some(Duration::from_secs(3600)), ..Config::default() };
    let store = Maildir::open(place.0.join("mail")).unwrap();
    let handle = start(&place, config, store).await;
    assert_eq!(session(&handle, &place, Service::Pop3s).await.1, None);
    match session(&handle, &place, Service::Pop3s).await.1 {
        Some(Failure::Refused(refusal)) => assert_eq!(refusal.code, Some(ResponseCode::LoginDelay)),
        other => panic!("{other:?}"),
    }
    handle.stop().await;
}
