#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod command;
pub mod server;
mod top;

pub use command::{Command, CommandError};
pub use top::top;
