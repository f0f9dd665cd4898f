//! Which hosts take a domain's mail, and in which order: RFC 5321 §5.1 and RFC 7505, without any I/O.

use gatepost_syntax::Domain;
use thiserror::Error;

use crate::status::{Class, Status};

/// A mail exchanger as DNS gives it: its preference, and its name; the root is the empty name, or a dot.
pub type Exchanger<'a> = (u16, &'a str);

/// Bounds of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Hosts that are tried (default 10; RFC 5321 §5.1 wants two at least).
    pub hosts: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { hosts: 10 }
    }
}

/// Why a domain's mail has nowhere to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MxError {
    /// There is no such domain.
    #[error("no such domain")]
    NoSuchDomain,
    /// The domain says that it takes no mail (RFC 7505).
    #[error("the domain takes no mail: its MX is null")]
    Null,
    /// We are the best host for it, and do not take it (RFC 5321 §5.1).
    #[error("mail for the domain loops back to this server")]
    Loop,
    /// There are MX records, and none leads to a host (RFC 5321 §5.1).
    #[error("no mail exchanger of the domain is a host")]
    Unusable,
}

impl MxError {
    /// What is told to the sender.
    pub fn status(self) -> Status {
        let (subject, detail) = match self {
            MxError::NoSuchDomain => (1, 2),
            MxError::Null => (1, 10), // RFC 7505 §4.1, with 556
            MxError::Loop => (4, 6),
            MxError::Unusable => (4, 4),
        };
        Status::new(Class::Permanent, subject, detail)
    }
}

/// The hosts to try, in order. `exchangers` is `None` where the domain does not exist, and empty where it has no MX: then,
/// and only then, it is its own host (RFC 5321 §5.1). Equal preferences are put in random order, to spread the load;
/// where `is_ours` knows a host, it and all that are not better are left out.
///
/// ```
/// use gatepost_smtp::mx::{self, Limits};
/// let domain = "example.org".parse()?;
/// let hosts = mx::plan(&domain, Some(&[(20, "b.example.org"), (10, "a.example.org")]), |_| false, || 0, &Limits::default());
/// assert_eq!(hosts, Ok(vec!["a.example.org".parse()?, "b.example.org".parse()?]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn plan(
    domain: &Domain,
    exchangers: Option<&[Exchanger<'_>]>,
    is_ours: impl Fn(&Domain) -> bool,
    mut random: impl FnMut() -> u64,
    limits: &Limits,
) -> Result<Vec<Domain>, MxError> {
    let exchangers = match exchangers {
        None => return Err(MxError::NoSuchDomain),
        Some([]) if is_ours(domain) => return Err(MxError::Loop),
        Some([]) => return Ok(vec![domain.clone()]),
        // RFC 7505 §3: a null MX stands alone; beside others it is a mistake, and no host
        Some([(_, "" | ".")]) => return Err(MxError::Null),
        Some(exchangers) => exchangers,
    };
    let mut hosts: Vec<(u16, u64, Domain)> = exchangers
        .iter()
        .filter_map(|(preference, name)| Some((*preference, random(), Domain::parse(name).ok()?)))
        .collect();
    if hosts.is_empty() {
        return Err(MxError::Unusable);
    }
    hosts.sort();
    if let Some(ours) = hosts.iter().filter(|(_, _, host)| is_ours(host)).map(|(preference, ..)| *preference).min() {
        hosts.retain(|(preference, ..)| *preference < ours);
        if hosts.is_empty() {
            return Err(MxError::Loop);
        }
    }
    let mut plan: Vec<Domain> = Vec::new();
    for (_, _, host) in hosts {
        if plan.len() < limits.hosts.max(1) && !plan.contains(&host) {
            plan.push(host);
        }
    }
    Ok(plan)
}
