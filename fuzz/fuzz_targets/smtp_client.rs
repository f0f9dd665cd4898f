//! No reply of a server makes the client panic, say a second line in a line, or log in without TLS.
#![no_main]
use gatepost_sasl::{PlainClient, Secret};
use gatepost_smtp::client::{Client, Config, Event};
use gatepost_wire::{Endpoint, Step, TlsInfo, TlsVersion};
libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let mut client =
        Client::new(Config { name: "c.example".parse().unwrap(), require_tls: true, limits: Default::default() });
    let (mut chunks, mut tls) = (input.split_inclusive(|octet| *octet == b'\n'), false);
    for _ in 0..2000 {
        match client.poll() {
            Step::Write(octets) => {
                assert!(octets.ends_with(b"\r\n") && (tls || !octets.starts_with(b"AUTH")))
            }
            Step::Event(Event::Ready(offered)) if offered.starttls && !tls => client.start_tls(),
            Step::Event(Event::Ready(_)) if tls => {
                client.authenticate(Box::new(PlainClient::new("u", Secret::new("p"))))
            }
            Step::Event(Event::Ready(_)) => client.quit(),
            Step::Event(_) => {}
            Step::Read(_) => match chunks.next() {
                Some(chunk) => client.feed(chunk),
                None => client.closed(),
            },
            Step::StartTls => {
                tls = true;
                client.secured(TlsInfo::new(TlsVersion::Tls13, "c"))
            }
            Step::Close => return,
        }
    }
});
