#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod client;
mod command;
mod dsn;
mod envelope;
pub mod mx;
mod parameters;
mod reply;
pub mod report;
pub mod server;
mod status;

pub use command::{Command, CommandError, Initial, Paths};
pub use dsn::{EnvelopeId, Notify, OriginalRecipient};
pub use envelope::{Body, Hello, MailFrom, RcptTo};
pub use reply::Reply;
pub use status::{Class, Status};
