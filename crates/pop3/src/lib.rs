#![forbid(unsafe_code)]
//! POP3 server endpoint without I/O
