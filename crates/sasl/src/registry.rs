//! The registry: what each mechanism is called, when it can be, and what speaks it on either side. A new one is a file of its own and
//! its arms here.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use gatepost_wire::TlsInfo;
use thiserror::Error;

use crate::client::{ChoiceError, ClientMechanism, Credentials};
use crate::crypto::ScramHash;
use crate::external::{External, ExternalClient};
use crate::login::{Login, LoginClient};
use crate::oauth::{Dialect, Oauth, OauthClient, is_token};
use crate::plain::{Plain, PlainClient};
use crate::policy::{Limits, Policy};
use crate::prepare::{PrepareError, prepare_query};
use crate::scram::{Plus, ScramClient, ScramServer, bindings, is_nonce};
use crate::seam::Mechanism;
use crate::secret::Secret;

/// A mechanism that this crate has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Name {
    /// By a certificate of TLS (RFC 4422 appendix A).
    External,
    /// SCRAM bound to the channel, SCRAM-SHA-256-PLUS and the like (RFC 5802 §6).
    ScramPlus(ScramHash),
    /// SCRAM (RFC 5802, RFC 7677).
    Scram(ScramHash),
    /// OAuth 2.0 bearer tokens (RFC 7628).
    OauthBearer,
    /// The same as Google and Microsoft had it first.
    Xoauth2,
    /// RFC 4616.
    Plain,
    /// draft-murchison-sasl-login.
    Login,
}

/// There is no mechanism of this name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no mechanism of this name")]
pub struct NameError;

impl Name {
    /// All of them, strongest first.
    pub const ALL: [Name; 11] = [
        Name::External,
        Name::ScramPlus(ScramHash::Sha512),
        Name::ScramPlus(ScramHash::Sha256),
        Name::Scram(ScramHash::Sha512),
        Name::Scram(ScramHash::Sha256),
        Name::ScramPlus(ScramHash::Sha1),
        Name::Scram(ScramHash::Sha1),
        Name::OauthBearer,
        Name::Xoauth2,
        Name::Plain,
        Name::Login,
    ];

    /// As it is registered.
    pub fn as_str(self) -> &'static str {
        match self {
            Name::External => "EXTERNAL",
            Name::ScramPlus(ScramHash::Sha512) => "SCRAM-SHA-512-PLUS",
            Name::ScramPlus(ScramHash::Sha256) => "SCRAM-SHA-256-PLUS",
            Name::ScramPlus(ScramHash::Sha1) => "SCRAM-SHA-1-PLUS",
            Name::Scram(hash) => hash.as_str(),
            Name::OauthBearer => "OAUTHBEARER",
            Name::Xoauth2 => "XOAUTH2",
            Name::Plain => "PLAIN",
            Name::Login => "LOGIN",
        }
    }

    /// Whether who reads the exchange can log in with it: not without TLS (RFC 4954 §4, RFC 7628 §4).
    pub fn is_plaintext(self) -> bool {
        matches!(self, Name::OauthBearer | Name::Xoauth2 | Name::Plain | Name::Login)
    }

    /// Names behind each other, as capability lines have them.
    pub fn list(names: &[Name]) -> String {
        names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" ")
    }
}

