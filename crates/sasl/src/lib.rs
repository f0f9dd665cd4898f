#![forbid(unsafe_code)]
//! SASL mechanisms without I/O, both sides: PLAIN, LOGIN and SCRAM-SHA-256
