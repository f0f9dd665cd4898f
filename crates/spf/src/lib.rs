#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod address;
mod ahead;
mod check;
mod evaluation;
mod explanation;
pub mod lint;
mod lookups;
mod macros;
mod mechanisms;
mod networks;
mod outcome;
mod query;
pub mod record;
mod trail;

pub use check::{Both, check, check_both};
pub use macros::MacroString;
pub use outcome::{Outcome, PermError, Scope, TempError, Verdict, Via};
pub use query::{Limits, Query};
pub use trail::{Place, Step, Trail, Tried};
