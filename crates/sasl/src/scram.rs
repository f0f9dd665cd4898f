//! SCRAM-SHA-256 (RFC 5802, RFC 7677), both sides, without channel binding.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use gatepost_syntax::base64;
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::client::{ClientError, ClientMechanism};
use crate::crypto::{hmac_sha256, pbkdf2_sha256, sha256};
use crate::prepare::{prepare, prepare_octets};
use crate::seam::{Answer, Identity, Input, Mechanism, Question, Rejection, Turn};
use crate::secret::Secret;
use crate::server::Limits;

/// What a server stores of a password (RFC 5802 §2.2): nobody can log in with it.
///
/// As text: `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`, in base64.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    salt: Vec<u8>,
    iterations: NonZeroU32,
    stored_key: Secret,
    server_key: Secret,
}

/// The text is not of the form `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`")]
pub struct ScramKeysError;

impl ScramKeys {
    /// Derives the keys of a password; the salt is fresh randomness of at least 16 octets.
    pub fn derive(password: &Secret, salt: &[u8], iterations: NonZeroU32) -> Self {
        let salted = Secret::new(pbkdf2_sha256(password.expose(), salt, iterations));
        let client_key = hmac_sha256(salted.expose(), b"Client Key");
        let server_key = hmac_sha256(salted.expose(), b"Server Key");
        let (stored_key, server_key) = (Secret::new(sha256(&client_key)), Secret::new(server_key));
        ScramKeys { salt: salt.to_vec(), iterations, stored_key, server_key }
    }

    /// Keys that no password fits, always the same for a user: for users that do not exist (RFC 5802 §5.1).
    pub fn fake(server_secret: &Secret, user: &str, iterations: NonZeroU32) -> Self {
        let part = |label: &str| hmac_sha256(server_secret.expose(), format!("{label}:{user}").as_bytes());
        let salt = part("salt").iter().copied().take(16).collect();
        ScramKeys { salt, iterations, stored_key: Secret::new(part("stored")), server_key: Secret::new(part("server")) }
    }

    /// Whether a password fits, for PLAIN and LOGIN; costs the whole derivation whatever the outcome.
    pub fn fits(&self, password: &Secret) -> bool {
        ScramKeys::derive(password, &self.salt, self.iterations).stored_key == self.stored_key
    }

    /// How many iterations the keys took.
    pub fn iterations(&self) -> NonZeroU32 {
        self.iterations
    }
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScramKeys({} iterations, secret)", self.iterations)
    }
}

impl fmt::Display for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stored, server) = (base64::encode(self.stored_key.expose()), base64::encode(self.server_key.expose()));
        write!(f, "SCRAM-SHA-256${}:{}${stored}:{server}", self.iterations, base64::encode(&self.salt))
    }
}

impl FromStr for ScramKeys {
    type Err = ScramKeysError;
    fn from_str(text: &str) -> Result<Self, ScramKeysError> {
        let parse = || {
            let (head, keys) = text.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
            let ((iterations, salt), (stored, server)) = (head.split_once(':')?, keys.split_once(':')?);
            let key = |text: &str| base64::decode(text).ok().filter(|key| key.len() == 32).map(Secret::new);
            let salt = base64::decode(salt).ok()?;
            Some(ScramKeys {
                salt,
                iterations: iterations.parse().ok()?,
                stored_key: key(stored)?,
                server_key: key(server)?,
            })
        };
        parse().ok_or(ScramKeysError)
    }
}

/// The server's side.
pub(crate) struct ScramServer {
    nonce: String,
    state: State,
}

enum State {
    ClientFirst,
    Keys {
        gs2: String,
        bare: String,
        client_nonce: String,
    },
    ClientFinal {
        gs2: String,
        auth_message: String,
        nonce: String,
        keys: ScramKeys,
        identity: Identity,
    },
    /// The server's signature was sent as a challenge; the client answers with nothing (RFC 4954 §4).
    Acknowledge(Identity),
    Over,
}

impl ScramServer {
    pub(crate) fn new(nonce: &str) -> Self {
        ScramServer { nonce: nonce.to_owned(), state: State::ClientFirst }
    }

