//! What tests of the relay need: a sending server with a clock of its own, and receivers that do as they are told.
#![allow(dead_code)] // each takes what it needs

#[path = "../place/mod.rs"]
mod place;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use gatepost::client::{self, ClientTls};
use gatepost::store::Folder;
use gatepost::{Handle, Memory, Relay, Server, Service, tls};
use gatepost_dns::Zone;
use gatepost_sasl::{Credentials, Policy};
use gatepost_smtp::client::{Client, Config, Envelope, Event, Response};
use gatepost_syntax::{ForwardPath, ReversePath};

pub(crate) use place::Place;

/// A clock that is put forward by hand.
#[derive(Clone)]
pub struct Hands(Arc<Mutex<SystemTime>>);

impl Hands {
    pub fn new() -> Self {
        Hands(Arc::new(Mutex::new(SystemTime::now())))
    }

    pub fn forward(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }

    pub fn clock(&self) -> gatepost::outbound::Clock {
        let time = Arc::clone(&self.0);
        Arc::new(move || *time.lock().unwrap())
    }
}

/// A server with these users and the password `pencil`.
pub fn server(place: &Place, users: &[&str], store: &Memory, zone: &str) -> Server {
    let (certificate, key) = place.certificate();
    let server = Server::new("mx.example.test".parse().unwrap()).resolver(Zone::parse(zone).unwrap());
    server.tls(tls::from_pem(certificate, key).unwrap()).users(place::users(users)).store(store.clone()).spool(&place.0)
}

/// The server of `alice@example.test`, whose mail for others goes through `relay`.
pub async fn sending(place: &Place, store: &Memory, zone: &str, relay: Relay) -> Handle {
    let server = server(place, &["alice@example.test"], store, zone).relay(relay);
    let server = server.listen(Service::Submissions, "127.0.0.1:0").unwrap();
    server.listen(Service::Mx, "127.0.0.1:0").unwrap().start().await.unwrap()
}

/// Submits a message of Alice's; what is said at its end, or to the last recipient when none is accepted.
pub async fn submit(handle: &Handle, to: &[&str], text: &str) -> Response {
    let to = to.iter().map(|to| ForwardPath::parse(&format!("<{to}>")).unwrap());
    submit_envelope(handle, Envelope::new(ReversePath::parse("<alice@example.test>").unwrap(), to), text).await
}

pub async fn submit_envelope(handle: &Handle, mut envelope: Envelope, text: &str) -> Response {
    let address = handle.address(Service::Submissions).unwrap();
    let tls = ClientTls::opportunistic().unwrap();
    let connection = client::connect_to(&[address], "localhost", &tls, true, &client::Limits::default()).await.unwrap();
    if !text.is_ascii() {
        envelope.mail.body = gatepost_smtp::Body::EightBitMime;
    }
    let message = format!("From: alice@example.test\r\nSubject: hello\r\n\r\n{text}\r\n");
    let config = Config::new("laptop.test".parse().unwrap());
    let (mut step, mut last) = (0, Response::default());
    let handler = |smtp: &mut Client, event: Event| {
        match event {
            Event::Ready(_) => {
                step += 1;
                match step {
                    1 => {
                        smtp.log_in(&Credentials::password("alice@example.test", "pencil"), &Policy::client(), "nonce")
                    }
                    2 => smtp.send(envelope.clone()),
                    _ => smtp.quit(),
                }
            }
            Event::SendData => {
                smtp.data(message.as_bytes());
                smtp.end_data();
            }
            Event::Recipient(_, response) | Event::Done(response) => last = response,
            Event::Authenticated(_) | Event::Failed(_) => {}
            other => panic!("{other:?}"),
        }
        Ok(())
    };
    client::run(connection, &mut Client::new(config), handler).await.unwrap();
    last
}

/// Alice's inbox.
pub fn inbox(store: &Memory) -> Vec<String> {
    let messages = store.messages("alice@example.test", Folder::Inbox);
    messages.iter().map(|message| String::from_utf8_lossy(message).into_owned()).collect()
}

/// What a receiver says to a line; an empty answer closes the connection. `.` is the end of a message.
pub type Script = dyn Fn(&str) -> String + Send + Sync;

/// A receiver on a loopback address that follows a script, and remembers lines and messages.
#[derive(Clone, Default)]
pub struct Receiver {
    pub lines: Arc<Mutex<Vec<String>>>,
    pub messages: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    pub fn start(address: &str, script: impl Fn(&str) -> String + Send + Sync + 'static) -> (Self, SocketAddr) {
        let listener = TcpListener::bind(address).unwrap();
        let (address, receiver) = (listener.local_addr().unwrap(), Receiver::default());
        let (shared, script): (_, Arc<Script>) = (receiver.clone(), Arc::new(script));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (shared, script) = (shared.clone(), Arc::clone(&script));
                std::thread::spawn(move || shared.session(&stream.unwrap(), &*script));
            }
        });
        (receiver, address)
    }

    fn session(&self, mut stream: &TcpStream, script: &Script) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let (mut line, mut message) = (String::new(), None::<String>);
        stream.write_all(script("").as_bytes()).ok()?;
        loop {
            line.clear();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match &mut message {
                Some(text) if line != ".\r\n" => {
                    text.push_str(&line);
                    continue;
                }
                Some(text) if text.is_empty() => {} // RFC 2920 §3.1: DATA was pipelined and nobody accepted
                Some(text) => self.messages.lock().unwrap().push(std::mem::take(text)),
                None => self.lines.lock().unwrap().push(line.trim_end().to_owned()),
            }
            message = None;
            let answer = script(line.trim_end());
            if answer.is_empty() {
                return None;
            }
            if answer.starts_with("354") {
                message = Some(String::new());
            }
            stream.write_all(answer.as_bytes()).ok()?;
        }
    }
}

/// A receiver's usual answers.
pub fn obliging(line: &str) -> String {
    let answer = match line.get(..4).unwrap_or(line) {
        "EHLO" => "250-mx.else.test\r\n250-8BITMIME\r\n250 PIPELINING",
        "DATA" => "354 go on",
        "QUIT" => "221 bye",
        "" => "220 mx.else.test",
        _ => "250 2.0.0 fine",
    };
    format!("{answer}\r\n")
}
