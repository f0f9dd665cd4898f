//! What has to be asked: the tree walk (RFC 9989 §4.10).

use std::sync::Arc;

use gatepost_dns::{Answer, LookupError, Name, Question, RecordType, Resolver};
use gatepost_syntax::{Domain, DomainRef};
use smallvec::SmallVec;

use crate::outcome::{Identifier, Identifiers, Method, Step};
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
    pub(crate) policy: Result<Option<(Domain, Arc<Record>)>, LookupError>,
    /// The organizational domain of the author domain, where it matters.
    pub(crate) org_domain: Option<Result<Domain, LookupError>>,
    /// Whether the author domain exists; asked only where it matters.
    pub(crate) exists: Result<bool, LookupError>,
    /// Organizational domains of identifiers, where they were needed.
    pub(crate) identifier_orgs: Vec<(Domain, Result<Domain, LookupError>)>,
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
    let org = asking.walk(domain).await.map(|walk| org_of(domain, &walk));
    let questions = asking.trail.into_iter().filter_map(|step| match step {
        Step::Asked { question, .. } => Some(question),
        _ => None,
    });
    (org, questions.collect())
}

/// The records on the way up from a domain, each with how many of its right-most labels it is found at.
type Walk = SmallVec<[(usize, Arc<Record>); 2]>;

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
            let walked = self.organization(author).await;
            if let (None, Ok((org, walk))) = (&own, &walked) {
                let at_org = walk.iter().find(|(labels, _)| *labels == org.label_count());
                let at_psd = walk.iter().find(|(_, record)| record.psd == Psd::Yes);
                let of_org = at_org.map(|(_, record)| (org.clone(), Arc::clone(record)));
                let of_psd = || at_psd.map(|(labels, record)| (author.last(*labels), Arc::clone(record)));
                discovery.policy = Ok(of_org.or_else(of_psd));
            }
            // with a policy of its own the author domain needs no more to pass by an identical identifier
            let org = walked.map(|(org, _)| org);
            if let (None, Err(error)) = (&own, &org) {
                return Err(*error);
            }
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
    ) -> Vec<(Domain, Result<Domain, LookupError>)> {
        let mut orgs: Vec<(Domain, _)> = Vec::new();
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

    /// The organizational domain of a domain, and the records that were found on the way.
    async fn organization(&mut self, from: &Domain) -> Result<(Domain, Walk), LookupError> {
        match self.method {
            Method::TreeWalk => {
                let walk = self.walk(from).await?;
                let org_domain = org_of(from, &walk);
                self.trail.push(Step::Walked { from: from.clone(), org_domain: org_domain.clone() });
                Ok((org_domain, walk))
            }
            #[cfg(feature = "psl")]
            Method::PublicSuffixList => {
                let org_domain = crate::psl::org_domain(from);
                self.trail.push(Step::Listed { from: from.clone(), org_domain: org_domain.clone() });
                let labels = org_domain.label_count();
                let record = self.record(org_domain.borrowed()).await?;
                Ok((org_domain, record.map(|record| (labels, record)).into_iter().collect()))
            }
        }
    }

    /// RFC 9989 §4.10, steps 1 to 7: from the start up to the top-level domain, at most 8 queries.
    async fn walk(&mut self, start: &Domain) -> Result<Walk, LookupError> {
        let mut walk = Walk::new();
        let (mut here, mut labels) = (start.borrowed(), start.label_count());
        for _ in 0..self.limits.queries {
            if let Some(record) = self.record(here).await? {
                let stop = record.psd != Psd::Unknown;
                walk.push((labels, record));
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
        Ok(walk)
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
        let answer = self.dns.lookup(&question).await;
        let found = answer.map(|answer| one_record(&answer, self.limits.record_bytes));
        self.trail.push(Step::Asked { question, found: found.clone() });
        found
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

/// RFC 9989 §4.10.2.
fn org_of(start: &Domain, walk: &Walk) -> Domain {
    let labels = start.label_count();
    for (at, record) in walk {
        match record.psd {
            Psd::No => return start.last(*at),
            Psd::Yes if *at != labels => return start.last(at + 1),
            _ => {}
        }
    }
    start.last(walk.iter().map(|(at, _)| *at).min().unwrap_or(labels))
}
