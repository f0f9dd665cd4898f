//! The same replies and messages wherever the octets are cut; nothing without AUTH on submission; sessions are bounded.
use gatepost_sasl::Answer;
use gatepost_smtp::server::{Config, Event, Profile, Server};
use gatepost_wire::{Endpoint, Step, TlsInfo, TlsVersion};

fn run(input: &[u8], cuts: &mut dyn Iterator<Item = usize>, profile: Profile) -> (Vec<u8>, Vec<u8>) {
    let mut config = Config::new("mx.example".parse().unwrap(), profile);
    (config.extensions.dsn, config.extensions.binary_mime, config.extensions.require_tls) = (true, true, true);
    (config.limits.message, config.limits.excess) = (3000, 1000);
    let mut server = Server::new(config, "n");
    let (mut said, mut data, mut rest) = (Vec::new(), Vec::new(), input);
    loop {
        match server.poll() {
            Step::Write(octets) => said.extend_from_slice(&octets),
            Step::Event(Event::Auth(_)) => server.answer(Answer::Deny),
            Step::Event(Event::Data(octets)) => data.extend_from_slice(&octets),
            Step::Event(Event::Reset) => data.push(0),
            Step::Event(event) => {
                assert!(profile != Profile::Submission);
                data.extend_from_slice(format!("{event:?}").as_bytes());
                server.accept();
            }
            Step::Read(_) if rest.is_empty() => return (said, data),
            Step::Read(_) => {
                let (chunk, behind) = rest.split_at(cuts.next().unwrap_or(usize::MAX).clamp(1, rest.len()));
                if chunk.len() % 2 == 0 {
                    server.feed(chunk)
                } else {
                    server.feed_owned(chunk.into())
                }
                rest = behind;
            }
            Step::StartTls => server.secured(TlsInfo::new(TlsVersion::Tls13, "c")),
            Step::Close => return (said, data),
        }
    }
}

/// The law.
pub fn law(input: (&[u8], &[u8])) {
    let (cuts, input) = input;
    // where STARTTLS is answered depends on what is behind it in the buffer: that is its purpose
    let starttls = input.to_ascii_uppercase().windows(8).any(|window| window == b"STARTTLS");
    for profile in [Profile::Mx, Profile::Submission, Profile::Lmtp] {
        let whole = run(input, &mut std::iter::empty(), profile);
        let cut = run(input, &mut cuts.iter().copied().map(usize::from), profile);
        assert!(starttls || cut == whole && run(input, &mut std::iter::repeat(1), profile) == whole);
    }
}
