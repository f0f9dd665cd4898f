//! The server's side.

use gatepost_syntax::base64;

use super::{EXPORTER, ScramKeys, are_extensions, is_nonce, xor};
use crate::crypto::ScramHash;
use crate::gs2::{self, Flag};
use crate::registry::Name;
use crate::seam::{Answer, Identity, Input, Mechanism, Question, Rejection, Turn};

/// What the server does about channel binding.
pub(crate) enum Plus {
    /// The -PLUS mechanism was not offered.
    NotOffered,
    /// It was, and the client did not choose it: one that says `y` was lied to (RFC 5802 §6).
    Offered,
    /// It is this one: types and data to choose from.
    This(Vec<(&'static str, Vec<u8>)>),
}

/// One exchange.
pub(crate) struct ScramServer {
    hash: ScramHash,
    plus: Plus,
    nonce: String,
    /// Whether the client chose `tls-exporter`.
    exporter: bool,
    state: State,
}

enum State {
    ClientFirst,
    Keys(First),
    ClientFinal {
        first: First,
        challenge: String,
        keys: ScramKeys,
        identity: Identity,
    },
    /// The server's signature was sent as a challenge; the client answers with nothing (RFC 4954 §4).
    Acknowledge(Identity),
    Over,
}

/// What is kept of the client's first message.
struct First {
    /// What `c=` has to be: the header and the channel's data.
    binding: Vec<u8>,
    bare: String,
    /// The client's nonce, with ours behind it.
    nonce: String,
}

impl ScramServer {
    pub(crate) fn new(hash: ScramHash, plus: Plus, nonce: &str) -> Self {
        ScramServer { hash, plus, nonce: nonce.to_owned(), exporter: false, state: State::ClientFirst }
    }

    /// `gs2-header "n=" saslname ",r=" nonce ["," extensions]`; `m=` comes before `n=` and is refused so.
    fn client_first(&mut self, message: &[u8]) -> Result<Turn, Rejection> {
        if !is_nonce(&self.nonce) {
            return Err(Rejection::Unavailable); // with nothing fresh in it an exchange could be replayed
        }
        let text = std::str::from_utf8(message).map_err(|_| Rejection::Malformed)?;
        let header = gs2::header(text).ok_or(Rejection::Malformed)?;
        let parse = || {
            let (user, rest) = header.rest.strip_prefix("n=")?.split_once(',')?;
            let mut rest = rest.strip_prefix("r=")?.split(',');
            let nonce = rest.next().filter(|nonce| is_nonce(nonce))?;
            Some((gs2::name(user)?, nonce)).filter(|_| are_extensions(rest))
        };
        let (user, nonce) = parse().ok_or(Rejection::Malformed)?;
        let mut binding = header.raw.as_bytes().to_vec();
        binding.extend_from_slice(self.channel(header.flag)?);
        self.exporter = header.flag == Flag::Bound(EXPORTER);
        let (bare, nonce) = (header.rest.to_owned(), format!("{nonce}{}", self.nonce));
        self.state = State::Keys(First { binding, bare, nonce });
        let authzid = header.authzid.filter(|authzid| *authzid != user);
        Ok(Turn::Ask(Question::ScramKeys { hash: self.hash, authzid, user }))
    }

    /// The data that the client has to have seen, by its flag (RFC 5802 §6).
    fn channel(&self, flag: Flag<'_>) -> Result<&[u8], Rejection> {
        match (&self.plus, flag) {
            (Plus::This(bindings), Flag::Bound(kind)) => {
                let found = bindings.iter().find(|(known, _)| *known == kind);
                found.map(|(_, data)| data.as_slice()).ok_or(Rejection::ChannelBinding)
            }
            (Plus::NotOffered, Flag::No | Flag::Unused) | (Plus::Offered, Flag::No) => Ok(b""),
            _ => Err(Rejection::ChannelBinding),
        }
    }

    fn server_first(&mut self, first: First, keys: ScramKeys, identity: Identity) -> Turn {
        let challenge = format!("r={},s={},i={}", first.nonce, base64::encode(&keys.salt), keys.iterations);
        let turn = Turn::Challenge(challenge.clone().into_bytes());
        self.state = State::ClientFinal { first, challenge, keys, identity };
        turn
    }
}

/// Checks `c=…,r=…[,extensions],p=…`; the server's signature if the proof fits.
fn server_final(message: &[u8], first: &First, challenge: &str, keys: &ScramKeys) -> Result<String, Rejection> {
    let parse = || {
        let (without_proof, proof) = std::str::from_utf8(message).ok()?.rsplit_once(",p=")?;
        let (binding, rest) = without_proof.strip_prefix("c=")?.split_once(',')?;
        let mut rest = rest.strip_prefix("r=")?.split(',');
        let (nonce, binding) = (rest.next()?, base64::decode(binding).ok()?);
        let proof = base64::decode(proof).ok().filter(|proof| proof.len() == keys.hash.length())?;
        are_extensions(rest).then_some((without_proof, binding, nonce, proof))
    };
    let (without_proof, binding, nonce, proof) = parse().ok_or(Rejection::Malformed)?;
    if binding != first.binding {
        return Err(Rejection::ChannelBinding);
    }
    let hash = keys.hash;
    let auth_message = format!("{},{challenge},{without_proof}", first.bare);
    let signature = hash.hmac(&keys.stored_key, auth_message.as_bytes());
    let client_key = xor(&proof, signature.expose());
    if hash.digest(client_key.expose()) != keys.stored_key || nonce != first.nonce {
        return Err(Rejection::Denied);
    }
    let signature = hash.hmac(&keys.server_key, auth_message.as_bytes());
    Ok(format!("v={}", base64::encode(signature.expose())))
}

impl Mechanism for ScramServer {
    fn name(&self) -> &'static str {
        match self.plus {
            Plus::This(_) => Name::ScramPlus(self.hash).as_str(),
            _ => Name::Scram(self.hash).as_str(),
        }
    }

    fn uses_exporter(&self) -> bool {
        self.exporter
    }

    fn step(&mut self, input: Input<'_>) -> Turn {
        let over = |rejection| Turn::Done(Err(rejection));
        match (std::mem::replace(&mut self.state, State::Over), input) {
            (State::ClientFirst, Input::Start) => {
                self.state = State::ClientFirst;
                Turn::Challenge(Vec::new())
            }
            (State::ClientFirst, Input::Response(message)) => self.client_first(message).unwrap_or_else(over),
            (State::Keys(first), Input::Answer(Answer::Keys(keys, identity))) if keys.hash == self.hash => {
                self.server_first(first, keys, identity)
            }
            (State::Keys(_), Input::Answer(Answer::Unavailable)) => over(Rejection::Unavailable),
            (State::ClientFinal { first, challenge, keys, identity }, Input::Response(message)) => {
                match server_final(message, &first, &challenge, &keys) {
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
