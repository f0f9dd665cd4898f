//! SASL exchanges, and the users that sessions know.

use std::borrow::Cow;
use std::num::NonZeroU32;

use gatepost_sasl::{
    Answer, Identity, Input, Mechanism, Name, Policy, Question, Rejection, ScramKeys, Secret, Turn, prepare_query,
};
use gatepost_syntax::base64;
use gatepost_wire::{TlsInfo, TlsVersion};
use serde_json::{Value, json};

use crate::request::{Error, Request};

/// Names with their passwords.
pub(crate) struct Users(Vec<(String, String)>);

impl Users {
    /// From the request's `users`; names as a store has them, which is as they are looked up (RFC 4616 §2).
    pub(crate) fn of(request: &Request) -> Result<Self, Error> {
        let stored = |name: String| prepare_query(&name).map(Cow::into_owned).unwrap_or(name);
        Ok(Users(request.pairs("users")?.into_iter().map(|(name, password)| (stored(name), password)).collect()))
    }

    /// A password is the user's access token, too.
    pub(crate) fn answer(&self, question: &Question) -> Answer {
        let known = |user: &str| self.0.iter().find(|(name, _)| name == user);
        let grant = |right: bool, user: &str| {
            if right { Answer::Grant(Identity { user: user.to_owned() }) } else { Answer::Deny }
        };
        match question {
            Question::Password { user, authzid: None, password } => {
                let right = known(user).and_then(|(_, right)| Secret::new(right.as_str()).prepared().ok());
                grant(right.as_ref() == Some(password), user)
            }
            Question::ScramKeys { hash, user, authzid: None } => {
                let iterations = NonZeroU32::new(4096).unwrap_or(NonZeroU32::MIN);
                let password = known(user).and_then(|(_, right)| Secret::new(right.as_str()).prepared().ok());
                let keys = match password {
                    Some(password) => ScramKeys::derive(*hash, &password, b"evaluate's salt.", iterations),
                    None => ScramKeys::fake(*hash, &Secret::new("evaluate"), user, iterations),
                };
                Answer::Keys(keys, Identity { user: user.clone() })
            }
            Question::Token { user, token, .. } => {
                let owner = self.0.iter().find(|(_, right)| Secret::new(right.as_str()) == *token);
                match owner {
                    Some((name, _)) => grant(user.as_ref().is_none_or(|user| user == name), name),
                    None => Answer::Deny,
                }
            }
            // the request has no certificates: whoever has one is whom he names, if there is such a user
            Question::Certificate { authzid: Some(user), .. } => grant(known(user).is_some(), user),
            _ => Answer::Deny,
        }
    }
}

/// The server's side of one exchange over TLS. With `channel_binding_base64` the -PLUS mechanisms are there, and it is the
/// data of either type of binding.
pub(crate) fn sasl(request: &Request) -> Result<Value, Error> {
    let users = Users::of(request)?;
    let nonce = request.optional_text("nonce")?.unwrap_or("evaluatenonce");
    let name = request.text("mechanism")?;
    let mut tls = TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
    tls.client_certificate = Some(Vec::new());
    if let Some(binding) = request.optional_text("channel_binding_base64")? {
        let binding = base64::decode(binding).map_err(|error| Error::value("channel_binding_base64", error))?;
        (tls.exporter, tls.server_end_point) = (Some(binding.clone()), Some(binding));
    }
    let Some(mut mechanism) = gatepost_sasl::mechanism(name, &Policy::of(Name::ALL), Some(&tls), nonce) else {
        let error = match name.parse::<Name>() {
            Ok(_) => "this mechanism needs a channel binding".to_owned(),
            Err(error) => error.to_string(),
        };
        return Ok(json!({"challenges": [], "result": "unsupported", "error": error}));
    };
    let mut challenges: Vec<String> = Vec::new();
    let mut exchange = request.texts("exchange")?.ok_or(Error::Missing("exchange"))?;
    if mechanism.name() == Name::Login.as_str() {
        // the server begins; an empty message in front says no more than that the client has no initial response
        exchange.drain(..usize::from(exchange.first().is_some_and(String::is_empty)));
        if let Turn::Challenge(challenge) = mechanism.step(Input::Start) {
            challenges.push(base64::encode(challenge));
        }
    }
    for message in exchange {
        let Ok(message) = base64::decode(&message) else {
            return Ok(json!({"challenges": challenges, "result": "malformed", "error": "not base64"}));
        };
        match step(mechanism.as_mut(), &users, &message) {
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
    // SCRAM ends with the server's signature, OAuth with its refusal; that the client acknowledges them is the profile's
    match step(mechanism.as_mut(), &users, b"") {
        Turn::Done(Ok(identity)) => Ok(json!({"challenges": challenges, "result": "pass", "identity": identity.user})),
        Turn::Done(Err(Rejection::Denied)) if !challenges.is_empty() => {
            Ok(json!({"challenges": challenges, "result": "fail"}))
        }
        _ => Ok(json!({"challenges": challenges, "result": "incomplete"})),
    }
}

fn step(mechanism: &mut dyn Mechanism, users: &Users, message: &[u8]) -> Turn {
    match mechanism.step(Input::Response(message)) {
        Turn::Ask(question) => mechanism.step(Input::Answer(users.answer(&question))),
        turn => turn,
    }
}
