#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod command;
pub mod server;
mod surrogate;
mod top;

pub use command::{Command, CommandError};
