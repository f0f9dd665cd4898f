//! What has to be asked: the tree walk (RFC 9989 §4.10).

use std::sync::Arc;

use gatepost_dns::{Answer, LookupError, Name, Question, RecordType, Resolver};
use gatepost_syntax::{Domain, DomainRef};

use crate::outcome::{Identifier, Identifiers, Method, Step, note};
use crate::record::{Psd, Record};

/// Stands before a domain where its record is (RFC 9989 §4.6).
pub(crate) const PREFIX: &str = "_dmarc";

/// Room for the steps of most judgements.
const STEPS: usize = 8;

/// Bounds of discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Queries of one walk (default 8, RFC 9989 §4.10).
    pub queries: usize,
    /// Author domains that are evaluated (default 4).
    pub authors: usize,
    /// Identifiers below the organizational domain that are walked for (default 10); others need no walk.
    pub identifiers: usize,
    /// Octets of a record; a longer one is none (default 4096; RFC 9989 has no bound).
    pub record_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { queries: 8, authors: 4, identifiers: 10, record_bytes: 4096 }
    }
}

/// All that DNS says of one author domain and the identifiers to compare with it. Evaluating it asks nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    pub(crate) author: Domain,
    pub(crate) method: Method,
    /// The applicable record and where it is.
    pub(crate) policy: Result<Option<Policy>, LookupError>,
    /// The organizational domain of the author domain, where it matters.
    pub(crate) org_domain: Option<Result<Domain, LookupError>>,
    /// Whether the author domain exists; asked only where it matters.
    pub(crate) exists: Result<bool, LookupError>,
    /// Organizational domains of identifiers, where they were needed.
    pub(crate) identifier_orgs: IdentifierOrgs,
    pub(crate) trail: Vec<Step>,
}

/// Asks all that is needed to evaluate.
pub async fn discover(dns: &dyn Resolver, author: &Domain, passed: &Identifiers, limits: &Limits) -> Discovery {
    Asking::new(dns, limits, Method::TreeWalk).discover(author, passed).await
}

/// The organizational domain of a domain, and the questions that told it.
pub async fn org_domain(
    dns: &dyn Resolver,
    domain: &Domain,
    limits: &Limits,
) -> (Result<Domain, LookupError>, Vec<Question>) {
    let mut asking = Asking::new(dns, limits, Method::TreeWalk);
    let org = asking.walk(domain).await.map(|(org, _)| org);
    let questions = asking.trail.into_iter().filter_map(|step| match step {
        Step::Asked { question, .. } => Some(question),
        _ => None,
    });
    (org, questions.collect())
}

/// Identifiers with their organizational domains.
pub(crate) type IdentifierOrgs = Vec<(Domain, Result<Domain, LookupError>)>;

/// A record, and the domain that it was found for.
pub(crate) type Policy = (Domain, Arc<Record>);

/// The same while a walk is under way.
type Found<'a> = (DomainRef<'a>, Arc<Record>);

/// Asks for the authors of a message: no name twice.
pub(crate) struct Asking<'a> {
    dns: &'a dyn Resolver,
    limits: &'a Limits,
    method: Method,
    trail: Vec<Step>,
    /// What was asked for the authors before.
    earlier: Vec<Step>,
}

impl<'a> Asking<'a> {
    pub(crate) fn new(dns: &'a dyn Resolver, limits: &'a Limits, method: Method) -> Self {
        Asking { dns, limits, method, trail: Vec::with_capacity(STEPS), earlier: Vec::new() }
    }

    pub(crate) async fn discover(&mut self, author: &Domain, passed: &Identifiers) -> Discovery {
        let mut discovery = Discovery {
            author: author.clone(),
            method: self.method,
            policy: Ok(None),
            org_domain: None,
            exists: Ok(true),
            identifier_orgs: Vec::new(),
            trail: Vec::new(),
        };
        if let Err(error) = self.fill(&mut discovery, passed).await {
            discovery.policy = Err(error);
        }
        discovery.trail = std::mem::take(&mut self.trail);
        discovery
    }

