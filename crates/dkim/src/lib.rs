#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod body;
pub mod canon;
mod crypto;
mod der;
mod hashes;
mod key;
mod keys;
mod outcome;
pub mod record;
mod select;
pub mod sign;
pub mod signature;
mod squeeze;
mod verify;

pub use canon::{Canonicalization, Canonicalizations};
pub use hashes::{BodyDigests, BodyHashes};
pub use key::{PrivateKey, PrivateKeyError, SigningError, SigningKey};
pub use keys::{Keys, Tried, key_name};
pub use outcome::{Fail, Neutral, Outcome, PermError, Policy, SignatureOutcome, Verdict};
pub use signature::Algorithm;
pub use verify::{Finished, Limits, Verifier};
