//! The client's side of an exchange, and which mechanism it is to be.

use gatepost_wire::TlsInfo;
use thiserror::Error;

use crate::crypto::ScramHash;
use crate::external::ExternalClient;
use crate::login::LoginClient;
use crate::name::Name;
use crate::oauth::OauthClient;
use crate::plain::PlainClient;
use crate::prepare::{PrepareError, prepare};
use crate::scram::{ScramClient, bindings};
use crate::secret::Secret;
use crate::server::{Limits, Policy};

/// One exchange of one mechanism, the client's side.
pub trait ClientMechanism: Send {
    /// The registered name.
    fn name(&self) -> &'static str;
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
    /// The salt is shorter than [`Limits::min_salt`].
    #[error("a salt of {0} octets is too short")]
    Salt(usize),
    /// The iteration count is out of the bounds of [`Limits`].
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
    #[error("the server offers no mechanism that is allowed with these credentials (many offer none before TLS)")]
    NothingOffered,
    /// It offers only mechanisms that would show the password or token to others: there is no TLS whose server was verified.
    #[error("{0} would show the credentials: it needs TLS with a verified server")]
    NotProtected(Name),
    /// A user name or password has characters that none may have.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
}

/// The strongest mechanism among what is offered, allowed and possible. The same arguments make the same choice: after a
/// failure nothing weaker is tried, unless the caller changes the policy (RFC 4422 §6.1.2).
///
/// `offered` are the words of the server, `nonce` is fresh randomness of printable ASCII without commas.
pub fn choose(
    offered: &[String],
    credentials: &Credentials,
    policy: &Policy,
    tls: Option<&TlsInfo>,
    nonce: &str,
    limits: &Limits,
) -> Result<Box<dyn ClientMechanism>, ChoiceError> {
    let bindings = tls.map(bindings).unwrap_or_default();
    let offers = |name: Name| offered.iter().any(|word| word.eq_ignore_ascii_case(name.as_str()));
    let possible = |name: &Name| match name {
        Name::External => credentials.certificate && tls.is_some(),
        Name::ScramPlus(_) => credentials.password.is_some() && !bindings.is_empty(),
        Name::Scram(_) | Name::Plain => credentials.password.is_some(),
        Name::Login => credentials.password.is_some() && credentials.authzid.is_none(),
        Name::OauthBearer => credentials.token.is_some() && credentials.authzid.is_none(),
        Name::Xoauth2 => credentials.token.is_some() && credentials.authzid.is_none() && !credentials.user.is_empty(),
    };
    let mut candidates =
        Name::ALL.into_iter().filter(|name| policy.mechanisms.contains(name) && offers(*name) && possible(name));
    let name = candidates.next().ok_or(ChoiceError::NothingOffered)?;
    let protected = tls.is_some_and(|tls| tls.server_verified) || policy.plaintext_without_tls;
    if name.is_plaintext() && !protected {
        return Err(ChoiceError::NotProtected(name));
    }
    let plus_offered =
        [ScramHash::Sha1, ScramHash::Sha256, ScramHash::Sha512].map(Name::ScramPlus).into_iter().any(offers);
    let user = prepare(&credentials.user)?.into_owned();
    let authzid = credentials.authzid.as_deref().map(prepare).transpose()?.map(|name| name.into_owned());
    let secret = |secret: &Option<Secret>| secret.clone().unwrap_or_else(|| Secret::new([]));
    let password = secret(&credentials.password).prepared()?;
    let token = secret(&credentials.token);
    let scram = |hash| ScramClient::new(&user, &password, nonce, limits.clone()).hash(hash).authzid(authzid.clone());
    Ok(match name {
        Name::External => Box::new(ExternalClient::new(authzid)),
        Name::ScramPlus(hash) => {
            let (kind, data) = bindings.first().copied().unwrap_or_default();
            Box::new(scram(hash).bound(kind, data))
        }
        Name::Scram(hash) if !bindings.is_empty() && !plus_offered => Box::new(scram(hash).could_bind()),
        Name::Scram(hash) => Box::new(scram(hash)),
        Name::Plain => Box::new(PlainClient::new(&user, password).authzid(authzid)),
        Name::Login => Box::new(LoginClient::new(&user, password)),
        Name::OauthBearer => {
            let client = OauthClient::bearer(Some(&*user).filter(|user| !user.is_empty()), token);
            Box::new(match &credentials.host {
                Some((host, port)) => client.host(host, *port),
                None => client,
            })
        }
        Name::Xoauth2 => Box::new(OauthClient::xoauth2(&user, token)),
    })
}
