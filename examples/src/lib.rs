#![forbid(unsafe_code)]
//! What the example programs share with their tests.
