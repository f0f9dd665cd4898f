//! The client's side of an exchange, and what it can log in with.

use thiserror::Error;

use crate::prepare::PrepareError;
use crate::registry::Name;
use crate::secret::Secret;

/// One exchange of one mechanism, the client's side.
pub trait ClientMechanism: Send {
    /// The registered name.
    fn name(&self) -> &'static str;
    /// Whether the exchange is bound to the channel by `tls-exporter` (RFC 9266).
    fn uses_exporter(&self) -> bool {
        false
    }
    /// The initial response; `None` where the server speaks first.
    fn first(&mut self) -> Option<Secret>;
    /// The response to a challenge; an error cancels the exchange.
    fn step(&mut self, challenge: &[u8]) -> Result<Secret, ClientError>;
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
    /// The server said no, and why: an error of SCRAM, or OAuth's JSON. A stranger's words; printed, they are escaped.
    #[error("the server refused the credentials: {}", gatepost_syntax::escape(.0))]
    Told(String),
    /// A challenge is not base64.
    #[error("a challenge is not base64")]
    NotBase64,
    /// A challenge does not follow the mechanism's grammar, or comes when none is to come.
    #[error("a challenge does not follow the mechanism")]
    Malformed,
    /// The server's nonce does not begin with ours (RFC 5802 §5.1).
    #[error("the server's nonce does not extend ours")]
    Nonce,
    /// The salt is shorter than [`crate::Limits::min_salt`].
    #[error("a salt of {0} octets is too short")]
    Salt(usize),
    /// The iteration count is out of the bounds of [`crate::Limits`].
    #[error("{0} iterations are out of bounds")]
    Iterations(u32),
    /// The server said yes, or sent a signature, without proving that it knows the password.
    #[error("the server could not prove that it knows the password")]
    ServerNotAuthenticated,
}

/// What a client can log in with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// Who it is; empty with a certificate that tells, or a token that does.
    pub user: String,
    /// Whom to act as, unless it is oneself.
    pub authzid: Option<String>,
    /// For SCRAM, PLAIN and LOGIN.
    pub password: Option<Secret>,
    /// For OAUTHBEARER and XOAUTH2: an access token.
    pub token: Option<Secret>,
    /// With OAUTHBEARER: the host and port that were meant.
    pub host: Option<(String, u16)>,
    /// For EXTERNAL: whether the client has shown a certificate in TLS.
    pub certificate: bool,
}

impl Credentials {
    /// A name and a password.
    pub fn password(user: &str, password: impl Into<Secret>) -> Self {
        Credentials { user: user.to_owned(), password: Some(password.into()), ..Credentials::default() }
    }

    /// A certificate that the client has shown in TLS: the server knows whose it is.
    pub fn certificate() -> Self {
        Credentials { certificate: true, ..Credentials::default() }
    }

    /// A name and an access token of OAuth 2.0.
    pub fn token(user: &str, token: impl Into<Secret>) -> Self {
        Credentials { user: user.to_owned(), token: Some(token.into()), ..Credentials::default() }
    }
}

/// Why there is no mechanism to log in with.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChoiceError {
    /// The server offers none that the policy allows and the credentials are for.
    #[error("the server offers no mechanism that is allowed with these credentials (without TLS many offer none)")]
    NothingOffered,
    /// It offers only mechanisms that would show the password or token to others: there is no TLS whose server was verified.
    #[error("{0} would show the credentials: it needs TLS with a verified server")]
    NotProtected(Name),
    /// A user name or password has characters that none may have, or is empty.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// A token has characters that none may have (RFC 6750 §2.1), or is empty.
    #[error("no bearer token: it is empty, or has characters that none may have")]
    Token,
    /// SCRAM was given nothing random, or what is not printable ASCII without spaces and commas.
    #[error("the nonce is empty, or has something else than printable ASCII without spaces and commas")]
    Nonce,
}
