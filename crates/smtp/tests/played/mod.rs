//! A client, and a server that is played to it.
#![allow(dead_code, missing_docs, unreachable_pub)] // each test file uses some of it

use gatepost_smtp::client::{
    Client, Config as ClientConfig, Envelope, Event as Heard, Limits as ClientLimits, Response,
};
use gatepost_syntax::{ForwardPath, ReversePath};
use gatepost_wire::{Endpoint, Step, TlsInfo, TlsVersion};

pub fn tls() -> TlsInfo {
    let mut tls = TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
    tls.server_verified = true;
    tls
}

pub fn client(require_tls: bool) -> Client {
    Client::new(ClientConfig { name: "client.example".parse().unwrap(), require_tls, limits: ClientLimits::default() })
}

pub fn envelope(to: &[&str]) -> Envelope {
    let to = to.iter().map(|to| ForwardPath::parse(to).unwrap());
    Envelope::new(ReversePath::parse("<ann@client.example>").unwrap(), to)
}

/// Plays a server that says these replies, each after something was written.
pub fn play(mut client: Client, replies: &[&str], mut on: impl FnMut(&mut Client, &Heard)) -> (Vec<Heard>, String) {
    let (mut heard, mut said, mut replies) = (Vec::new(), String::new(), replies.iter());
    for _ in 0..1000 {
        match client.poll() {
            Step::Write(octets) => said.push_str(std::str::from_utf8(&octets).unwrap()),
            Step::Event(event) => {
                on(&mut client, &event);
                heard.push(event);
            }
            Step::Read(_) => match replies.next() {
                Some(reply) => client.feed(reply.as_bytes()),
                None => client.closed(),
            },
            Step::StartTls => client.secured(tls()),
            Step::Close => break,
        }
    }
    (heard, said)
}

/// What the client heard and said, writes apart, to these replies; it sends the envelope once and the message in two pieces.
pub fn deliver(
    mut client: Client,
    envelope: Envelope,
    replies: &[&str],
    message: [&[u8]; 2],
) -> (Vec<Heard>, Vec<String>) {
    let (mut envelope, mut pieces) = (Some(envelope), message.into_iter());
    let (mut heard, mut said, mut replies) = (Vec::new(), Vec::new(), replies.iter());
    loop {
        match client.poll() {
            Step::Write(octets) => said.push(String::from_utf8_lossy(&octets).into_owned()),
            Step::Event(Heard::Ready(_)) => match envelope.take() {
                Some(envelope) => client.send(envelope),
                None => client.quit(),
            },
            Step::Event(Heard::SendData) => match pieces.next() {
                Some(piece) => client.data(piece),
                None => client.end_data(),
            },
            Step::Event(event) => heard.push(event),
            Step::Read(_) => match replies.next() {
                Some(reply) => client.feed(reply.as_bytes()),
                None => client.closed(),
            },
            Step::StartTls | Step::Close => return (heard, said),
        }
    }
}

pub const HI: [&[u8]; 2] = [b"Subject: x\r\n\r\n", b".hi\r\n"];

pub fn response(code: u16, text: &str) -> Response {
    Response { code, lines: vec![text.to_owned()] }
}
