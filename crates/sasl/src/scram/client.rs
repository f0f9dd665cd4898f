//! The client's side.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;

use gatepost_syntax::base64;

use super::{EXPORTER, are_extensions, is_nonce, xor};
use crate::client::{ClientError, ClientMechanism};
use crate::crypto::ScramHash;
use crate::gs2;
use crate::policy::Limits;
use crate::prepare::prepare_query;
use crate::registry::Name;
use crate::secret::Secret;

/// One exchange: SCRAM-SHA-256, unless something else is said. [`crate::choose`] makes the right one.
pub struct ScramClient {
    hash: ScramHash,
    plus: bool,
    /// `p=type`, `y` or `n`.
    flag: String,
    channel: Vec<u8>,
    authzid: Option<String>,
    user: String,
    password: Secret,
    nonce: String,
    limits: Limits,
    state: State,
}

enum State {
    Begun,
    /// The signature that the server has to show.
    Proved(Secret),
    Verified,
    Over,
}

impl fmt::Debug for ScramClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramClient").field("user", &self.user).field("flag", &self.flag).finish_non_exhaustive()
    }
}

impl ScramClient {
    /// With credentials and a fresh random nonce of printable ASCII without spaces and commas. What can not be prepared (see
    /// [`crate::prepare`]) is sent as it is, and refused by the server.
    pub fn new(user: &str, password: &Secret, nonce: &str, limits: Limits) -> Self {
        let password = password.prepared().unwrap_or_else(|_| password.clone());
        ScramClient {
            hash: ScramHash::Sha256,
            plus: false,
            flag: "n".to_owned(),
            channel: Vec::new(),
            authzid: None,
            user: prepare_query(user).map_or_else(|_| user.to_owned(), Cow::into_owned),
            password,
            nonce: nonce.to_owned(),
            limits,
            state: State::Begun,
        }
    }

    /// With another hash.
    #[must_use]
    pub fn hash(mut self, hash: ScramHash) -> Self {
        self.hash = hash;
        self
    }

    /// To act as somebody else.
    #[must_use]
    pub fn authzid(mut self, authzid: Option<String>) -> Self {
        self.authzid = authzid;
        self
    }

    /// The -PLUS mechanism, bound by data of a type such as `tls-exporter`.
    #[must_use]
    pub fn bound(mut self, kind: &str, data: &[u8]) -> Self {
        (self.plus, self.flag, self.channel) = (true, format!("p={kind}"), data.to_vec());
        self
    }

    /// Says that it could bind and that the server did not offer it; a server that did knows now that somebody is between
    /// (RFC 5802 §6).
    #[must_use]
    pub fn could_bind(mut self) -> Self {
        self.flag = "y".to_owned();
        self
    }

    fn header(&self) -> String {
        format!("{},{},", self.flag, gs2::authzid(self.authzid.as_deref()))
    }

    fn bare(&self) -> String {
        format!("n={},r={}", gs2::escaped(&self.user), self.nonce)
    }

    fn client_final(&mut self, challenge: &str) -> Result<Secret, ClientError> {
        let (nonce, salt, iterations) = server_first(challenge).ok_or(ClientError::Malformed)?;
        let extends = nonce.starts_with(&self.nonce) && nonce.len() > self.nonce.len();
        if !extends || !is_nonce(&self.nonce) {
            return Err(ClientError::Nonce);
        }
        if salt.len() < self.limits.min_salt {
            return Err(ClientError::Salt(salt.len()));
        }
        if !(self.limits.min_iterations..=self.limits.max_iterations).contains(&iterations.get()) {
            return Err(ClientError::Iterations(iterations.get()));
        }
        let hash = self.hash;
        let salted = hash.pbkdf2(&self.password, &salt, iterations);
        let client_key = hash.hmac(&salted, b"Client Key");
        let binding = [self.header().as_bytes(), &self.channel].concat();
        let without_proof = format!("c={},r={nonce}", base64::encode(binding));
        let auth_message = format!("{},{challenge},{without_proof}", self.bare());
        let signature = hash.hmac(&hash.digest(client_key.expose()), auth_message.as_bytes());
        let proof = base64::encode(xor(client_key.expose(), signature.expose()).expose());
        self.state = State::Proved(hash.hmac(&hash.hmac(&salted, b"Server Key"), auth_message.as_bytes()));
        Ok(Secret::new(format!("{without_proof},p={proof}")))
    }
}

/// `r=…,s=…,i=…`, then extensions that may be ignored (RFC 5802 §7); `m=` would come first.
fn server_first(challenge: &str) -> Option<(&str, Vec<u8>, NonZeroU32)> {
    let mut parts = challenge.split(',');
    let nonce = parts.next()?.strip_prefix("r=").filter(|nonce| is_nonce(nonce))?;
    let salt = base64::decode(parts.next()?.strip_prefix("s=")?).ok().filter(|salt| !salt.is_empty())?;
    let iterations = parts.next()?.strip_prefix("i=")?;
    let posit = |text: &&str| text.bytes().all(|octet| octet.is_ascii_digit()) && !text.starts_with('0');
    let iterations = Some(iterations).filter(posit)?;
    Some((nonce, salt, iterations.parse().ok()?)).filter(|_| are_extensions(parts))
}

/// `v=…` with the right signature, or `e=…`.
fn server_final(challenge: &str, expected: &Secret) -> Result<(), ClientError> {
    let mut parts = challenge.split(',');
    let first = parts.next().unwrap_or_default();
    if let Some(error) = first.strip_prefix("e=") {
        return Err(ClientError::Told(error.to_owned()));
    }
    match first.strip_prefix("v=").and_then(|v| base64::decode(v).ok()).filter(|_| are_extensions(parts)) {
        None => Err(ClientError::Malformed),
        Some(signature) if Secret::new(signature.as_slice()) == *expected => Ok(()),
        Some(_) => Err(ClientError::ServerNotAuthenticated),
    }
}

impl ClientMechanism for ScramClient {
    fn name(&self) -> &'static str {
        if self.plus { Name::ScramPlus(self.hash).as_str() } else { Name::Scram(self.hash).as_str() }
    }

    fn uses_exporter(&self) -> bool {
        self.plus && self.flag.strip_prefix("p=") == Some(EXPORTER)
    }

    fn first(&mut self) -> Option<Secret> {
        Some(Secret::new(format!("{}{}", self.header(), self.bare())))
    }

    fn step(&mut self, challenge: &[u8]) -> Result<Secret, ClientError> {
        let text = std::str::from_utf8(challenge).map_err(|_| ClientError::Malformed)?;
        match std::mem::replace(&mut self.state, State::Over) {
            State::Begun => self.client_final(text),
            State::Proved(expected) => {
                server_final(text, &expected)?;
                self.state = State::Verified;
                Ok(Secret::new([]))
            }
            State::Verified | State::Over => Err(ClientError::Malformed),
        }
    }

    fn may_succeed(&self) -> bool {
        matches!(self.state, State::Verified)
    }
}
