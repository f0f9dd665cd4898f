//! PLAIN (RFC 4616): `[authzid] NUL authcid NUL passwd`.

use crate::client::{ClientError, ClientMechanism};
use crate::prepare::prepare_octets;
use crate::seam::{Answer, Input, Mechanism, Question, Rejection, Turn};
use crate::secret::Secret;

/// The server's side.
#[derive(Debug)]
pub(crate) struct Plain;

impl Mechanism for Plain {
    fn name(&self) -> &'static str {
        "PLAIN"
    }

    fn step(&mut self, input: Input<'_>) -> Turn {
        match input {
            Input::Start => Turn::Challenge(Vec::new()),
            Input::Response(message) => parse(message).map_or(Turn::Done(Err(Rejection::Malformed)), Turn::Ask),
            Input::Answer(answer) => verdict(answer),
        }
    }
}

fn parse(message: &[u8]) -> Option<Question> {
    let parts: Vec<&[u8]> = message.splitn(4, |octet| *octet == 0).collect();
    let [authzid, user, password] = parts.as_slice() else {
        return None;
    };
    let user = prepare_octets(user)?;
    let authzid = if authzid.is_empty() { None } else { Some(prepare_octets(authzid)?) };
    let password = Secret::new(prepare_octets(password)?);
    Some(Question::Password { authzid: authzid.filter(|authzid| *authzid != user), user, password })
}

/// What an answer to a password question means.
pub(crate) fn verdict(answer: Answer) -> Turn {
    Turn::Done(match answer {
        Answer::Grant(identity) => Ok(identity),
        Answer::Unavailable => Err(Rejection::Unavailable),
        Answer::Deny | Answer::Keys(..) => Err(Rejection::Denied),
    })
}

/// The client's side. Use it over verified TLS only.
#[derive(Debug)]
pub struct PlainClient {
    user: String,
    password: Secret,
}

impl PlainClient {
    /// With credentials; NULs in them make the exchange fail at the server.
    pub fn new(user: &str, password: Secret) -> Self {
        PlainClient { user: user.to_owned(), password }
    }
}

impl ClientMechanism for PlainClient {
    fn name(&self) -> &'static str {
        "PLAIN"
    }

    fn first(&mut self) -> Option<Vec<u8>> {
        Some([b"\0", self.user.as_bytes(), b"\0", self.password.expose()].concat())
    }

    fn step(&mut self, _challenge: &[u8]) -> Result<Vec<u8>, ClientError> {
        Err(ClientError::Malformed)
    }

    fn may_succeed(&self) -> bool {
        true
    }
}
