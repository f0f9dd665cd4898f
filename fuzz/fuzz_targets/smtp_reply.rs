//! Replies and EHLO keywords: what a client makes of any reply to EHLO is bounded, and the same wherever it is cut.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_laws::smtp_reply::law(input));
