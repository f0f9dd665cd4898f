#![forbid(unsafe_code)]
//! The network resolver behind gatepost-dns: hickory-resolver, every failure mapped honestly
