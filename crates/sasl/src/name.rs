//! The registered names.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::crypto::ScramHash;

/// A mechanism that this crate has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Name {
    /// By a certificate of TLS (RFC 4422 appendix A).
    External,
    /// SCRAM bound to the channel, SCRAM-SHA-256-PLUS and the like (RFC 5802 §6).
    ScramPlus(ScramHash),
    /// SCRAM (RFC 5802, RFC 7677).
    Scram(ScramHash),
    /// OAuth 2.0 bearer tokens (RFC 7628).
    OauthBearer,
    /// The same as Google and Microsoft had it first.
    Xoauth2,
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
    pub const ALL: [Name; 11] = [
        Name::External,
        Name::ScramPlus(ScramHash::Sha512),
        Name::ScramPlus(ScramHash::Sha256),
        Name::Scram(ScramHash::Sha512),
        Name::Scram(ScramHash::Sha256),
        Name::ScramPlus(ScramHash::Sha1),
        Name::Scram(ScramHash::Sha1),
        Name::OauthBearer,
        Name::Xoauth2,
        Name::Plain,
        Name::Login,
    ];

    /// As it is registered.
    pub fn as_str(self) -> &'static str {
        match self {
            Name::External => "EXTERNAL",
            Name::ScramPlus(ScramHash::Sha512) => "SCRAM-SHA-512-PLUS",
            Name::ScramPlus(ScramHash::Sha256) => "SCRAM-SHA-256-PLUS",
            Name::ScramPlus(ScramHash::Sha1) => "SCRAM-SHA-1-PLUS",
            Name::Scram(hash) => hash.as_str(),
            Name::OauthBearer => "OAUTHBEARER",
            Name::Xoauth2 => "XOAUTH2",
            Name::Plain => "PLAIN",
            Name::Login => "LOGIN",
        }
    }

    /// Whether who reads the exchange can log in with it: not without TLS (RFC 4954 §4, RFC 7628 §4).
    pub fn is_plaintext(self) -> bool {
        matches!(self, Name::OauthBearer | Name::Xoauth2 | Name::Plain | Name::Login)
    }

    /// Names behind each other, as capability lines have them.
    pub fn list(names: &[Name]) -> String {
        names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" ")
    }
}

impl ScramHash {
    /// The mechanism's name; keys are stored under it, too.
    pub fn as_str(self) -> &'static str {
        match self {
            ScramHash::Sha1 => "SCRAM-SHA-1",
            ScramHash::Sha256 => "SCRAM-SHA-256",
            ScramHash::Sha512 => "SCRAM-SHA-512",
        }
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