    fn client_first(&mut self, message: &[u8]) -> Option<Turn> {
        let text = std::str::from_utf8(message).ok()?;
        // gs2-header = gs2-cbind-flag "," [ authzid ] ","; `p=` needs a -PLUS mechanism, which is not offered
        let (flag, rest) = text.split_once(',')?;
        let (authzid, bare) = rest.split_once(',')?;
        if !["n", "y"].contains(&flag) {
            return None;
        }
        let (user, rest) = bare.strip_prefix("n=")?.split_once(',')?; // `m=` comes first and is refused so
        let client_nonce = rest.strip_prefix("r=")?.split(',').next().filter(|nonce| is_nonce(nonce))?;
        let user = prepare_octets(unescaped(user)?.as_bytes())?;
        let authzid = match authzid {
            "" => None,
            some => Some(prepare_octets(unescaped(some.strip_prefix("a=")?)?.as_bytes())?),
        };
        let (gs2, bare) = (text.get(..text.len() - bare.len())?.to_owned(), bare.to_owned());
        self.state = State::Keys { gs2, bare, client_nonce: client_nonce.to_owned() };
        Some(Turn::Ask(Question::ScramKeys { authzid: authzid.filter(|authzid| *authzid != user), user }))
    }

    fn server_first(
        &mut self,
        gs2: String,
        bare: &str,
        client_nonce: &str,
        keys: ScramKeys,
        identity: Identity,
    ) -> Turn {
        let nonce = format!("{client_nonce}{}", self.nonce);
        let challenge = format!("r={nonce},s={},i={}", base64::encode(&keys.salt), keys.iterations);
        let auth_message = format!("{bare},{challenge}");
        self.state = State::ClientFinal { gs2, auth_message, nonce, keys, identity };
        Turn::Challenge(challenge.into_bytes())
    }
}

/// Checks the proof; the server's signature if it fits.
fn check_final(
    message: &[u8],
    gs2: &str,
    auth_message: &str,
    nonce: &str,
    keys: &ScramKeys,
) -> Result<String, Rejection> {
    let text = std::str::from_utf8(message).map_err(|_| Rejection::Malformed)?;
    let (without_proof, proof) = text.rsplit_once(",p=").ok_or(Rejection::Malformed)?;
    let (binding, rest) =
        without_proof.strip_prefix("c=").and_then(|c| c.split_once(',')).ok_or(Rejection::Malformed)?;
    let proof = base64::decode(proof).map_err(|_| Rejection::Malformed)?;
    let sent_nonce = rest.strip_prefix("r=").and_then(|rest| rest.split(',').next()).ok_or(Rejection::Malformed)?;
    if binding != base64::encode(gs2) || sent_nonce != nonce || proof.len() != 32 {
        return Err(Rejection::Denied);
    }
    let auth_message = format!("{auth_message},{without_proof}");
    let signature = hmac_sha256(keys.stored_key.expose(), auth_message.as_bytes());
    let client_key: Vec<u8> = proof.iter().zip(signature).map(|(a, b)| a ^ b).collect();
    if Secret::new(sha256(&client_key)) != keys.stored_key {
        return Err(Rejection::Denied);
    }
    Ok(format!("v={}", base64::encode(hmac_sha256(keys.server_key.expose(), auth_message.as_bytes()))))
}

impl Mechanism for ScramServer {
    fn name(&self) -> &'static str {
        "SCRAM-SHA-256"
    }

    fn step(&mut self, input: Input<'_>) -> Turn {
        let over = |rejection| Turn::Done(Err(rejection));
        match (std::mem::replace(&mut self.state, State::Over), input) {
            (State::ClientFirst, Input::Start) => {
                self.state = State::ClientFirst;
                Turn::Challenge(Vec::new())
            }
            (State::ClientFirst, Input::Response(message)) => {
                self.client_first(message).unwrap_or(over(Rejection::Malformed))
            }
            (State::Keys { gs2, bare, client_nonce }, Input::Answer(Answer::Keys(keys, identity))) => {
                self.server_first(gs2, &bare, &client_nonce, keys, identity)
            }
            (State::Keys { .. }, Input::Answer(Answer::Unavailable)) => over(Rejection::Unavailable),
            (State::ClientFinal { gs2, auth_message, nonce, keys, identity }, Input::Response(message)) => {
                match check_final(message, &gs2, &auth_message, &nonce, &keys) {
                    Ok(signature) => {
                        self.state = State::Acknowledge(identity);
                        Turn::Challenge(signature.into_bytes())
                    }
                    Err(rejection) => over(rejection),
                }
            }
            (State::Acknowledge(identity), Input::Response(b"")) => Turn::Done(Ok(identity)),
            (_, Input::Answer(_)) => over(Rejection::Denied),
            _ => over(Rejection::Malformed),
        }
    }
}

