#![forbid(unsafe_code)]
//! What line protocols share: the sans-IO Endpoint, a bounded line buffer and the dot codec
