//! The same outcome whatever the chunks; what is not malformed can be sealed on, and a chain that passes still does then.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_laws::arc::law(input));
