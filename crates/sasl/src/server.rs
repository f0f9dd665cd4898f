//! Which mechanisms a server offers and accepts.

use gatepost_wire::TlsInfo;

use crate::crypto::ScramHash;
use crate::external::External;
use crate::login::Login;
use crate::name::Name;
use crate::oauth::{Dialect, Oauth};
use crate::plain::Plain;
use crate::scram::{Plus, ScramServer, bindings};
use crate::seam::Mechanism;

/// What is allowed, at run time, on either side.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// The mechanisms. They are offered, and chosen, strongest first, whatever the order here.
    pub mechanisms: Vec<Name>,
    /// Whether passwords and tokens may be sent where others can read them (default no): by a client without TLS, or over TLS
    /// whose server was not verified; to a server without TLS.
    pub plaintext_without_tls: bool,
}

/// For a server with passwords: EXTERNAL where a client shows a certificate, SCRAM-SHA-256 with and without -PLUS, PLAIN and
/// LOGIN. Tokens need an [`crate::Authenticator`] that knows whom to ask, SCRAM with SHA-1 and SHA-512 needs their keys.
impl Default for Policy {
    fn default() -> Self {
        let scram = ScramHash::Sha256;
        Policy::of([Name::External, Name::ScramPlus(scram), Name::Scram(scram), Name::Plain, Name::Login])
    }
}

impl Policy {
    /// These mechanisms, and no plain text without TLS.
    pub fn of(mechanisms: impl IntoIterator<Item = Name>) -> Self {
        Policy { mechanisms: mechanisms.into_iter().collect(), plaintext_without_tls: false }
    }

    /// For a client: all but SCRAM with SHA-1.
    pub fn client() -> Self {
        let weak = [Name::ScramPlus(ScramHash::Sha1), Name::Scram(ScramHash::Sha1)];
        Policy::of(Name::ALL.into_iter().filter(|name| !weak.contains(name)))
    }
}

/// Bounds of exchanges. How long a line may be is the protocol's to say; SMTP and POP3 read 12,288 octets (RFC 4954 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The fewest iterations that a client accepts (default 4096, RFC 7677 §4).
    pub min_iterations: u32,
    /// The most iterations that a client computes (default 1,000,000).
    pub max_iterations: u32,
    /// The shortest salt that a client accepts, in octets (default 8, RFC 8018 §4.1).
    pub min_salt: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { min_iterations: 4096, max_iterations: 1_000_000, min_salt: 8 }
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

/// Begins an exchange; `None` for what is not offered. `nonce` is fresh randomness, printable ASCII without commas, another
/// one for each exchange.
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
