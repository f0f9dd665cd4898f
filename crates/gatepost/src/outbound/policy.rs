//! What TLS a next hop promises: the seam for MTA-STS, DANE and REQUIRETLS.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use gatepost_syntax::Domain;

/// What was promised about the connection to one host of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Promise {
    /// Nothing: TLS is used where it is offered, whatever the certificate, and clear text where it is not or fails
    /// (RFC 7435).
    Opportunistic,
    /// TLS with a certificate for the host's name from an authority that is believed; otherwise the message waits.
    Verified,
    /// This host is not to be used.
    NotThisHost,
}

/// The future of a promise.
pub type Promised<'a> = Pin<Box<dyn Future<Output = Promise> + Send + 'a>>;

/// Knows what next hops promise.
pub trait NextHopPolicy: Send + Sync {
    /// What holds for a host that takes a domain's mail.
    fn promise<'a>(&'a self, domain: &'a Domain, host: &'a Domain) -> Promised<'a>;
}

/// Nobody promises anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opportunistic;

impl NextHopPolicy for Opportunistic {
    fn promise<'a>(&'a self, _domain: &'a Domain, _host: &'a Domain) -> Promised<'a> {
        Box::pin(std::future::ready(Promise::Opportunistic))
    }
}

/// Promises that the operator knows of: for these domains only hosts of these names, verified. The names do not come out
/// of DNS, where somebody may have changed them (RFC 7817 §3).
#[derive(Clone, Debug, Default)]
pub struct Verified {
    hosts: BTreeMap<Domain, Vec<Domain>>,
}

impl Verified {
    /// Hosts by domain; a domain that is not there promises nothing.
    pub fn new(hosts: impl IntoIterator<Item = (Domain, Vec<Domain>)>) -> Self {
        Verified { hosts: hosts.into_iter().collect() }
    }
}

impl NextHopPolicy for Verified {
    fn promise<'a>(&'a self, domain: &'a Domain, host: &'a Domain) -> Promised<'a> {
        let promise = match self.hosts.get(domain) {
            None => Promise::Opportunistic,
            Some(hosts) if hosts.contains(host) => Promise::Verified,
            Some(_) => Promise::NotThisHost,
        };
        Box::pin(std::future::ready(promise))
    }
}
