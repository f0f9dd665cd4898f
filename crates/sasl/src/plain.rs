//! PLAIN (RFC 4616): `[authzid] NUL authcid NUL passwd`.

use crate::client::{ClientError, ClientMechanism};
use crate::prepare::{prepare_name, prepare_password};
use crate::registry::Name;
use crate::seam::{Answer, Input, Mechanism, Question, Rejection, Turn};
use crate::secret::Secret;

/// The server's side.
#[derive(Debug, Default)]
pub(crate) enum Plain {
    #[default]
    Begun,
    Asked,
    Over,
}

impl Mechanism for Plain {
    fn name(&self) -> &'static str {
        Name::Plain.as_str()
    }

    fn step(&mut self, input: Input<'_>) -> Turn {
        match (std::mem::replace(self, Plain::Over), input) {
            (Plain::Begun, Input::Start) => {
                *self = Plain::Begun;
                Turn::Challenge(Vec::new())
            }
            (Plain::Begun, Input::Response(message)) => match parse(message) {
                Some(question) => {
                    *self = Plain::Asked;
                    Turn::Ask(question)
                }
                None => Turn::Done(Err(Rejection::Malformed)),
            },
            (Plain::Asked, Input::Answer(answer)) => verdict(answer),
            _ => Turn::Done(Err(Rejection::Malformed)),
        }
    }
}

/// Exactly two NULs, each part at most 255 octets of UTF-8, no empty name and no empty password.
fn parse(message: &[u8]) -> Option<Question> {
    let parts: Vec<&[u8]> = message.splitn(4, |octet| *octet == 0).collect();
    let [authzid, user, password] = parts.as_slice() else {
        return None;
    };
    let user = prepare_name(user)?;
    let authzid = if authzid.is_empty() { None } else { Some(prepare_name(authzid)?) };
    let password = prepare_password(password)?;
    Some(Question::Password { authzid: authzid.filter(|authzid| *authzid != user), user, password })
}

/// What an answer to a yes-or-no question means.
pub(crate) fn verdict(answer: Answer) -> Turn {
    Turn::Done(match answer {
        Answer::Grant(identity) => Ok(identity),
        Answer::Unavailable => Err(Rejection::Unavailable),
        Answer::Deny | Answer::Keys(..) | Answer::RefuseToken(_) => Err(Rejection::Denied),
    })
}

/// The client's side. Use it over verified TLS only.
#[derive(Debug)]
pub struct PlainClient {
    authzid: Option<String>,
    user: String,
    password: Secret,
}

impl PlainClient {
    /// With credentials, which are sent as they are: how they are prepared is the server's to say (RFC 4616 §2), and one that
    /// does not would not know them otherwise. NULs in them make the exchange fail at the server.
    pub fn new(user: &str, password: Secret) -> Self {
        PlainClient { authzid: None, user: user.to_owned(), password }
    }

    /// To act as somebody else.
    #[must_use]
    pub fn authzid(mut self, authzid: Option<String>) -> Self {
        self.authzid = authzid;
        self
    }
}

impl ClientMechanism for PlainClient {
    fn name(&self) -> &'static str {
        Name::Plain.as_str()
    }

    fn first(&mut self) -> Option<Secret> {
        let authzid = self.authzid.as_deref().unwrap_or_default();
        let message = [authzid.as_bytes(), b"\0", self.user.as_bytes(), b"\0", self.password.expose()];
        Some(Secret::new(message.concat()))
    }

    fn step(&mut self, _challenge: &[u8]) -> Result<Secret, ClientError> {
        Err(ClientError::Malformed)
    }

    fn may_succeed(&self) -> bool {
        true
    }
}
