//! Mechanisms never panic and never grant without an answer.
#![no_main]
use gatepost_sasl::{Input, Policy, Turn, mechanism, offered};
libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    for name in offered(&Policy::default(), true) {
        let mut server = mechanism(name, &Policy::default(), true, "nonce").unwrap();
        for message in octets.split(|octet| *octet == b'|') {
            assert!(!matches!(server.step(Input::Response(message)), Turn::Done(Ok(_))));
        }
    }
});