fn is_nonce(nonce: &str) -> bool {
    !nonce.is_empty() && nonce.len() <= 256 && nonce.bytes().all(|octet| octet.is_ascii_graphic() && octet != b',')
}

/// `saslname`: `=2C` and `=3D` and no other `=` (RFC 5802 §5.1).
fn unescaped(name: &str) -> Option<String> {
    let mut pieces = name.split('=');
    let mut out = pieces.next()?.to_owned();
    for piece in pieces {
        let (c, rest) = piece
            .strip_prefix("2C")
            .map(|rest| (',', rest))
            .or_else(|| piece.strip_prefix("3D").map(|rest| ('=', rest)))?;
        out.push(c);
        out.push_str(rest);
    }
    Some(out)
}

/// The client's side.
pub struct ScramClient {
    user: String,
    password: Secret,
    nonce: String,
    limits: Limits,
    expected: Option<Vec<u8>>,
    verified: bool,
    began: bool,
}

impl fmt::Debug for ScramClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScramClient({})", self.user)
    }
}

impl ScramClient {
    /// With credentials and a fresh random nonce of printable ASCII without commas.
    pub fn new(user: &str, password: &Secret, nonce: &str, limits: Limits) -> Self {
        let prepared = |text: &str| prepare(text).map_or_else(|_| text.to_owned(), |text| text.into_owned());
        let password = match std::str::from_utf8(password.expose()) {
            Ok(text) => Secret::new(prepared(text)),
            Err(_) => password.clone(),
        };
        let user = prepared(user).replace('=', "=3D").replace(',', "=2C");
        ScramClient { user, password, nonce: nonce.to_owned(), limits, expected: None, verified: false, began: false }
    }

    fn bare(&self) -> String {
        format!("n={},r={}", self.user, self.nonce)
    }

    fn client_final(&mut self, challenge: &str) -> Result<Vec<u8>, ClientError> {
        let (nonce, salt, iterations) = server_first(challenge).ok_or(ClientError::Malformed)?;
        if !(nonce.starts_with(&self.nonce) && nonce.len() > self.nonce.len()) {
            return Err(ClientError::Nonce);
        }
        if !(self.limits.min_iterations..=self.limits.max_iterations).contains(&iterations.get()) {
            return Err(ClientError::Iterations(iterations.get()));
        }
        let salted = Secret::new(pbkdf2_sha256(self.password.expose(), &salt, iterations));
        let client_key = hmac_sha256(salted.expose(), b"Client Key");
        let without_proof = format!("c=biws,r={nonce}");
        let auth_message = format!("{},{challenge},{without_proof}", self.bare());
        let signature = hmac_sha256(&sha256(&client_key), auth_message.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        let server_key = hmac_sha256(salted.expose(), b"Server Key");
        self.expected = Some(hmac_sha256(&server_key, auth_message.as_bytes()).to_vec());
        Ok(format!("{without_proof},p={}", base64::encode(proof)).into_bytes())
    }
}

/// `r=…,s=…,i=…`, then extensions that may be ignored (RFC 5802 §7).
fn server_first(challenge: &str) -> Option<(&str, Vec<u8>, NonZeroU32)> {
    let mut parts = challenge.split(',');
    let nonce = parts.next()?.strip_prefix("r=").filter(|nonce| is_nonce(nonce))?;
    let salt = base64::decode(parts.next()?.strip_prefix("s=")?).ok().filter(|salt| !salt.is_empty())?;
    Some((nonce, salt, parts.next()?.strip_prefix("i=")?.parse().ok()?))
}

impl ClientMechanism for ScramClient {
    fn name(&self) -> &'static str {
        "SCRAM-SHA-256"
    }

    fn first(&mut self) -> Option<Vec<u8>> {
        self.began = true;
        Some(format!("n,,{}", self.bare()).into_bytes())
    }

    fn step(&mut self, challenge: &[u8]) -> Result<Vec<u8>, ClientError> {
        let text = std::str::from_utf8(challenge).map_err(|_| ClientError::Malformed)?;
        match self.expected.take() {
            None if self.began && !self.verified => self.client_final(text),
            Some(expected) => {
                let signature = text.strip_prefix("v=").and_then(|v| base64::decode(v.split(',').next()?).ok());
                self.verified = signature.ok_or(ClientError::Malformed)?.ct_eq(&expected).into();
                if self.verified { Ok(Vec::new()) } else { Err(ClientError::ServerNotAuthenticated) }
            }
            None => Err(ClientError::Malformed),
        }
    }

    fn may_succeed(&self) -> bool {
        self.verified
    }
}
