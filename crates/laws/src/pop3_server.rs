//! The same replies whatever the chunks; nothing is deleted without a log-in and QUIT.
use gatepost_pop3::server::{Config, Entry, Event, Server};
use gatepost_sasl::{Answer, Identity};
use gatepost_wire::{Endpoint, Step, TlsInfo, TlsVersion};
fn run(input: &[u8], chunk: usize) -> Vec<u8> {
    let mut server = Server::new(Config::default(), "n");
    server.secured(TlsInfo::new(TlsVersion::Tls13, "c"));
    let (mut said, mut chunks) = (Vec::new(), input.chunks(chunk));
    loop {
        match server.poll() {
            Step::Write(octets) => said.extend_from_slice(&octets),
            Step::Event(Event::Auth(_)) => server.answer(Answer::Grant(Identity { user: "u".into() })),
            Step::Event(Event::Open(_)) => server.opened(Ok(vec![Entry::new(4, "u")])),
            Step::Event(Event::Commit(_)) => {
                assert!(input.to_ascii_uppercase().windows(4).any(|window| window == b"QUIT"));
                server.committed(true);
            }
            Step::Event(_) => {
                for piece in "A: ö\r\n\r\n.b\r\nc\r\n".as_bytes().chunks(5) {
                    server.message(piece);
                }
                server.end();
            }
            Step::Read(_) => match chunks.next() {
                Some(chunk) => server.feed(chunk),
                None => return said,
            },
            Step::StartTls | Step::Close => return said,
        }
    }
}

/// The law.
pub fn law(input: &[u8]) {
    assert_eq!(run(input, 1), run(input, usize::MAX))
}
