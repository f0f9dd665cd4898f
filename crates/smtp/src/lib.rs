#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod client;
mod command;
mod envelope;
mod reply;
pub mod server;

pub use command::{Command, CommandError};
pub use envelope::{Body, Hello, MailFrom, RcptTo};
pub use reply::Reply;
