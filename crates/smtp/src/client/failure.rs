//! What can go wrong on the client's side.

use thiserror::Error;

use super::Response;

/// Why something could not be done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Failure {
    /// The server refused.
    #[error("refused: {0}")]
    Refused(Response),
    /// The server took too long.
    #[error("no reply in time")]
    Timeout,
    /// The connection ended.
    #[error("the connection was closed")]
    Closed,
    /// What came is no reply, or beyond the limits.
    #[error("malformed reply")]
    Malformed,
    /// The server said something before it was asked.
    #[error("a reply that nobody asked for")]
    Unasked,
    /// Octets in clear behind the reply to STARTTLS: somebody puts words into the server's mouth (CVE-2011-0411).
    #[error("data behind the reply to STARTTLS")]
    Injected,
    /// TLS is required, and the server does not offer it.
    #[error("the server does not offer STARTTLS")]
    TlsNotOffered,
    /// TLS is required for this.
    #[error("not without TLS")]
    TlsRequired,
    /// The server does not offer the mechanism.
    #[error("the server does not offer {0}")]
    MechanismNotOffered(&'static str),
    /// There is no mechanism to log in with.
    #[error(transparent)]
    NoMechanism(#[from] gatepost_sasl::ChoiceError),
    /// A log-in was bound to the channel by `tls-exporter` before, and one may be (RFC 9266 §4.1): connect again.
    #[error("another log-in that is bound to the channel needs another connection")]
    BoundBefore,
    /// The exchange of AUTH failed by more than a no.
    #[error("AUTH: {0}")]
    Authentication(#[from] gatepost_sasl::ClientError),
    /// The message has 8-bit octets, and the server takes none (RFC 6152 §3).
    #[error("the server does not offer 8BITMIME")]
    EightBitNotOffered,
    /// The message is not made of lines, and the server takes lines only (RFC 3030 §3).
    #[error("the server does not offer BINARYMIME")]
    BinaryNotOffered,
    /// The message has octets beyond ASCII, and the envelope says that it has none. It was not ended, and the connection is
    /// closed.
    #[error("the message has 8-bit octets that were not declared")]
    EightBit,
    /// The message needs SMTPUTF8 (RFC 6531 §3.1).
    #[error("the server does not offer SMTPUTF8")]
    Utf8NotOffered,
    /// The message is larger than the server takes (RFC 1870 §6).
    #[error("the server takes {limit} octets at most")]
    TooLarge {
        /// Octets.
        limit: u64,
    },
    /// The message must travel over verified TLS to servers with REQUIRETLS only (RFC 8689 §4.2.1).
    #[error("the server does not offer REQUIRETLS over verified TLS")]
    RequireTlsNotOffered,
    /// More recipients, domains or messages than the server takes at a time (RFC 9422).
    #[error("the server takes {limit} at a time")]
    Limit {
        /// How many.
        limit: usize,
    },
    /// The envelope has no recipient.
    #[error("no recipient")]
    NoRecipient,
    /// The message has a bare CR, a bare LF or a NUL; it was not ended, and the connection is closed (RFC 5321 §2.3.8).
    #[error("the message has a bare CR, a bare LF or a NUL")]
    BareLineEnd,
}
