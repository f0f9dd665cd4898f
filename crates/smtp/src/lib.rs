#![forbid(unsafe_code)]
//! SMTP server and client endpoints without I/O
