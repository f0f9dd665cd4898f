#![forbid(unsafe_code)]
//! Programs that people run lie beside this folder, one example each. Here is what some of them share, and the README's code is
//! compiled and run.

pub mod host;
pub mod output;
pub mod source;

/// The README.
#[doc = include_str!("../../README.md")]
#[cfg(doctest)]
pub struct Readme;

/// The cookbook.
#[doc = include_str!("../../docs/cookbook.md")]
#[cfg(doctest)]
pub struct Cookbook;

/// For those who come from mail-auth.
#[doc = include_str!("../../docs/migrating-from-mail-auth.md")]
#[cfg(doctest)]
pub struct Migrating;
