//! Which local users get the mail for an address: local domains, aliases, catch-alls, sub-addresses.

use std::collections::{BTreeMap, BTreeSet};

use gatepost_syntax::{Domain, DomainError, Mailbox, MailboxError};
use thiserror::Error;

use crate::users::Users;

/// Addresses beside those of users.
///
/// ```
/// let directory = gatepost::Directory::new("example.org".parse().unwrap())
///     .alias("sales@example.org", &["ann@example.org", "bob@example.org"])
///     .unwrap()
///     .alias("postmaster", &["ann@example.org"]) // in every local domain
///     .unwrap()
///     .alias("@example.org", &["bob@example.org"]) // what nobody else gets
///     .unwrap()
///     .sub_addressing(Some('+'));
/// assert!(directory.alias("sales", &["no address"]).is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    domains: BTreeSet<Domain>,
    /// Targets by address, which is in lower case: `local@domain`, `local` or `@domain`.
    aliases: BTreeMap<String, Vec<Mailbox>>,
    separator: Option<char>,
}

/// Why an alias can not be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AliasError {
    /// The alias is neither `local-part@domain` nor `local-part` nor `@domain`.
    #[error("the alias `{alias}`: {error}")]
    Name {
        /// As it was given.
        alias: String,
        /// What is wrong with it.
        error: MailboxError,
    },
    /// A target is no mailbox.
    #[error("the alias `{alias}`: target `{target}`: {error}")]
    Target {
        /// Of which alias.
        alias: String,
        /// As it was given.
        target: String,
        /// What is wrong with it.
        error: MailboxError,
    },
    /// There are no targets.
    #[error("the alias `{alias}` has no targets")]
    Empty {
        /// Which one.
        alias: String,
    },
    /// No user gets its mail: its targets are no users, or it leads in a circle.
    #[error("the alias `{alias}` leads to no user")]
    Nobody {
        /// Which one.
        alias: String,
    },
}

/// Addresses that one address may lead to, on the way to users (default 1000): more are not followed.
const EXPANSIONS: usize = 1000;

impl Directory {
    /// With one local domain: users there get mail, and an unknown address there is refused.
    pub fn new(domain: Domain) -> Self {
        Directory::default().domain(domain)
    }

    /// One more local domain. Without any, those of the users are local.
    #[must_use]
    pub fn domain(mut self, domain: Domain) -> Self {
        self.domains.insert(domain);
        self
    }

    /// Where there are local domains, the server's own name is one, too.
    pub(crate) fn domain_of_host(self, hostname: &Domain) -> Self {
        if self.domains.is_empty() { self } else { self.domain(hostname.clone()) }
    }

    /// An address for users or other aliases: `local-part@domain`, `local-part` alone for every local domain, or `@domain`
    /// for all of its addresses that are nobody else's.
    pub fn alias(mut self, alias: &str, targets: &[impl AsRef<str>]) -> Result<Self, AliasError> {
        let invalid = |error| AliasError::Name { alias: alias.to_owned(), error };
        let name = match (alias.strip_prefix('@'), alias.contains('@')) {
            (Some(domain), _) => format!("@{}", domain.parse::<Domain>().map_err(domain_error).map_err(invalid)?),
            (None, true) => key(&Mailbox::parse(alias).map_err(invalid)?),
            (None, false) => bare(&Mailbox::parse(&format!("{alias}@local")).map_err(invalid)?),
        };
        let mailbox = |target: &str| {
            Mailbox::parse(target).map_err(|error| {
                let (alias, target) = (alias.to_owned(), target.to_owned());
                AliasError::Target { alias, target, error }
            })
        };
        let targets: Vec<Mailbox> = targets.iter().map(|target| mailbox(target.as_ref())).collect::<Result<_, _>>()?;
        if targets.is_empty() {
            return Err(AliasError::Empty { alias: alias.to_owned() });
        }
        self.aliases.insert(name, targets);
        Ok(self)
    }

    /// What parts a user's name from a tag (RFC 5233 §1): with `+`, `ann+lists@` is `ann@`. None by default.
    #[must_use]
    pub fn sub_addressing(mut self, separator: Option<char>) -> Self {
        self.separator = separator;
        self
    }

    /// Whether every alias leads to a user.
    pub fn check(&self, users: &Users) -> Result<(), AliasError> {
        for (alias, targets) in &self.aliases {
            if targets.iter().all(|target| self.users(users, target).is_empty()) {
                return Err(AliasError::Nobody { alias: alias.clone() });
            }
        }
        Ok(())
    }

    /// Whether mail for the domain ends here.
    pub(crate) fn is_local(&self, users: &Users, domain: &Domain) -> bool {
        if self.domains.is_empty() { users.has_domain(domain) } else { self.domains.contains(domain) }
    }

