//! RSA keys in DER: what is read is the one encoding of its numbers, each encoding is read, and the bits are the modulus's.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_laws::dkim_der::law(input));
