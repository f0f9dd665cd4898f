#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod check;
mod discovery;
mod evaluation;
pub mod lint;
mod outcome;
#[cfg(feature = "psl")]
pub mod psl;
pub mod record;

pub use check::{check, check_by};
pub use discovery::{Discovery, Limits, discover, org_domain};
pub use evaluation::evaluate;
pub use outcome::{Aligned, Identifiers, Method, Outcome, PermError, Preset, Step, Verdict};
pub use record::{Record, RecordError, Request};
