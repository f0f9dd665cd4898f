//! The public suffix list, by which RFC 7489 told organizational domains, to compare with the tree walk. It is compiled in: as
//! old as the version of the crate `psl`.

use gatepost_syntax::Domain;

/// The public suffix of a domain and one label more (RFC 7489 §3.2); a public suffix itself stays what it is.
///
/// ```
/// # use gatepost_dmarc::psl::org_domain;
/// let domain = "mail.example.co.uk".parse()?;
/// assert_eq!(org_domain(&domain).as_str(), "example.co.uk");
/// # Ok::<(), gatepost_syntax::DomainError>(())
/// ```
pub fn org_domain(domain: &Domain) -> Domain {
    let registrable = ::psl::domain_str(domain.as_str());
    domain.last(registrable.map_or(usize::MAX, |name| name.split('.').count()))
}
