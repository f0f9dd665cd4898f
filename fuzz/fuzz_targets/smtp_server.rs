//! The same replies and messages whatever the chunks; no MAIL without AUTH on submission.
#![no_main]
use gatepost_sasl::Answer;
use gatepost_smtp::server::{Config, Event, Profile, Server};
use gatepost_wire::{Endpoint, Step, TlsInfo, TlsVersion};
fn run(input: &[u8], chunk: usize, profile: Profile) -> (Vec<u8>, Vec<u8>) {
    let mut config = Config::new("mx.example".parse().unwrap(), profile);
    (config.extensions.dsn, config.extensions.binary_mime, config.extensions.require_tls) = (true, true, true);
    let mut server = Server::new(config, "n");
    let (mut said, mut data, mut chunks) = (Vec::new(), Vec::new(), input.chunks(chunk));
    loop {
        match server.poll() {
            Step::Write(octets) => said.extend_from_slice(&octets),
            Step::Event(Event::Auth(_)) => server.answer(Answer::Deny),
            Step::Event(Event::Data(octets)) => data.extend_from_slice(&octets),
            Step::Event(Event::Reset) => data.push(0),
            Step::Event(event) => {
                assert!(profile != Profile::Submission || !matches!(event, Event::Mail(_)));
                server.accept();
            }
            Step::Read(_) => match chunks.next() {
                Some(chunk) => server.feed(chunk),
                None => return (said, data),
            },
            Step::StartTls => server.secured(TlsInfo::new(TlsVersion::Tls13, "c")),
            Step::Close => return (said, data),
        }
    }
}
libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    // where STARTTLS is answered depends on what is behind it in the buffer: that is its purpose
    let starttls = input.to_ascii_uppercase().windows(8).any(|window| window == b"STARTTLS");
    for profile in [Profile::Mx, Profile::Submission, Profile::Lmtp] {
        let whole = run(input, usize::MAX, profile);
        assert!(starttls || run(input, 1, profile) == whole);
    }
});
