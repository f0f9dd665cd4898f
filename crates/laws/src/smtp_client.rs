//! The same words and events wherever the octets are cut; no line in a line; nothing of value without TLS; a message that was
//! not asked for is not sent.
use gatepost_sasl::{PlainClient, Secret};
use gatepost_smtp::client::{Client, Config, Envelope, Event};
use gatepost_syntax::{ForwardPath, ReversePath};
use gatepost_wire::{Endpoint, Step, TlsInfo, TlsVersion};

fn run(input: &[u8], cuts: &mut dyn Iterator<Item = usize>, implicit: bool) -> (Vec<u8>, String) {
    let mut client = Client::new(Config::new("c.example".parse().unwrap()));
    let (mut said, mut heard, mut rest) = (Vec::new(), String::new(), input);
    let (mut tls, mut login, mut messages, mut pieces) = (implicit, true, 3, 2);
    if implicit {
        client.secured(TlsInfo::new(TlsVersion::Tls13, "c"));
    }
    loop {
        match client.poll() {
            Step::Write(octets) => {
                assert!(octets.ends_with(b"\r\n"));
                assert!(tls || octets.starts_with(b"EHLO ") || octets == "STARTTLS\r\n");
                said.extend_from_slice(&octets);
            }
            Step::Event(Event::Ready(_)) if !tls => client.start_tls(),
            Step::Event(Event::Ready(_)) if std::mem::take(&mut login) => {
                client.authenticate(Box::new(PlainClient::new("u", Secret::new("p"))))
            }
            Step::Event(Event::Ready(_)) if messages > 0 => {
                (messages, pieces) = (messages - 1, 2);
                let to = ["<a@c.example>", "<b@c.example>"].map(|to| ForwardPath::parse(to).unwrap());
                client.send(Envelope::new(ReversePath::Null, to));
            }
            Step::Event(Event::Ready(_)) => client.quit(),
            Step::Event(Event::SendData) if pieces > 0 => {
                pieces -= 1;
                client.data(b".x\r\n");
            }
            Step::Event(Event::SendData) => client.end_data(),
            Step::Event(event) => heard.push_str(&format!("{event:?}\n")),
            Step::Read(_) if rest.is_empty() => client.closed(),
            Step::Read(_) => {
                let (chunk, behind) = rest.split_at(cuts.next().unwrap_or(1).clamp(1, rest.len()));
                client.feed(chunk);
                rest = behind;
            }
            Step::StartTls => {
                tls = true;
                {
                    let mut tls = TlsInfo::new(TlsVersion::Tls13, "c");
                    tls.server_verified = true;
                    client.secured(tls)
                }
            }
            Step::Close => return (said, heard),
        }
    }
}

/// The law.
pub fn law(input: (&[u8], &[u8], bool)) {
    let (cuts, input, implicit) = input;
    let slow = run(input, &mut std::iter::repeat(1), implicit);
    let cut = run(input, &mut cuts.iter().copied().map(usize::from), implicit);
    // a server that speaks before it is asked is noticed where that comes along with the reply before: it is left
    let left = |(_, heard): &(Vec<u8>, String)| heard.contains("Unasked") || heard.contains("Injected");
    assert!(slow == cut || left(&cut) || left(&slow));
}
