//! Bearer tokens of OAuth 2.0: OAUTHBEARER (RFC 7628), and XOAUTH2, which Google and Microsoft had before it.
//!
//! ```abnf
//! OAUTHBEARER = gs2-header %x01 *(key "=" value %x01) %x01   ; with auth=Bearer TOKEN, host= and port= if known
//! XOAUTH2     = "user=" name %x01 "auth=Bearer " token %x01 %x01
//! ```

use std::fmt;

use crate::client::{ClientError, ClientMechanism};
use crate::gs2::{self, Flag};
use crate::prepare::prepare_name;
use crate::registry::Name;
use crate::seam::{Answer, Input, Mechanism, Question, Rejection, Turn};
use crate::secret::Secret;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    OauthBearer,
    Xoauth2,
}

impl Dialect {
    fn name(self) -> &'static str {
        match self {
            Dialect::OauthBearer => Name::OauthBearer.as_str(),
            Dialect::Xoauth2 => Name::Xoauth2.as_str(),
        }
    }
}

/// What a server tells of a token that it refuses (RFC 7628 §3.2.2). Values that have a quotation mark, a backslash or
/// anything but printable ASCII are left out: no scope (RFC 6749 §3.3) and no URL has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenRefusal {
    /// A code of OAuth's registry; `invalid_token` if there is none.
    pub status: Option<String>,
    /// The scope that a token would need.
    pub scope: Option<String>,
    /// Where the client learns who gives out tokens: the URL of an OpenID configuration.
    pub openid_configuration: Option<String>,
}

impl TokenRefusal {
    /// As JSON.
    fn to_json(&self) -> String {
        let plain =
            |text: &&str| text.bytes().all(|octet| matches!(octet, b' '..=b'~') && !matches!(octet, b'"' | b'\\'));
        let value = |text: &Option<String>| text.as_deref().filter(plain).map(str::to_owned);
        let status = value(&self.status).unwrap_or_else(|| "invalid_token".to_owned());
        let rest = [("scope", &self.scope), ("openid-configuration", &self.openid_configuration)];
        let rest = rest.into_iter().filter_map(|(key, text)| Some(format!(r#","{key}":"{}""#, value(text)?)));
        format!(r#"{{"status":"{status}"{}}}"#, rest.collect::<String>())
    }
}

/// The server's side.
#[derive(Debug)]
pub(crate) struct Oauth {
    dialect: Dialect,
    state: State,
}

#[derive(Debug)]
enum State {
    Begun,
    /// Whether there was a token.
    Asked(bool),
    /// The refusal was sent; whatever the client answers, it is over (RFC 7628 §3.2.3).
    Refused,
    Over,
}

impl Oauth {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Oauth { dialect, state: State::Begun }
    }

    fn refuse(&mut self, refusal: &TokenRefusal) -> Turn {
        self.state = State::Refused;
        Turn::Challenge(refusal.to_json().into_bytes())
    }
}

impl Mechanism for Oauth {
    fn name(&self) -> &'static str {
        self.dialect.name()
    }

    fn step(&mut self, input: Input<'_>) -> Turn {
        match (std::mem::replace(&mut self.state, State::Over), input) {
            (State::Begun, Input::Start) => {
                self.state = State::Begun;
                Turn::Challenge(Vec::new())
            }
            (State::Begun, Input::Response(message)) => match question(self.dialect, message) {
                Some(question) => {
                    let token = matches!(&question, Question::Token { token, .. } if !token.expose().is_empty());
                    self.state = State::Asked(token);
                    Turn::Ask(question)
                }
                None => Turn::Done(Err(Rejection::Malformed)),
            },
            (State::Asked(token), Input::Answer(answer)) => match answer {
                Answer::Grant(identity) if token => Turn::Done(Ok(identity)),
                Answer::Unavailable => Turn::Done(Err(Rejection::Unavailable)),
                Answer::RefuseToken(refusal) => self.refuse(&refusal),
                Answer::Grant(_) | Answer::Deny | Answer::Keys(..) => self.refuse(&TokenRefusal::default()),
            },
            (State::Refused, Input::Response(_)) => Turn::Done(Err(Rejection::Denied)),
            _ => Turn::Done(Err(Rejection::Malformed)),
        }
    }
}

/// The whole message; nothing may be missing at its end.
fn question(dialect: Dialect, message: &[u8]) -> Option<Question> {
    let text = std::str::from_utf8(message).ok()?;
    let (mut user, pairs) = match dialect {
        Dialect::Xoauth2 => (None, text),
        Dialect::OauthBearer => {
            let header = gs2::header(text).filter(|header| !matches!(header.flag, Flag::Bound(_)))?;
            (header.authzid, header.rest.strip_prefix('\x01')?)
        }
    };
    let (mut token, mut host, mut port) = (None, None, None);
    let pairs = pairs.strip_suffix("\x01\x01")?;
    for pair in pairs.split('\x01') {
        let (key, value) = pair.split_once('=').filter(|(key, value)| is_key(key) && is_value(key, value))?;
        let repeated = match key {
            "auth" => token.replace(bearer(value)?).is_some(),
            "user" if dialect == Dialect::Xoauth2 => user.replace(prepare_name(value.as_bytes())?).is_some(),
            "host" => host.replace(value.to_owned()).is_some(),
            "port" => port.replace(decimal(value)?).is_some(),
            _ => false, // reserved, or of somebody's own (RFC 7628 §3.1)
        };
        if repeated {
            return None;
        }
    }
    if dialect == Dialect::Xoauth2 && user.is_none() {
        return None;
    }
    Some(Question::Token { user, token: token?, host, port })
}

/// `key = 1*(ALPHA)`.
fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|octet| octet.is_ascii_alphabetic())
}

