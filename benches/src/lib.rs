#![forbid(unsafe_code)]
//! Messages and zones for the benches.
