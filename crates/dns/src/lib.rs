#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod answer;
mod block;
mod cache;
mod deadline;
mod name;
mod recorder;
mod resolver;
mod stepper;
mod txt;
mod typed;
mod zone;

pub use answer::{Answer, Found, LookupError, Mx, Question, Record, RecordType, Security, Tlsa};
pub use block::block_on;
pub use cache::{CacheLimits, Cached, Clock};
pub use deadline::Deadline;
pub use name::{Name, NameError};
pub use recorder::{Asked, Recorder};
pub use resolver::{Lookup, Resolver};
pub use stepper::{Progress, Stepper};
pub use txt::Txt;
pub use typed::{Family, Rrset};
pub use zone::{Zone, ZoneError};
