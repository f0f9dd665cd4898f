#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod address;
mod check;
mod explanation;
pub mod lint;
mod lookups;
mod macros;
mod outcome;
mod query;
pub mod record;

pub use check::check;
pub use macros::MacroString;
pub use outcome::{Outcome, PermError, Scope, Step, TempError, Verdict};
pub use query::{Limits, Query};
