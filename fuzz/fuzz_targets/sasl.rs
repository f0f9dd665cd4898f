//! Mechanisms never panic and never grant without an answer.
#![no_main]
use gatepost_sasl::{Input, Policy, Turn, mechanism, offered};
use gatepost_wire::{TlsInfo, TlsVersion};
libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    let tls = TlsInfo::new(TlsVersion::Tls13, "TLS13_AES_128_GCM_SHA256");
    for name in offered(&Policy::default(), Some(&tls)) {
        let mut server = mechanism(name.as_str(), &Policy::default(), Some(&tls), "nonce").unwrap();
        for message in octets.split(|octet| *octet == b'|') {
            assert!(!matches!(server.step(Input::Response(message)), Turn::Done(Ok(_))));
        }
    }
});
