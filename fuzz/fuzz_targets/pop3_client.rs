//! The same events whatever the chunks; no password in clear; nothing of the server's is said back.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_laws::pop3_client::law(input));
