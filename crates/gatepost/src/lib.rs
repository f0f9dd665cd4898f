#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod bundle;
pub mod client;
mod crypto;
mod delivery;
mod directory;
mod drive;
mod front;
mod gate;
mod handle;
mod http;
mod judge;
mod limits;
mod login;
mod metrics;
mod mx;
mod network;
mod notify;
pub mod outbound;
mod policy;
mod pop;
mod random;
mod sealers;
mod server;
mod service;
mod spool;
pub mod store;
mod submission;
pub mod tls;
mod transaction;
mod users;

pub use bundle::{Bundle, BundleError};
pub use directory::{AliasError, Directory};
pub use gatepost_queue as queue;
pub use handle::Handle;
pub use judge::{Envelope, Inbound, Judge, JudgeError, Judging, Limits, identifiers};
pub use limits::Limits as ServerLimits;
pub use network::{Network, NetworkError};
pub use outbound::{Outbound, Relay, Smarthost, SmarthostTls};
pub use policy::Policy;
pub use sealers::Overruled;
pub use server::{Error, Server};
pub use service::Service;
pub use store::{Discard, MailStore, Maildir, Memory};
pub use tls::Tls;
pub use users::{ITERATIONS, Users, UsersError};
