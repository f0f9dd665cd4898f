#![forbid(unsafe_code)]
//! RFC 9989 DMARC: record, tree walk, alignment and policy
