#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod client;
mod delivery;
mod drive;
mod front;
mod judge;
mod mx;
pub mod outbound;
mod policy;
mod pop;
pub mod queue;
mod random;
mod server;
mod spool;
pub mod store;
mod submission;
pub mod tls;
mod users;

pub use judge::{Envelope, Inbound, Judge, JudgeError, Judging, Limits};
pub use outbound::{Outbound, Relay, Smarthost, SmarthostTls};
pub use policy::Policy;
pub use server::{Error, Handle, Limits as ServerLimits, Server, Service};
pub use store::{MailStore, Maildir, Memory};
pub use tls::Tls;
pub use users::{ITERATIONS, Users, UsersError};