    /// Another author follows: what is known stays known.
    pub(crate) fn next(&mut self, discovery: &Discovery) {
        self.earlier.extend(discovery.trail.iter().cloned());
    }

    /// RFC 9989 §4.10.1.
    async fn fill(&mut self, discovery: &mut Discovery, passed: &Identifiers) -> Result<(), LookupError> {
        let author = &discovery.author;
        let own = self.record(author.borrowed()).await?;
        let relaxed = |record: &Arc<Record>| passed.compared(record).any(|i| !i.strict && i.domain != author);
        if own.as_ref().is_none_or(relaxed) {
            let org = match (self.organization(author).await, &own) {
                (Ok((org, policy)), None) => {
                    discovery.policy = Ok(policy);
                    Ok(org)
                }
                (Err(error), None) => return Err(error),
                // with a policy of its own the author domain needs no more to pass by an identical identifier
                (walked, Some(_)) => walked.map(|(org, _)| org),
            };
            discovery.org_domain = Some(org);
        }
        if let Some(record) = own {
            discovery.policy = Ok(Some((author.clone(), record)));
        }
        let Ok(Some((policy_domain, record))) = &discovery.policy else {
            return Ok(());
        };
        if policy_domain != author && record.requests().is_ok_and(|r| r.nonexistent != r.subdomain) {
            discovery.exists = self.exists(author).await;
        }
        if let Some(Ok(own_org)) = &discovery.org_domain {
            discovery.identifier_orgs = self.identifier_orgs(author, own_org, record, passed).await;
        }
        Ok(())
    }

    /// Walks for each identifier that is not the author domain itself and may be aligned relaxed.
    async fn identifier_orgs(
        &mut self,
        author: &Domain,
        own_org: &Domain,
        record: &Record,
        passed: &Identifiers,
    ) -> IdentifierOrgs {
        let mut orgs = IdentifierOrgs::new();
        for identifier in passed.compared(record) {
            let known = orgs.iter().any(|(domain, _)| domain == identifier.domain);
            if known || !needs_walk(author, own_org, &identifier) {
                continue;
            }
            // foreign identifiers cost nothing: they may not push out one that could be aligned (RFC 9989 §4.4.1)
            if orgs.len() == self.limits.identifiers {
                break;
            }
            let identifier = identifier.domain;
            let org = self.organization(identifier).await.map(|(org, _)| org);
            orgs.push((identifier.clone(), org));
        }
        orgs
    }

    /// The organizational domain of a domain, and the policy for it if it has no record of its own (RFC 9989 §4.10.1).
    async fn organization(&mut self, from: &Domain) -> Result<(Domain, Option<Policy>), LookupError> {
        match self.method {
            Method::TreeWalk => self.walk(from).await,
            #[cfg(feature = "psl")]
            Method::PublicSuffixList => {
                let org_domain = crate::psl::org_domain(from);
                self.trail.push(Step::Listed { from: from.clone(), org_domain: org_domain.clone() });
                let record = self.record(org_domain.borrowed()).await?;
                let policy = record.map(|record| (org_domain.clone(), record));
                Ok((org_domain, policy))
            }
        }
    }

    /// RFC 9989 §4.10, steps 1 to 7: from the start up to the top-level domain, at most 8 queries.
    async fn walk(&mut self, start: &Domain) -> Result<(Domain, Option<Policy>), LookupError> {
        // a record that says what it is ends the walk: the last one tells, and for one of a public suffix that before it
        let (mut before, mut last) = (None, None);
        let (mut here, mut labels) = (start.borrowed(), start.label_count());
        for _ in 0..self.limits.queries {
            if let Some(record) = self.record(here).await? {
                let stop = record.psd != Psd::Unknown;
                before = last.replace((here, record));
                if stop {
                    break;
                }
            }
            // one label less, or, from a start of 8 labels and more, the 7 right-most (step 4)
            let Some(parent) = here.parent() else { break };
            (here, labels) = match labels {
                9.. => (here.last(7), 7),
                _ => (parent, labels - 1),
            };
        }
        let told = told(start, before, last);
        note(&mut self.trail, || Step::Walked { from: start.clone(), org_domain: told.0.clone() });
        Ok(told)
    }

