#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod client;
mod command;
pub mod server;
mod surrogate;
mod top;

pub use command::{Command, CommandError};
