#![forbid(unsafe_code)]
//! RFC 7208 check_host: complete, strict and explained
