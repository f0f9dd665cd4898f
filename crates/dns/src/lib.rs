#![forbid(unsafe_code)]
//! Ask a DNS question, get an honest answer: one Resolver trait, an in-memory zone, a cache, a recorder and a stepper
