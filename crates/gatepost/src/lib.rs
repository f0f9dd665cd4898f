#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod bundle;
pub mod client;
mod crypto;
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
mod sealers;
mod server;
mod spool;
pub mod store;
mod submission;
pub mod tls;
mod users;

pub use bundle::{Bundle, BundleError};
pub use judge::{Envelope, Inbound, Judge, JudgeError, Judging, Limits, identifiers};
pub use outbound::{Outbound, Relay, Smarthost, SmarthostTls};
pub use policy::Policy;
pub use sealers::Overruled;
pub use server::{Error, Handle, Limits as ServerLimits, Server, Service};
pub use store::{MailStore, Maildir, Memory};
pub use tls::Tls;
pub use users::{ITERATIONS, Users, UsersError};
