//! The client's side of an exchange.

use thiserror::Error;

/// One exchange of one mechanism, the client's side.
pub trait ClientMechanism: Send {
    /// The registered name.
    fn name(&self) -> &'static str;
    /// The initial response; `None` where the server speaks first.
    fn first(&mut self) -> Option<Vec<u8>>;
    /// The response to a challenge; an error cancels the exchange.
    fn step(&mut self, challenge: &[u8]) -> Result<Vec<u8>, ClientError>;
    /// Whether the server's success may be believed: with SCRAM only after its signature was right.
    fn may_succeed(&self) -> bool;
    /// What the server told of its refusal within the exchange, where the mechanism has a word for it.
    fn told(&self) -> Option<ClientError> {
        None
    }
}

/// Why a client is not logged in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The server said no.
    #[error("the server refused the credentials")]
    Refused,
    /// A challenge is not base64.
    #[error("a challenge is not base64")]
    NotBase64,
    /// A challenge does not follow the mechanism's grammar, or comes when none is to come.
    #[error("a challenge does not follow the mechanism")]
    Malformed,
    /// The server's nonce does not begin with ours (RFC 5802 §5.1).
    #[error("the server's nonce does not extend ours")]
    Nonce,
    /// The iteration count is out of the bounds of [`crate::Limits`].
    #[error("{0} iterations are out of bounds")]
    Iterations(u32),
    /// The server said yes, or sent a signature, without proving that it knows the password.
    #[error("the server could not prove that it knows the password")]
    ServerNotAuthenticated,
}
