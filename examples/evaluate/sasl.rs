//! SASL exchanges, and the users that sessions know.

use std::num::NonZeroU32;

use gatepost_sasl::{Answer, Identity, Input, Policy, Question, ScramKeys, Secret, Turn, prepare};
use gatepost_syntax::base64;
use gatepost_wire::{TlsInfo, TlsVersion};
use serde_json::{Value, json};

use crate::request::{Error, Request};

/// Names with their passwords.
pub(crate) struct Users(Vec<(String, String)>);

impl Users {
    /// From the request's `users`.
    pub(crate) fn of(request: &Request) -> Result<Self, Error> {
        Ok(Users(request.pairs("users")?))
    }

    pub(crate) fn answer(&self, question: &Question) -> Answer {
        let known = |user: &str| self.0.iter().find(|(name, _)| name == user);
        match question {
            Question::Password { user, authzid: None, password } => match known(user) {
                Some((_, right)) if Secret::new(right.as_bytes()) == *password => {
                    Answer::Grant(Identity { user: user.clone() })
                }
                _ => Answer::Deny,
            },
            Question::ScramKeys { user, authzid: None } => {
                let iterations = NonZeroU32::new(4096).unwrap_or(NonZeroU32::MIN);
                let keys = match known(user) {
                    Some((_, password)) => {
                        let password =
                            prepare(password).map_or_else(|_| password.clone(), std::borrow::Cow::into_owned);
                        ScramKeys::derive(&Secret::new(password), b"evaluate's salt.", iterations)
                    }
                    None => ScramKeys::fake(&Secret::new("evaluate"), user, iterations),
                };
                Answer::Keys(keys, Identity { user: user.clone() })
            }
            _ => Answer::Deny,
        }
    }
}

/// The server's side of one exchange, as if over TLS.
pub(crate) fn sasl(request: &Request) -> Result<Value, Error> {
    let users = Users::of(request)?;
    let nonce = request.optional_text("nonce")?.unwrap_or("evaluatenonce");
    let name = request.text("mechanism")?;
    let tls = TlsInfo::new(TlsVersion::Tls13, "TLS13_AES_128_GCM_SHA256");
    let Some(mut mechanism) = gatepost_sasl::mechanism(name, &Policy::default(), Some(&tls), nonce) else {
        return Ok(
            json!({"challenges": [], "result": "unsupported", "error": format!("mechanism {name} is not built")}),
        );
    };
    let mut challenges: Vec<String> = Vec::new();
    for message in request.texts("exchange")?.ok_or(Error::Missing("exchange"))? {
        let Ok(message) = base64::decode(&message) else {
            return Ok(json!({"challenges": challenges, "result": "malformed", "error": "not base64"}));
        };
        let mut turn = mechanism.step(Input::Response(&message));
        if let Turn::Ask(question) = turn {
            turn = mechanism.step(Input::Answer(users.answer(&question)));
        }
        match turn {
            Turn::Challenge(challenge) => challenges.push(base64::encode(challenge)),
            Turn::Ask(_) => return Ok(json!({"challenges": challenges, "result": "fail"})),
            Turn::Done(Ok(identity)) => {
                return Ok(json!({"challenges": challenges, "result": "pass", "identity": identity.user}));
            }
            Turn::Done(Err(error)) => {
                return Ok(json!({"challenges": challenges, "result": "fail", "error": error.to_string()}));
            }
        }
    }
    // SCRAM itself ends with the server's signature; that the client acknowledges it is the profile's (RFC 4954 §4)
    match mechanism.step(Input::Response(b"")) {
        Turn::Done(Ok(identity)) => Ok(json!({"challenges": challenges, "result": "pass", "identity": identity.user})),
        _ => Ok(json!({"challenges": challenges, "result": "incomplete"})),
    }
}
