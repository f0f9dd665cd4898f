//! LOGIN (draft-murchison-sasl-login): two prompts. Obsolete, and still what some programs know.

use crate::client::{ClientError, ClientMechanism};
use crate::plain::verdict;
use crate::prepare::{prepare_name, prepare_password};
use crate::registry::Name;
use crate::seam::{Input, Mechanism, Question, Rejection, Turn};
use crate::secret::Secret;

/// The server's side. An initial response is the user's name.
#[derive(Debug, Default)]
pub(crate) enum Login {
    #[default]
    User,
    Password(String),
    Asked,
    Over,
}

impl Mechanism for Login {
    fn name(&self) -> &'static str {
        Name::Login.as_str()
    }

    fn step(&mut self, input: Input<'_>) -> Turn {
        match (std::mem::replace(self, Login::Over), input) {
            (Login::User, Input::Start) => {
                *self = Login::User;
                Turn::Challenge(b"Username:".to_vec())
            }
            (Login::User, Input::Response(message)) => match prepare_name(message) {
                Some(user) => {
                    *self = Login::Password(user);
                    Turn::Challenge(b"Password:".to_vec())
                }
                None => Turn::Done(Err(Rejection::Malformed)),
            },
            (Login::Password(user), Input::Response(message)) => match prepare_password(message) {
                Some(password) => {
                    *self = Login::Asked;
                    Turn::Ask(Question::Password { user, authzid: None, password })
                }
                None => Turn::Done(Err(Rejection::Malformed)),
            },
            (Login::Asked, Input::Answer(answer)) => verdict(answer),
            _ => Turn::Done(Err(Rejection::Malformed)),
        }
    }
}

/// The client's side: whatever the prompts say, the first one is for the name. Use it over verified TLS only.
#[derive(Debug)]
pub struct LoginClient {
    user: Option<String>,
    password: Option<Secret>,
}

impl LoginClient {
    /// With credentials, which are sent as they are (as in [`crate::PlainClient`]).
    pub fn new(user: &str, password: Secret) -> Self {
        LoginClient { user: Some(user.to_owned()), password: Some(password) }
    }
}

impl ClientMechanism for LoginClient {
    fn name(&self) -> &'static str {
        Name::Login.as_str()
    }

    fn first(&mut self) -> Option<Secret> {
        None // servers differ in what an initial response is
    }

    fn step(&mut self, _challenge: &[u8]) -> Result<Secret, ClientError> {
        match (self.user.take(), self.password.take()) {
            (Some(user), password) => {
                self.password = password;
                Ok(Secret::new(user))
            }
            (None, Some(password)) => Ok(password),
            (None, None) => Err(ClientError::Malformed),
        }
    }

    fn may_succeed(&self) -> bool {
        self.password.is_none()
    }
}
