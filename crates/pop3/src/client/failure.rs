//! What can go wrong on the client's side, and what a server says.

use std::fmt;

use gatepost_sasl::ClientError;
use gatepost_syntax::escape;
use thiserror::Error;

/// Why something could not be done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Failure {
    /// The server refused.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The server took too long.
    #[error("no reply in time")]
    Timeout,
    /// The connection ended.
    #[error("the connection was closed")]
    Closed,
    /// What came is no reply, or beyond the limits.
    #[error("malformed reply")]
    Malformed,
    /// A message is longer than [`super::Limits::message`].
    #[error("message {0} is too large")]
    TooLarge(u64),
    /// The server spoke while nothing was asked.
    #[error("a reply to nothing that was asked")]
    Unasked,
    /// Octets in clear behind the reply to STLS: somebody puts words into the server's mouth (CVE-2011-0411).
    #[error("data behind the reply to STLS")]
    Injected,
    /// TLS is wanted, and the server does not offer it.
    #[error("the server does not offer STLS")]
    TlsNotOffered,
    /// A password is said neither in clear nor to a server that was not verified.
    #[error("not without TLS to a server that was verified")]
    TlsRequired,
    /// The server does not offer the mechanism.
    #[error("the server does not offer {0}")]
    MechanismNotOffered(&'static str),
    /// There is no mechanism to log in with.
    #[error(transparent)]
    NoMechanism(#[from] gatepost_sasl::ChoiceError),
    /// The server does not offer USER and PASS.
    #[error("the server does not offer USER")]
    UserNotOffered,
    /// A name or a password that can not be said with USER and PASS: empty, too long, or with a line end in it.
    #[error("name or password can not be said with USER and PASS")]
    Unsayable,
    /// A log-in was bound to the channel by `tls-exporter` before, and one may be (RFC 9266 §4.1): connect again.
    #[error("another log-in that is bound to the channel needs another connection")]
    BoundBefore,
    /// The exchange of AUTH failed by more than a no.
    #[error("AUTH: {0}")]
    Authentication(#[from] ClientError),
}

/// A negative status. Before TLS anybody may have written it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind it is, where the server has response codes.
    pub code: Option<ResponseCode>,
    /// For people. It is escaped where it is displayed.
    pub text: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", escape(&self.text))
    }
}

/// Response codes (RFC 2449 §8, RFC 3206, RFC 6856 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseCode {
    /// Another session has the maildrop.
    InUse,
    /// Too short a time since the last log-in.
    LoginDelay,
    /// Try again later.
    Temporary,
    /// Somebody has to repair it.
    Permanent,
    /// The credentials are wrong.
    Auth,
    /// The message is to be had in UTF-8 only.
    Utf8,
    /// Another one.
    Other,
}

impl ResponseCode {
    fn parse(text: &str) -> Option<Self> {
        let (code, _) = text.strip_prefix('[')?.split_once(']')?;
        Some(match code.to_ascii_uppercase().as_str() {
            "IN-USE" => ResponseCode::InUse,
            "LOGIN-DELAY" => ResponseCode::LoginDelay,
            "SYS/TEMP" => ResponseCode::Temporary,
            "SYS/PERM" => ResponseCode::Permanent,
            "AUTH" => ResponseCode::Auth,
            "UTF8" => ResponseCode::Utf8,
            _ => ResponseCode::Other,
        })
    }
}

/// `+OK` or `-ERR` with a text behind (RFC 1939 §3: in capitals); codes only where they were promised.
pub(super) fn status(line: &[u8], codes: bool) -> Option<Result<String, Refusal>> {
    let text = |rest: &[u8]| match rest {
        [] => Some(String::new()),
        [b' ', text @ ..] => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    };
    match line.strip_prefix(b"+OK") {
        Some(rest) => Some(Ok(text(rest)?)),
        None => {
            let text = text(line.strip_prefix(b"-ERR")?)?;
            let code = ResponseCode::parse(&text).filter(|_| codes);
            Some(Err(Refusal { code, text }))
        }
    }
}
