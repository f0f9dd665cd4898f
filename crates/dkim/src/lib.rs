#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod body;
pub mod canon;
mod crypto;
mod der;
mod diagnose;
mod hashes;
mod key;
mod keys;
mod limits;
pub mod lint;
mod outcome;
pub mod record;
mod select;
pub mod sign;
pub mod signature;
mod squeeze;
mod verify;

pub use canon::{Canonicalization, Canonicalizations};
pub use diagnose::Diagnosis;
pub use hashes::{BodyDigests, BodyHashes, Coverage};
pub use key::{PrivateKey, PrivateKeyError, SigningError, SigningKey};
pub use keys::{Keys, Tried, key_name};
pub use limits::Limits;
pub use outcome::{Fail, Neutral, Outcome, PermError, Policy, SignatureOutcome, Verdict};
pub use signature::{Algorithm, Names};
pub use verify::{Finished, Verifier};
