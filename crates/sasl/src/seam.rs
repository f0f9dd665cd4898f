//! Who may log in: a question out, an answer in.

use std::future::Future;
use std::pin::Pin;

use thiserror::Error;

use crate::crypto::ScramHash;
use crate::oauth::TokenRefusal;
use crate::scram::ScramKeys;
use crate::secret::Secret;

/// A user who was authenticated.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The name as the store has it.
    pub user: String,
}

/// What a mechanism has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Question {
    /// Is this the user's password? Answered by [`Answer::Grant`] or [`Answer::Deny`].
    Password {
        /// The authentication identity, prepared.
        user: String,
        /// Whom the user wants to act as, unless it is himself. Grant it only if that is allowed.
        authzid: Option<String>,
        /// What was typed, prepared.
        password: Secret,
    },
    /// The user's SCRAM keys. Answered by [`Answer::Keys`]; for an unknown user with [`ScramKeys::fake`] ones, so that
    /// nobody learns that there is none.
    ScramKeys {
        /// For which hash.
        hash: ScramHash,
        /// The authentication identity, prepared.
        user: String,
        /// Whom the user wants to act as, unless it is himself. Grant it only if that is allowed.
        authzid: Option<String>,
    },
    /// Whose access token is this, and is it good for mail (RFC 6750)? Answered by [`Answer::Grant`],
    /// [`Answer::RefuseToken`] or [`Answer::Deny`].
    Token {
        /// Whom the user wants to act as, if he says so; grant it only if the token is his, or that is allowed.
        user: Option<String>,
        /// The token as it came. It is empty where a client has none and asks which scope it needs (RFC 7628 §4.3): it is told
        /// by [`Answer::RefuseToken`], and a grant is not believed.
        token: Secret,
        /// Which host the client says it meant. If it is told, it has to be this one (RFC 7628 §3.2).
        host: Option<String>,
        /// Which port.
        port: Option<u16>,
    },
    /// Whose certificate is this? TLS has verified it. Answered by [`Answer::Grant`] or [`Answer::Deny`].
    Certificate {
        /// In DER.
        certificate: Vec<u8>,
        /// Whom the user wants to act as, if he says so. Grant it only if it is himself, or that is allowed.
        authzid: Option<String>,
    },
}

impl Question {
    /// Who is named: whom the peer says to be, or with a token or a certificate whom to act as. Nobody has proved it yet; it
    /// is for counting what fails.
    pub fn user(&self) -> Option<&str> {
        match self {
            Question::Password { user, .. } | Question::ScramKeys { user, .. } => Some(user),
            Question::Token { user, .. } => user.as_deref(),
            Question::Certificate { authzid, .. } => authzid.as_deref(),
        }
    }
}

/// What the store says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Yes, and this is who it is.
    Grant(Identity),
    /// No.
    Deny,
    /// The store can not be asked now.
    Unavailable,
    /// No, and this is what is wrong with the token.
    RefuseToken(TokenRefusal),
    /// The keys, and who it is if the proof fits.
    Keys(ScramKeys, Identity),
}

/// A future that may go to another thread.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Answers questions of mechanisms: a store of one's own, which may wait for something.
///
/// ```
/// use gatepost_sasl::{Answer, Authenticator, BoxFuture, ITERATIONS, Identity, Question, ScramHash, ScramKeys, Secret};
///
/// struct Database {
///     /// 32 octets of randomness that stay the same.
///     secret: Secret,
/// }
///
/// impl Database {
///     /// The user's keys, out of a column or of columns ([`ScramKeys::from_parts`]).
///     async fn keys(&self, user: &str) -> Result<Option<ScramKeys>, std::io::Error> {
/// #       let _ = user;
///         Ok(None) // to be asked of the database
///     }
/// }
///
/// /// Whom a user acts as: himself, unless he may be others.
/// fn identity(user: &str, authzid: Option<&str>) -> Option<Identity> {
///     authzid.is_none_or(|authzid| authzid == user).then(|| Identity { user: user.to_owned() })
/// }
///
/// impl Authenticator for Database {
///     fn answer<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Answer> {
///         Box::pin(async move {
///             let (Question::Password { user, authzid, .. } | Question::ScramKeys { user, authzid, .. }) = question else {
///                 return Answer::Deny;
///             };
///             let Ok(found) = self.keys(user).await else { return Answer::Unavailable };
///             // who does not exist has keys, too, and so the same work is done for him
///             let hash = if let Question::ScramKeys { hash, .. } = question { *hash } else { ScramHash::Sha256 };
///             let fake = ScramKeys::fake(hash, &self.secret, user, ITERATIONS);
///             let (keys, exists) = found.filter(|keys| keys.hash() == hash).map_or((fake, false), |keys| (keys, true));
///             match (question, identity(user, authzid.as_deref())) {
///                 (_, None) => Answer::Deny,
///                 // fits takes milliseconds, by intent: on a runtime, give it to a thread that may block
///                 (Question::Password { password, .. }, Some(who)) => {
///                     if keys.fits(password) && exists { Answer::Grant(who) } else { Answer::Deny }
///                 }
///                 (_, Some(who)) => Answer::Keys(keys, who),
///             }
///         })
///     }
/// }
/// ```
pub trait Authenticator: Send + Sync {
    /// Answers one question. Unknown users and wrong passwords must cost the same: hold the password against
    /// [`ScramKeys::fake`] ones where there are no others. An `authzid` that is not granted is a no, however right the password.
    fn answer<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Answer>;
}

/// One exchange of one mechanism, the server's side.
pub trait Mechanism: Send + Sync {
    /// The registered name.
    fn name(&self) -> &'static str;
    /// Whether the client has bound the exchange to the channel by `tls-exporter` (RFC 9266).
    fn uses_exporter(&self) -> bool {
        false
    }
    /// Goes on with what came.
    fn step(&mut self, input: Input<'_>) -> Turn;
}

/// What came. A response may be the password: how long it is is all that is shown.
pub enum Input<'a> {
    /// The exchange begins without an initial response.
    Start,
    /// A response of the client, decoded.
    Response(&'a [u8]),
    /// An answer to [`Turn::Ask`].
    Answer(Answer),
}

impl std::fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Input::Start => f.write_str("Start"),
            Input::Response(octets) => write!(f, "Response({} octets)", octets.len()),
            Input::Answer(answer) => f.debug_tuple("Answer").field(answer).finish(),
        }
    }
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// Send this challenge.
    Challenge(Vec<u8>),
    /// Get an answer.
    Ask(Question),
    /// It is over.
    Done(Result<Identity, Rejection>),
}

/// Why an exchange failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rejection {
    /// A response is not base64 (RFC 4954 §4).
    #[error("not base64")]
    NotBase64,
    /// A response is longer than what is read (RFC 4954 §4).
    #[error("response too long")]
    TooLong,
    /// The client gave up with `*` (RFC 4954 §4).
    #[error("cancelled")]
    Cancelled,
    /// A message does not follow the mechanism's grammar.
    #[error("malformed response")]
    Malformed,
    /// The client is not bound to this channel, or was told that it could not be: somebody is in between, or the client knows
    /// only other types of channel binding (RFC 5802 §6).
    #[error("channel binding failed")]
    ChannelBinding,
    /// Wrong credentials, an unknown user, an identity that may not be acted as: no difference is told.
    #[error("authentication failed")]
    Denied,
    /// The store can not be asked now, or [`crate::mechanism`] was given no nonce that SCRAM could use.
    #[error("temporary authentication failure")]
    Unavailable,
}
