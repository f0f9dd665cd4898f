//! MAIL and RCPT are read as they are written, and are one line; lenient reading accepts what strict reading does.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_laws::smtp_command::law(input));
