//! The same events whatever the chunks; no password in clear; nothing of the server's is said back.
use gatepost_pop3::client::{Client, Config, Event, Request};
use gatepost_sasl::Secret;
use gatepost_wire::{Endpoint, Step, TlsInfo, TlsVersion};
fn run(input: &[u8], chunk: usize, tls: bool) -> (Vec<Event>, String, &'static str) {
    let mut client = Client::new(Config { utf8: true, ..Config::default() });
    if tls {
        let mut info = TlsInfo::new(TlsVersion::Tls13, "c");
        info.server_verified = true;
        client.secured(info);
    }
    let (mut heard, mut said, mut chunks, mut turns) = (Vec::new(), String::new(), input.chunks(chunk), 0);
    loop {
        match client.poll() {
            Step::Write(octets) => said.push_str(std::str::from_utf8(&octets).unwrap()),
            Step::Event(Event::Ready(_)) if turns < 5 => {
                turns += 1;
                client.user_and_pass("ann", &Secret::new("pencil"));
            }
            Step::Event(Event::Ready(_)) => client.quit(),
            Step::Event(Event::Idle) if turns < 9 => {
                turns += 1;
                for request in [Request::Stat, Request::Uidl, Request::Retr(1), Request::List, Request::Dele(1)] {
                    client.ask(request);
                }
            }
            Step::Event(Event::Idle) => client.quit(),
            Step::Event(Event::Message(octets)) => match heard.last_mut() {
                Some(Event::Message(before)) => *before = [before.as_ref(), &octets].concat().into(),
                _ => heard.push(Event::Message(octets)),
            },
            Step::Event(event) => heard.push(event),
            Step::Read(_) => match chunks.next() {
                Some(chunk) => client.feed(chunk),
                None => break,
            },
            Step::StartTls | Step::Close => break,
        }
    }
    assert!(tls || !said.contains("PASS"));
    assert!(said.split_terminator("\r\n").all(|line| !line.contains(['\r', '\n']) && line.len() < 254));
    (heard, said, client.state())
}

/// The law.
pub fn law(input: &[u8]) {
    let tls = !input.len().is_multiple_of(4);
    let (mut one, mut all) = (run(input, 1, tls), run(input, usize::MAX, tls));
    // what is unasked is seen sooner or later: until then both heard the same
    if [&one, &all].iter().any(|run| run.2 == "Closed") {
        let length = one.0.len().min(all.0.len()).saturating_sub(1);
        one.0.truncate(length);
        all.0.truncate(length);
        let said = one.1.len().min(all.1.len());
        one.1.truncate(said);
        all.1.truncate(said);
        one.2 = all.2;
    }
    assert_eq!(one, all);
}
