#![forbid(unsafe_code)]
//! RFC 6376 DKIM: sign and verify while the message streams
