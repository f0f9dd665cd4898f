//! SCRAM, the server's side, with every hash and with channel binding: no message that is not the client's proof gets in.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_laws::sasl_scram::law(input));
