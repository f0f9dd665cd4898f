//! Printed mailboxes and domains are read back.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &str| gatepost_laws::mailbox::law(input));
