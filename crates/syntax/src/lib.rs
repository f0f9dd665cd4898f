#![forbid(unsafe_code)]
//! The grammar that e-mail protocols share: domains, mailboxes, CFWS, tag-lists and header fields kept as raw bytes
