//! Replies and EHLO keywords: what a client makes of any reply to EHLO is bounded, and the same wherever it is cut.
use gatepost_smtp::client::{Capabilities, Client, Config, Event};
use gatepost_wire::{Endpoint, Step};
fn offered(reply: &[u8], chunk: usize) -> Option<Capabilities> {
    let config = Config::new("c.example".parse().unwrap());
    let mut client = Client::new(config);
    client.feed(b"220 x\r\n");
    let mut chunks = reply.chunks(chunk);
    loop {
        match client.poll() {
            Step::Event(Event::Ready(offered)) => return Some(offered),
            Step::Read(_) => match client.state() {
                "Greeting" | "Hello" => client.feed(chunks.next()?),
                _ => return None,
            },
            Step::Event(_) | Step::Write(_) => {}
            Step::StartTls | Step::Close => return None,
        }
    }
}

/// The law.
pub fn law(reply: &[u8]) {
    let whole = offered(reply, usize::MAX);
    assert_eq!(offered(reply, 1), whole);
    let Some(offered) = whole else { return };
    assert!(offered.auth.len() <= reply.len());
    for count in [offered.limits.recipients, offered.limits.domains, offered.limits.messages].into_iter().flatten() {
        assert!((1..1_000_000).contains(&count));
    }
}
