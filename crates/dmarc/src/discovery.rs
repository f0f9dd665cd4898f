//! What has to be asked: the tree walk (RFC 9989 §4.10).

use std::sync::Arc;

use gatepost_dns::{LookupError, Name, Question, RecordType, Resolver};
use gatepost_syntax::Domain;

use crate::outcome::{Identifier, Identifiers, Step};
use crate::record::{Psd, Record};

/// Bounds of discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Queries of one walk (default 8, RFC 9989 §4.10).
    pub queries: usize,
    /// Author domains that are evaluated (default 4).
    pub authors: usize,
    /// Identifiers that are compared (default 10).
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
    let mut asking = Asking { dns, limits, known: Vec::new(), trail: Vec::new() };
    let mut discovery = Discovery {
        author: author.clone(),
        policy: Ok(None),
        org_domain: None,
        exists: Ok(true),
        identifier_orgs: Vec::new(),
        trail: Vec::new(),
    };
    if let Err(error) = asking.fill(&mut discovery, passed).await {
        discovery.policy = Err(error);
    }
    discovery.trail = asking.trail;
    discovery
}

/// The organizational domain of a domain, and the questions that told it.
pub async fn org_domain(
    dns: &dyn Resolver,
    domain: &Domain,
    limits: &Limits,
) -> (Result<Domain, LookupError>, Vec<Question>) {
    let mut asking = Asking { dns, limits, known: Vec::new(), trail: Vec::new() };
    let org = asking.walk(domain).await.map(|walk| org_of(domain, &walk));
    let questions = asking.trail.into_iter().filter_map(|step| match step {
        Step::Asked { question, .. } => Some(question),
        _ => None,
    });
    (org, questions.collect())
}

type Walk = Vec<(Domain, Arc<Record>)>;

struct Asking<'a> {
    dns: &'a dyn Resolver,
    limits: &'a Limits,
    /// Records of names that were asked before: each name is asked once a message.
    known: Vec<(Domain, Option<Arc<Record>>)>,
    trail: Vec<Step>,
}

