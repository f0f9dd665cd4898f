//! The registered names.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A mechanism that this crate has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Name {
    /// RFC 7677.
    ScramSha256,
    /// RFC 4616.
    Plain,
    /// draft-murchison-sasl-login.
    Login,
}

/// There is no mechanism of this name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no mechanism of this name")]
pub struct NameError;

impl Name {
    /// All of them, strongest first.
    pub const ALL: [Name; 3] = [Name::ScramSha256, Name::Plain, Name::Login];

    /// As it is registered.
    pub fn as_str(self) -> &'static str {
        match self {
            Name::ScramSha256 => "SCRAM-SHA-256",
            Name::Plain => "PLAIN",
            Name::Login => "LOGIN",
        }
    }

    /// Whether who reads the exchange can log in with it: not without TLS (RFC 4954 §4, §9).
    pub fn is_plaintext(self) -> bool {
        matches!(self, Name::Plain | Name::Login)
    }
}

impl Name {
    /// Names behind each other, as capability lines have them.
    pub fn list(names: &[Name]) -> String {
        names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Name {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Name::ALL.into_iter().find(|name| name.as_str().eq_ignore_ascii_case(text)).ok_or(NameError)
    }
}
