#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod dot;
mod endpoint;
mod line;
pub mod proxy;
mod scan;
mod tls;

pub use dot::{DotReader, DotWriter, Unstuffed};
pub use endpoint::{Endpoint, Finish, Step, Work};
pub use line::{Input, Line, Verb};
pub use scan::LineCheck;
pub use tls::{TlsInfo, TlsVersion};
