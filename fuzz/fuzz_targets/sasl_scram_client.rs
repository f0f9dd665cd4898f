//! SCRAM, the client's side: no challenges of a server that does not know the password are believed.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_laws::sasl_scram_client::law(input));