impl ScramHash {
    /// The mechanism's name; keys are stored under it, too.
    pub fn as_str(self) -> &'static str {
        match self {
            ScramHash::Sha1 => "SCRAM-SHA-1",
            ScramHash::Sha256 => "SCRAM-SHA-256",
            ScramHash::Sha512 => "SCRAM-SHA-512",
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Name {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Name::ALL.into_iter().find(|name| name.as_str().eq_ignore_ascii_case(text)).ok_or(NameError)
    }
}

/// What to offer, strongest first. Mechanisms that show the credentials are left out without TLS, EXTERNAL without a verified
/// client certificate, and -PLUS without `tls-exporter`: over TLS 1.2 clients take `tls-unique`, which nobody should have.
pub fn offered(policy: &Policy, tls: Option<&TlsInfo>) -> Vec<Name> {
    let possible = |name: &Name| match name {
        Name::External => tls.is_some_and(|tls| tls.client_certificate.is_some()),
        Name::ScramPlus(_) => tls.is_some_and(|tls| tls.exporter.is_some()),
        name => !name.is_plaintext() || tls.is_some() || policy.plaintext_without_tls,
    };
    Name::ALL.into_iter().filter(|name| policy.mechanisms.contains(name) && possible(name)).collect()
}

/// Begins an exchange; `None` for what is not offered. `nonce` is fresh randomness of at least 16 octets, printable ASCII
/// without spaces and commas (base64 will do), another one for each exchange: who knows it beforehand can replay what a client
/// said. With none at all, or other characters in it, SCRAM is unavailable.
pub fn mechanism(name: &str, policy: &Policy, tls: Option<&TlsInfo>, nonce: &str) -> Option<Box<dyn Mechanism>> {
    let offered = offered(policy, tls);
    let name = name.parse().ok().filter(|name| offered.contains(name))?;
    Some(match name {
        Name::External => Box::new(External::new(tls?.client_certificate.as_deref()?)),
        Name::ScramPlus(hash) => {
            let bindings = bindings(tls?).into_iter().map(|(kind, data)| (kind, data.to_vec())).collect();
            Box::new(ScramServer::new(hash, Plus::This(bindings), nonce))
        }
        Name::Scram(hash) => {
            let any = offered.iter().any(|name| matches!(name, Name::ScramPlus(_)));
            Box::new(ScramServer::new(hash, if any { Plus::Offered } else { Plus::NotOffered }, nonce))
        }
        Name::OauthBearer => Box::new(Oauth::new(Dialect::OauthBearer)),
        Name::Xoauth2 => Box::new(Oauth::new(Dialect::Xoauth2)),
        Name::Plain => Box::new(Plain::default()),
        Name::Login => Box::new(Login::default()),
    })
}

/// The strongest mechanism among what is offered, allowed and possible. The same arguments make the same choice: after a
/// failure nothing weaker is tried, unless the caller changes the policy (RFC 4422 §6.1.2).
///
/// `offered` are the words of the server, `nonce` is fresh randomness as for [`mechanism`].
pub fn choose(
    offered: &[impl AsRef<str>],
    credentials: &Credentials,
    policy: &Policy,
    tls: Option<&TlsInfo>,
    nonce: &str,
    limits: &Limits,
) -> Result<Box<dyn ClientMechanism>, ChoiceError> {
    let bindings = tls.map(bindings).unwrap_or_default();
    let offers = |name: Name| offered.iter().any(|word| word.as_ref().eq_ignore_ascii_case(name.as_str()));
    let possible = |name: &Name| match name {
        Name::External => credentials.certificate && tls.is_some(),
        Name::ScramPlus(_) => credentials.password.is_some() && !bindings.is_empty(),
        Name::Scram(_) | Name::Plain => credentials.password.is_some(),
        Name::Login => credentials.password.is_some() && credentials.authzid.is_none(),
        Name::OauthBearer => credentials.token.is_some() && credentials.authzid.is_none(),
        Name::Xoauth2 => credentials.token.is_some() && credentials.authzid.is_none() && !credentials.user.is_empty(),
    };
    let mut candidates =
        Name::ALL.into_iter().filter(|name| policy.mechanisms.contains(name) && offers(*name) && possible(name));
    let name = candidates.next().ok_or(ChoiceError::NothingOffered)?;
    let protected = tls.is_some_and(|tls| tls.server_verified) || policy.plaintext_without_tls;
    if name.is_plaintext() && !protected {
        return Err(ChoiceError::NotProtected(name));
    }
    let plus_offered =
        [ScramHash::Sha1, ScramHash::Sha256, ScramHash::Sha512].map(Name::ScramPlus).into_iter().any(offers);
    let authzid = credentials.authzid.as_deref().map(prepare_query).transpose()?.map(Cow::into_owned);
    let secret = |secret: &Option<Secret>| secret.clone().unwrap_or_else(|| Secret::new([]));
    let (user, password, token) = (&*credentials.user, secret(&credentials.password), secret(&credentials.token));
    Ok(match name {
        Name::External => Box::new(ExternalClient::new(authzid)),
        Name::ScramPlus(hash) | Name::Scram(hash) => {
            let nonce = Some(nonce).filter(|nonce| is_nonce(nonce)).ok_or(ChoiceError::Nonce)?;
            let client = ScramClient::new(&prepare_query(user)?, &password.prepared()?, nonce, limits.clone());
            let client = client.hash(hash).authzid(authzid);
            Box::new(match (name, bindings.first()) {
                (Name::ScramPlus(_), Some((kind, data))) => client.bound(kind, data),
                (_, Some(_)) if !plus_offered => client.could_bind(),
                _ => client,
            })
        }
        // as they are: the server prepares them, or does not (RFC 4616 §2)
        Name::Plain | Name::Login if !is_sayable(user.as_bytes()) || !is_sayable(password.expose()) => {
            return Err(PrepareError.into());
        }
        Name::Plain => Box::new(PlainClient::new(user, password).authzid(authzid)),
        Name::Login => Box::new(LoginClient::new(user, password)),
        Name::OauthBearer | Name::Xoauth2 if !is_token(token.expose()) => return Err(ChoiceError::Token),
        Name::OauthBearer => {
            let user = if user.is_empty() { None } else { Some(prepare_query(user)?) };
            let client = OauthClient::bearer(user.as_deref(), token);
            Box::new(match &credentials.host {
                Some((host, port)) => client.host(host, *port),
                None => client,
            })
        }
        Name::Xoauth2 => Box::new(OauthClient::xoauth2(&prepare_query(user)?, token)),
    })
}

/// What PLAIN and LOGIN can say: something, without a NUL (RFC 4616 §2).
fn is_sayable(octets: &[u8]) -> bool {
    !octets.is_empty() && !octets.contains(&0)
}
