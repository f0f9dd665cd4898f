#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod command;
pub mod server;

pub use command::{Command, CommandError};