impl Asking<'_> {
    /// RFC 9989 §4.10.1.
    async fn fill(&mut self, discovery: &mut Discovery, passed: &Identifiers) -> Result<(), LookupError> {
        let author = discovery.author.clone();
        let own = self.record(&author).await?;
        let relaxed = |record: &Arc<Record>| passed.compared(record).any(|i| !i.strict && *i.domain != author);
        discovery.policy = Ok(own.clone().map(|record| (author.clone(), record)));
        if own.as_ref().is_none_or(relaxed) {
            let walked = self.walk(&author).await.map(|walk| (org_of(&author, &walk), walk));
            if let (None, Ok((org, walk))) = (&own, &walked) {
                let at_org = walk.iter().find(|(name, _)| name == org);
                let at_psd = walk.iter().find(|(_, record)| record.psd == Psd::Yes);
                discovery.policy = Ok(at_org.or(at_psd).cloned());
            }
            // with a policy of its own the author domain needs no more to pass by an identical identifier
            let org = walked.map(|(org, _)| org);
            match (&own, &org) {
                (None, Err(error)) => return Err(*error),
                (_, Ok(org)) => self.trail.push(Step::Walked { from: author.clone(), org_domain: org.clone() }),
                _ => {}
            }
            discovery.org_domain = Some(org);
        }
        let Ok(Some((policy_domain, record))) = discovery.policy.clone() else {
            return Ok(());
        };
        if policy_domain != author && record.requests().is_ok_and(|r| r.nonexistent != r.subdomain) {
            discovery.exists = self.exists(&author).await;
        }
        self.identifier_orgs(discovery, &record, passed).await;
        Ok(())
    }

    /// Walks for each identifier that is not the author domain itself and may be aligned relaxed.
    async fn identifier_orgs(&mut self, discovery: &mut Discovery, record: &Record, passed: &Identifiers) {
        let Some(Ok(own_org)) = discovery.org_domain.clone() else { return };
        for identifier in passed.compared(record).take(self.limits.identifiers) {
            let known = discovery.identifier_orgs.iter().any(|(domain, _)| domain == identifier.domain);
            if known || !needs_walk(&discovery.author, &own_org, &identifier) {
                continue;
            }
            let identifier = identifier.domain;
            let org = self.walk(identifier).await.map(|walk| org_of(identifier, &walk));
            if let Ok(org) = &org {
                self.trail.push(Step::Walked { from: identifier.clone(), org_domain: org.clone() });
            }
            discovery.identifier_orgs.push((identifier.clone(), org));
        }
    }

    /// RFC 9989 §4.10, steps 1 to 7: from the start up to the top-level domain, at most 8 queries.
    async fn walk(&mut self, start: &Domain) -> Result<Walk, LookupError> {
        let mut walk = Walk::new();
        let mut name = Some(start.clone());
        let mut queries = 0;
        while let Some(here) = name {
            if queries == self.limits.queries {
                break;
            }
            queries += 1;
            if let Some(record) = self.record(&here).await? {
                let stop = record.psd != Psd::Unknown;
                walk.push((here.clone(), record));
                if stop {
                    break;
                }
            }
            name = above(&here, here == *start);
        }
        Ok(walk)
    }

    /// The one valid record of a name; several are none (RFC 9989 §4.10, steps 2 and 6).
    async fn record(&mut self, domain: &Domain) -> Result<Option<Arc<Record>>, LookupError> {
        if let Some((_, record)) = self.known.iter().find(|(name, _)| name == domain) {
            return Ok(record.clone());
        }
        // a domain so long that nothing can be put before it has no record
        let Ok(name) = Name::from(domain).prefixed("_dmarc") else {
            return Ok(None);
        };
        let question = Question::new(name, RecordType::Txt);
        let found = self.dns.lookup(&question).await.map(|answer| {
            let short = answer.texts().filter(|txt| txt.as_bytes().len() <= self.limits.record_bytes);
            let mut valid = short.filter_map(|txt| txt.reading(read));
            match (valid.next(), valid.next()) {
                (Some(one), None) => Some(one),
                _ => None,
            }
        });
        self.trail.push(Step::Asked { question, found: found.clone() });
        let record = found?;
        self.known.push((domain.clone(), record.clone()));
        Ok(record)
    }

    /// Whether a domain exists: anything but NXDOMAIN (RFC 9989 §4.7, `np`; RFC 8020).
    async fn exists(&mut self, domain: &Domain) -> Result<bool, LookupError> {
        let exists = self.dns.txt(&Name::from(domain)).await.map(|found| !found.nxdomain)?;
        self.trail.push(Step::Exists(exists));
        Ok(exists)
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

/// The next name of a walk: one label less, or, from a start of 8 labels and more, the 7 right-most (RFC 9989 §4.10, step 4).
fn above(domain: &Domain, is_start: bool) -> Option<Domain> {
    let drop = if is_start { domain.label_count().saturating_sub(7).max(1) } else { 1 };
    (0..drop).try_fold(domain.clone(), |domain, _| domain.parent())
}

/// RFC 9989 §4.10.2.
fn org_of(start: &Domain, walk: &Walk) -> Domain {
    for (name, record) in walk {
        match record.psd {
            Psd::No => return name.clone(),
            Psd::Yes if name != start => return one_below(start, name),
            _ => {}
        }
    }
    walk.iter().map(|(name, _)| name).min_by_key(|name| name.label_count()).unwrap_or(start).clone()
}

/// The name on the way to `start` that is one label longer than `name`.
fn one_below(start: &Domain, name: &Domain) -> Domain {
    let mut below = start.clone();
    while let Some(parent) = below.parent() {
        if parent == *name {
            break;
        }
        below = parent;
    }
    below
}
