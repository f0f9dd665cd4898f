//! The same replies whatever the chunks; nothing is deleted without a log-in and QUIT.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_laws::pop3_server::law(input));