    /// The users who get the mail for an address; none if there is nobody.
    pub(crate) fn users(&self, users: &Users, address: &Mailbox) -> Vec<Mailbox> {
        let (mut found, mut seen, mut ahead) = (BTreeSet::new(), BTreeSet::new(), vec![address.clone()]);
        while let Some(next) = ahead.pop() {
            if seen.len() >= EXPANSIONS || !seen.insert(key(&next)) {
                continue;
            }
            let untagged = self.untagged(&next);
            let names = [Some(&next), untagged.as_ref()];
            let user = |name: &Mailbox| users.find(name).map(Target::User);
            let alias = |name: &Mailbox| self.targets(users, name).map(Target::Alias);
            let step = names.into_iter().flatten().find_map(|name| user(name).or_else(|| alias(name)));
            match step.or_else(|| self.catch_all(&next).map(Target::Alias)) {
                Some(Target::User(user)) => drop(found.insert(user)),
                Some(Target::Alias(targets)) => ahead.extend_from_slice(targets),
                None => {}
            }
        }
        found.into_iter().collect()
    }

    fn targets(&self, users: &Users, address: &Mailbox) -> Option<&[Mailbox]> {
        let everywhere = || {
            let local = address.domain().is_some_and(|domain| self.is_local(users, domain));
            self.aliases.get(&bare(address)).filter(|_| local)
        };
        self.aliases.get(&key(address)).or_else(everywhere).map(Vec::as_slice)
    }

    fn catch_all(&self, address: &Mailbox) -> Option<&[Mailbox]> {
        self.aliases.get(&format!("@{}", address.domain()?)).map(Vec::as_slice)
    }

    /// The address without its tag.
    fn untagged(&self, address: &Mailbox) -> Option<Mailbox> {
        let (name, _) = address.local().split_once(self.separator?)?;
        Mailbox::new(name, address.domain()?.clone()).ok().filter(|_| !name.is_empty())
    }
}

enum Target<'a> {
    User(Mailbox),
    Alias(&'a [Mailbox]),
}

fn domain_error(error: DomainError) -> MailboxError {
    MailboxError::Domain(error)
}

/// Local parts of ours are compared without case.
fn key(address: &Mailbox) -> String {
    address.to_string().to_ascii_lowercase()
}

fn bare(address: &Mailbox) -> String {
    address.local().to_ascii_lowercase()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;
    use gatepost_sasl::Secret;

    fn users() -> Users {
        let users = Users::new(Secret::new("a test secret"));
        for name in ["ann@a.test", "bob@a.test", "b+b@a.test"] {
            users.add(&Mailbox::parse(name).unwrap(), &Secret::new("pencil"), b"sixteen octets..").unwrap();
        }
        users
    }

    #[test]
    fn addresses_lead_to_users() {
        let directory = Directory::new("a.test".parse().unwrap()).domain("b.test".parse().unwrap());
        let directory = directory.alias("Sales@b.test", &["ann@a.test", "team@b.test"]).unwrap();
        let directory = directory.alias("team@b.test", &["bob@a.test", "sales@b.test"]).unwrap(); // a circle
        let directory =
            directory.alias("postmaster", &["ann@a.test"]).unwrap().alias("@b.test", &["bob@a.test"]).unwrap();
        let directory = directory.sub_addressing(Some('+'));
        let users = users();
        for (address, expected) in [
            ("ann@a.test", "ann@a.test"),
            ("ANN@A.test", "ann@a.test"),
            ("ann+x+y@a.test", "ann@a.test"),
            ("b+b@a.test", "b+b@a.test"),
            ("b+c@a.test", ""),
            ("+c@a.test", ""),
            ("sales@b.test", "ann@a.test bob@a.test"),
            ("sales+tag@B.test", "ann@a.test bob@a.test"),
            ("postmaster@a.test", "ann@a.test"),
            ("PostMaster@b.test", "ann@a.test"),
            ("postmaster@elsewhere.test", ""),
            ("ann@b.test", "bob@a.test"),
            ("nobody@a.test", ""),
            ("ann@[127.0.0.1]", ""),
        ] {
            let found = directory.users(&users, &Mailbox::parse(address).unwrap());
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), expected, "{address}");
        }
        assert_eq!(directory.check(&users), Ok(()));
        assert!(directory.is_local(&users, &"b.test".parse().unwrap()));
        assert!(!directory.is_local(&users, &"c.test".parse().unwrap()));
    }

    #[test]
    fn aliases_that_lead_nowhere_are_told() {
        let directory = Directory::default();
        assert!(matches!(directory.clone().alias("a b@c.test", &["ann@a.test"]), Err(AliasError::Name { .. })));
        assert!(matches!(directory.clone().alias("a@c.test", &["ann"]), Err(AliasError::Target { .. })));
        assert!(matches!(directory.clone().alias("a@c.test", &[""; 0]), Err(AliasError::Empty { .. })));
        let circle = directory.alias("a@c.test", &["b@c.test"]).unwrap().alias("b@c.test", &["a@c.test"]).unwrap();
        assert!(matches!(circle.check(&users()), Err(AliasError::Nobody { .. })));
    }
}
