#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod client;
mod crypto;
mod exchange;
mod external;
mod gs2;
mod login;
mod oauth;
mod plain;
mod policy;
mod prepare;
mod registry;
mod scram;
mod seam;
mod secret;
mod users;
mod verifier;

pub use gatepost_wire::{Line, TlsInfo, TlsVersion};

pub use client::{ChoiceError, ClientError, ClientMechanism, Credentials};
pub use crypto::ScramHash;
pub use exchange::{ClientExchange, ServerExchange, ServerExchanges};
pub use external::ExternalClient;
pub use login::LoginClient;
pub use oauth::{OauthClient, TokenRefusal};
pub use plain::PlainClient;
pub use policy::{Limits, Policy};
pub use prepare::{PrepareError, prepare, prepare_query};
pub use registry::{Name, NameError, choose, mechanism, offered};
pub use scram::{ScramClient, ScramKeys, ScramKeysError};
pub use seam::{Answer, Authenticator, BoxFuture, Identity, Input, Mechanism, Question, Rejection, Turn};
pub use secret::Secret;
pub use users::{ITERATIONS, UserFile, UserFileError, UserProblem};
pub use verifier::{Argon2Error, Argon2Hash, Fingerprint, Verifier, VerifierError};
