//! Where a message goes: the hosts of a domain, or the smarthost, in the order in which they are tried.

use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

use gatepost_dns::{Family, LookupError, Name, Question, RecordType, Resolver};
use gatepost_smtp::{Class, Status, mx};
use gatepost_syntax::{Domain, Host, Mailbox};

use crate::queue::Said;
use crate::random;

/// What recipients share who are sent to together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Destination {
    Domain(Domain),
    Address(IpAddr),
    /// All there is goes to the smarthost.
    Smarthost,
    /// A literal of a kind that nobody can send to.
    Nowhere,
}

impl Destination {
    pub(crate) fn of(mailbox: &Mailbox, smarthost: bool) -> Self {
        match mailbox.host() {
            _ if smarthost => Destination::Smarthost,
            Host::Domain(domain) => Destination::Domain(domain.clone()),
            Host::Address(address) => Destination::Address(*address),
            Host::Literal(_) => Destination::Nowhere,
        }
    }
}

/// Why there is no way to a domain, or to a host.
pub(crate) fn no_way(host: Option<&Domain>, status: Status, reason: impl ToString, now: SystemTime) -> Said {
    Said { at: now, status, host: host.map(ToString::to_string), reply: None, reason: Some(reason.to_string()) }
}

/// DNS gave no answer: another time it may (RFC 5321 §5.1).
fn unanswered(name: &Domain, error: LookupError, now: SystemTime) -> Said {
    no_way(None, Status::new(Class::Transient, 4, 3), format!("DNS of {name}: {error}"), now)
}

/// The hosts that take a domain's mail.
pub(crate) async fn hosts(
    dns: &dyn Resolver,
    domain: &Domain,
    hostname: &Domain,
    limits: &mx::Limits,
    now: SystemTime,
) -> Result<Vec<Domain>, Said> {
    let found = dns.mx(&Name::from(domain)).await.map_err(|error| unanswered(domain, error, now))?;
    let names: Vec<(u16, String)> =
        found.records.iter().map(|mx| (mx.preference, mx.exchange.as_str().to_owned())).collect();
    let names: Vec<mx::Exchanger<'_>> = names.iter().map(|(preference, name)| (*preference, name.as_str())).collect();
    let exchangers = if found.nxdomain { None } else { Some(names.as_slice()) };
    let planned = mx::plan(domain, exchangers, |host| host == hostname, random::number, limits);
    planned.map_err(|error| no_way(None, error.status(), error, now))
}

/// A host's addresses. An exchanger that is an alias is not used, unless that is allowed (RFC 5321 §5.1, RFC 2181 §10.3);
/// the domain itself may be one.
pub(crate) async fn addresses(
    dns: &dyn Resolver,
    host: &Domain,
    port: u16,
    may_be_alias: bool,
    now: SystemTime,
) -> Result<Vec<SocketAddr>, Said> {
    let name = Name::from(host);
    let useless = |reason: &str| Err(no_way(Some(host), Status::new(Class::Permanent, 4, 4), reason, now));
    if !may_be_alias {
        let question = Question::new(name.clone(), RecordType::Cname);
        let alias = dns.lookup(&question).await.map_err(|error| unanswered(host, error, now))?;
        if !alias.records().is_empty() {
            return useless("the mail exchanger's name is an alias");
        }
    }
    let (mut addresses, mut failure) = (Vec::new(), None);
    for family in [Family::V4, Family::V6] {
        match dns.addresses(&name, family).await {
            Ok(found) => addresses.extend(found.records.into_iter().map(|address| SocketAddr::new(address, port))),
            Err(error) => failure = Some(unanswered(host, error, now)),
        }
    }
    match failure {
        Some(failure) if addresses.is_empty() => Err(failure),
        _ if addresses.is_empty() => useless("the host has no address"),
        _ => Ok(addresses),
    }
}
