//! EXTERNAL (RFC 4422 appendix A): TLS has authenticated the client by its certificate, and the message is whom to act as.

use crate::client::{ClientError, ClientMechanism};
use crate::plain::verdict;
use crate::prepare::prepare_name;
use crate::registry::Name;
use crate::seam::{Input, Mechanism, Question, Rejection, Turn};
use crate::secret::Secret;

/// The server's side.
#[derive(Debug)]
pub(crate) enum External {
    /// With the certificate in DER.
    Begun(Vec<u8>),
    Asked,
    Over,
}

impl External {
    pub(crate) fn new(certificate: &[u8]) -> Self {
        External::Begun(certificate.to_vec())
    }
}

impl Mechanism for External {
    fn name(&self) -> &'static str {
        Name::External.as_str()
    }

    fn step(&mut self, input: Input<'_>) -> Turn {
        match (std::mem::replace(self, External::Over), input) {
            (begun @ External::Begun(_), Input::Start) => {
                *self = begun;
                Turn::Challenge(Vec::new())
            }
            (External::Begun(certificate), Input::Response(message)) => {
                let authzid = if message.is_empty() { Some(None) } else { prepare_name(message).map(Some) };
                match authzid {
                    Some(authzid) => {
                        *self = External::Asked;
                        Turn::Ask(Question::Certificate { authzid, certificate })
                    }
                    None => Turn::Done(Err(Rejection::Malformed)),
                }
            }
            (External::Asked, Input::Answer(answer)) => verdict(answer),
            _ => Turn::Done(Err(Rejection::Malformed)),
        }
    }
}

/// The client's side.
#[derive(Debug, Default)]
pub struct ExternalClient {
    authzid: Option<String>,
}

impl ExternalClient {
    /// As the certificate's owner, or to act as somebody else.
    pub fn new(authzid: Option<String>) -> Self {
        ExternalClient { authzid }
    }
}

impl ClientMechanism for ExternalClient {
    fn name(&self) -> &'static str {
        Name::External.as_str()
    }

    fn first(&mut self) -> Option<Secret> {
        Some(Secret::new(self.authzid.clone().unwrap_or_default()))
    }

    fn step(&mut self, _challenge: &[u8]) -> Result<Secret, ClientError> {
        Err(ClientError::Malformed)
    }

    fn may_succeed(&self) -> bool {
        true
    }
}
