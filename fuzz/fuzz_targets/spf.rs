//! Any zone is evaluated within the limits, looking ahead changes nothing, and a survey ends.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &str| gatepost_laws::spf::law(input));
