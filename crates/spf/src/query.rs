//! What is asked of SPF, and within which bounds.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use gatepost_syntax::Domain;

use crate::outcome::Scope;

/// One evaluation: which client, which identity (RFC 7208 §2).
#[derive(Clone, Debug)]
pub struct Query<'a> {
    pub(crate) ip: IpAddr,
    pub(crate) scope: Scope,
    /// The sender's local part; `postmaster` where there is none (RFC 7208 §4.3).
    pub(crate) local: &'a str,
    /// The sender's domain as it came.
    pub(crate) sender_domain: &'a str,
    pub(crate) helo: &'a str,
    pub(crate) receiver: &'a str,
    pub(crate) now: SystemTime,
}

impl<'a> Query<'a> {
    /// The MAIL FROM identity. An empty `mail_from` is the null reverse-path, for which `postmaster` at the HELO name
    /// is checked (RFC 7208 §2.4).
    pub fn mail_from(ip: IpAddr, mail_from: &'a str, helo: &'a str) -> Self {
        let mail_from = mail_from.strip_prefix('<').and_then(|m| m.strip_suffix('>')).unwrap_or(mail_from);
        // short texts: an octet at a time is faster than a search that sets out for long ones
        let at = mail_from.bytes().rposition(|octet| octet == b'@');
        let (local, domain) = match at.and_then(|at| mail_from.get(..at).zip(mail_from.get(at + 1..))) {
            _ if mail_from.is_empty() => ("", helo),
            Some(parts) => parts,
            None => ("", mail_from),
        };
        Query { scope: Scope::MailFrom, ..Self::new(ip, local, domain, helo) }
    }

    /// The HELO identity (RFC 7208 §2.3). DMARC never uses its result.
    pub fn helo(ip: IpAddr, helo: &'a str) -> Self {
        Self::new(ip, "", helo, helo)
    }

    /// The same session's HELO identity.
    #[must_use]
    pub fn helo_identity(&self) -> Self {
        Query { receiver: self.receiver, now: self.now, ..Self::helo(self.ip, self.helo) }
    }

    fn new(ip: IpAddr, local: &'a str, domain: &'a str, helo: &'a str) -> Self {
        // RFC 7208 §5: an IPv4-mapped IPv6 address is treated as IPv4
        let ip = ip.to_canonical();
        let local = if local.is_empty() { "postmaster" } else { local };
        Query { ip, scope: Scope::Helo, local, sender_domain: domain, helo, receiver: "unknown", now: UNIX_EPOCH }
    }

    /// Who checks, for `%{r}` in explanations; `unknown` by default.
    #[must_use]
    pub fn receiver(mut self, receiver: &'a str) -> Self {
        self.receiver = receiver;
        self
    }

    /// The time, for `%{t}` in explanations.
    #[must_use]
    pub fn at(mut self, now: SystemTime) -> Self {
        self.now = now;
        self
    }

    /// The domain to check, unless it is malformed, an address literal or a single label (RFC 7208 §4.3).
    pub(crate) fn domain(&self) -> Option<Domain> {
        Domain::parse(self.sender_domain).ok().filter(|domain| domain.as_str().bytes().any(|octet| octet == b'.'))
    }
}

/// Bounds of an evaluation (RFC 7208 §4.6.4). The time limit is the caller's: drop the future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Terms that cause DNS look-ups, over all records (default 10).
    pub terms: u32,
    /// Look-ups of terms that find nothing (default 2).
    pub voids: u32,
    /// Names of one MX look-up; more is an error (default 10).
    pub mx_names: usize,
    /// Names of one PTR look-up; more are ignored (default 10).
    pub ptr_names: usize,
    /// Octets of a record (default 65,535, the most that a TXT record holds).
    pub record_bytes: usize,
    /// Octets of an explanation after expansion; the rest is cut (default 400).
    pub explanation_bytes: usize,
    /// How many questions of a record may be asked before their term is reached (default 0: one after the other).
    /// Saves round trips and may ask in vain; the outcome, its trail and its counts are the same.
    pub ahead: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            terms: 10,
            voids: 2,
            mx_names: 10,
            ptr_names: 10,
            record_bytes: 65_535,
            explanation_bytes: 400,
            ahead: 0,
        }
    }
}
