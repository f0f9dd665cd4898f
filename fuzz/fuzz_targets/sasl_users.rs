//! The file of users: what is read prints the same, but for the ends of lines.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &str| gatepost_laws::sasl_users::law(input));
