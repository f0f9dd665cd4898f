//! Key records, and any octets as the key in them: only a revoked key has no size, and none verifies what it did not sign.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_laws::dkim_key::law(input));
