#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod client;
mod crypto;
mod exchange;
mod login;
mod name;
mod plain;
mod prepare;
mod scram;
mod seam;
mod secret;
mod server;

pub use client::{ClientError, ClientMechanism};
pub use exchange::{ClientExchange, ServerExchange};
pub use name::{Name, NameError};
pub use plain::PlainClient;
pub use prepare::{PrepareError, prepare};
pub use scram::{ScramClient, ScramKeys, ScramKeysError};
pub use seam::{Answer, Authenticator, BoxFuture, Identity, Input, Mechanism, Question, Rejection, Turn};
pub use secret::Secret;
pub use server::{Limits, Policy, mechanism, offered};
