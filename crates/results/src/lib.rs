#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod authres;
mod excerpt;
mod lint;
mod outline;
mod phrase;
mod recorded;
mod result;
mod strip;
mod text;
pub mod trace;

pub use authres::{AuthResults, Trust, Untrusted};
pub use excerpt::Excerpt;
pub use lint::{Advice, Defect, Finding, Lint, Linted};
pub use outline::{Cite, Explain, Outline};
pub use phrase::Phrase;
pub use recorded::for_reader;
pub use result::{Key, Property, ResInfo};
pub use strip::{Stripped, strip, strip_for_delivery};
pub use text::{Lang, Text};