    /// The one valid record of a domain; several are none (RFC 9989 §4.10, steps 2 and 6).
    async fn record(&mut self, domain: DomainRef<'_>) -> Result<Option<Arc<Record>>, LookupError> {
        if let Some(found) = self.known(domain.as_str()) {
            return found;
        }
        // a domain so long that nothing can be put before it has no record
        let Ok(name) = Name::above(PREFIX, domain) else {
            return Ok(None);
        };
        let question = Question::new(name, RecordType::Txt);
        let found = {
            let lookup = self.dns.lookup(&question);
            match lookup.at_hand() {
                Some(answer) => self.read(answer),
                None => self.read(&lookup.await),
            }
        };
        note(&mut self.trail, || Step::Asked { question, found: found.clone() });
        found
    }

    /// What an answer says of it.
    fn read(&self, answer: &Result<Answer, LookupError>) -> Result<Option<Arc<Record>>, LookupError> {
        answer.as_ref().map(|answer| one_record(answer, self.limits.record_bytes)).map_err(|error| *error)
    }

    /// What is known of the record of a domain; it is noted that it was wanted for another author, too.
    fn known(&mut self, domain: &str) -> Option<Result<Option<Arc<Record>>, LookupError>> {
        if let Some(found) = self.trail.iter().find_map(|step| step.found(domain)) {
            return Some(found.clone());
        }
        let step = self.earlier.iter().find(|step| step.found(domain).is_some())?;
        self.trail.push(step.clone());
        step.found(domain).cloned()
    }

    /// Whether a domain exists: anything but NXDOMAIN (RFC 9989 §4.7, `np`; RFC 8020).
    async fn exists(&mut self, domain: &Domain) -> Result<bool, LookupError> {
        let exists = self.dns.txt(&Name::from(domain)).await.map(|found| !found.nxdomain)?;
        self.trail.push(Step::Exists(exists));
        Ok(exists)
    }
}

/// The valid record of an answer, if there is exactly one.
fn one_record(answer: &Answer, longest: usize) -> Option<Arc<Record>> {
    let short = answer.texts().filter(|txt| txt.as_bytes().len() <= longest);
    let mut valid = short.filter_map(|txt| txt.reading(read));
    match (valid.next(), valid.next()) {
        (one, None) => one,
        _ => None,
    }
}

fn read(octets: &[u8]) -> Option<Arc<Record>> {
    std::str::from_utf8(octets).ok().and_then(|text| Record::parse(text).ok()).map(Arc::new)
}

/// Whether an identifier's own walk could make a difference. One that is not below the author's organizational domain can not
/// have the same: it is not asked about, so that its owner can not make the judgement fail for now.
pub(crate) fn needs_walk(author: &Domain, org_domain: &Domain, identifier: &Identifier<'_>) -> bool {
    !identifier.strict && identifier.domain != author && identifier.domain.is_or_below(org_domain)
}

/// What the last records of a walk tell: the organizational domain (RFC 9989 §4.10.2), and whose policy is that of a domain
/// without one (RFC 9989 §4.10.1).
fn told<'a>(start: &Domain, before: Option<Found<'a>>, last: Option<Found<'a>>) -> (Domain, Option<Policy>) {
    let Some((at, record)) = last else {
        return (start.clone(), None);
    };
    if at == start.borrowed() {
        return (start.clone(), Some((start.clone(), record)));
    }
    if record.psd != Psd::Yes {
        let org_domain = Domain::from(at);
        return (org_domain.clone(), Some((org_domain, record)));
    }
    // one label below a public suffix, whose policy counts where the organization has none
    let org_domain = start.last(at.label_count() + 1);
    let of_org = before.filter(|(at, _)| *at == org_domain.borrowed());
    let (at, record) = of_org.unwrap_or((at, record));
    (org_domain, Some((at.into(), record)))
}
