//! LOGIN (draft-murchison-sasl-login): two prompts. Obsolete, and still what some clients know.

use crate::plain::verdict;
use crate::prepare::prepare_octets;
use crate::seam::{Input, Mechanism, Question, Rejection, Turn};
use crate::secret::Secret;

/// The server's side.
#[derive(Debug, Default)]
pub(crate) struct Login {
    user: Option<String>,
}

impl Mechanism for Login {
    fn name(&self) -> &'static str {
        "LOGIN"
    }

    fn step(&mut self, input: Input<'_>) -> Turn {
        match input {
            Input::Start => Turn::Challenge(b"Username:".to_vec()),
            Input::Answer(answer) => verdict(answer),
            Input::Response(message) => match (prepare_octets(message), self.user.take()) {
                (Some(user), None) => {
                    self.user = Some(user);
                    Turn::Challenge(b"Password:".to_vec())
                }
                (Some(password), Some(user)) => {
                    Turn::Ask(Question::Password { user, authzid: None, password: Secret::new(password) })
                }
                (None, _) => Turn::Done(Err(Rejection::Malformed)),
            },
        }
    }
}
