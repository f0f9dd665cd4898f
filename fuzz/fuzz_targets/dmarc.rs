//! Records never panic; whatever is published, discovery ends within the limits, and no stranger passes.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: Vec<(u8, String)>| gatepost_laws::dmarc::law(input));
