#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod chain;
mod field;
mod outcome;
mod recorded;
#[cfg(feature = "seal")]
pub mod seal;
mod verify;

pub use chain::{Chain, Limits};
pub use field::{ChainStatus, FieldError, Kind, MAX_INSTANCE};
pub use outcome::{Fail, Outcome, SetOutcome, Signed, Status};
pub use recorded::recorded;
pub use verify::{Finished, Verifier};