/// `value = *(VCHAR / SP / HTAB / CR / LF)`; line ends are of no use in the keys that are known here. Names may be UTF-8.
fn is_value(key: &str, value: &str) -> bool {
    let known = matches!(key, "auth" | "user" | "host" | "port");
    !value.chars().any(|c| c.is_control() && c != '\t' && (known || !matches!(c, '\r' | '\n')))
}

/// `"Bearer" 1*SP b64token` (RFC 6750 §2.1), the scheme in any case. Nothing at all is how a client asks which scope it needs
/// and who gives out tokens (RFC 7628 §4.3).
fn bearer(value: &str) -> Option<Secret> {
    if value.is_empty() {
        return Some(Secret::new([]));
    }
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    (scheme.eq_ignore_ascii_case("Bearer") && is_token(token.as_bytes())).then(|| Secret::new(token))
}

/// `b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
pub(crate) fn is_token(token: &[u8]) -> bool {
    let end = token.iter().rposition(|octet| *octet != b'=').map_or(0, |last| last + 1);
    let mut body = token.iter().take(end);
    end > 0 && body.all(|octet| octet.is_ascii_alphanumeric() || b"-._~+/".contains(octet))
}

/// A positive number without leading zeros.
fn decimal(value: &str) -> Option<u16> {
    let digits = value.bytes().all(|octet| octet.is_ascii_digit()) && !value.starts_with('0');
    value.parse().ok().filter(|_| digits)
}

/// The client's side. Use it over verified TLS only.
pub struct OauthClient {
    dialect: Dialect,
    user: Option<String>,
    token: Secret,
    host: Option<(String, u16)>,
    told: Option<ClientError>,
}

impl fmt::Debug for OauthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OauthClient({:?}, {:?})", self.dialect, self.user)
    }
}

impl OauthClient {
    /// OAUTHBEARER; the user may be left out where the token tells. With an empty token the server is asked which scope it wants
    /// (RFC 7628 §4.3): it refuses, and [`ClientError::Told`] has its JSON.
    pub fn bearer(user: Option<&str>, token: Secret) -> Self {
        let user = user.map(str::to_owned);
        OauthClient { dialect: Dialect::OauthBearer, user, token, host: None, told: None }
    }

    /// XOAUTH2.
    pub fn xoauth2(user: &str, token: Secret) -> Self {
        OauthClient { dialect: Dialect::Xoauth2, ..OauthClient::bearer(Some(user), token) }
    }

    /// Tells with OAUTHBEARER to which host and port the connection was made.
    #[must_use]
    pub fn host(mut self, host: &str, port: u16) -> Self {
        self.host = Some((host.to_owned(), port));
        self
    }
}

impl ClientMechanism for OauthClient {
    fn name(&self) -> &'static str {
        self.dialect.name()
    }

    fn first(&mut self) -> Option<Secret> {
        let mut head = match (self.dialect, self.user.as_deref()) {
            (Dialect::OauthBearer, user) => format!("n,{},\x01", gs2::authzid(user)),
            (Dialect::Xoauth2, user) => format!("user={}\x01", user.unwrap_or_default()),
        };
        if let (Dialect::OauthBearer, Some((host, port))) = (self.dialect, &self.host) {
            head += &format!("host={host}\x01port={port}\x01");
        }
        // with no token it is the question for the scope (RFC 7628 §4.3)
        let scheme: &[u8] = if self.token.expose().is_empty() { b"auth=" } else { b"auth=Bearer " };
        Some(Secret::new([head.as_bytes(), scheme, self.token.expose(), b"\x01\x01"].concat()))
    }

    /// A challenge is a refusal in JSON; it is acknowledged, and the server's no follows (RFC 7628 §3.2.3).
    fn step(&mut self, challenge: &[u8]) -> Result<Secret, ClientError> {
        if self.told.is_some() {
            return Err(ClientError::Malformed);
        }
        self.told = Some(ClientError::Told(String::from_utf8_lossy(challenge).into_owned()));
        Ok(Secret::from(match self.dialect {
            Dialect::OauthBearer => "\x01",
            Dialect::Xoauth2 => "",
        }))
    }

    fn may_succeed(&self) -> bool {
        self.told.is_none()
    }

    fn told(&self) -> Option<ClientError> {
        self.told.clone()
    }
}
