//! An envelope of the queue is read as it was written.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| gatepost_laws::queue_entry::law(input));
