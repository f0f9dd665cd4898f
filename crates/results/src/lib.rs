#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod authres;
mod outline;
mod result;
mod strip;
pub mod trace;

pub use authres::{AuthResults, Untrusted};
pub use outline::{Cite, Explain, Outline};
pub use result::{Property, ResInfo};
pub use strip::{Stripped, strip};
