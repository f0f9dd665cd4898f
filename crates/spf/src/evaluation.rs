//! `check_host` (RFC 7208 §4): one record after the other, under one budget.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use gatepost_dns::{Answer, Family, Name, RecordType, Resolver};
use gatepost_syntax::Domain;

use crate::address::in_network;
use crate::ahead::Ahead;
use crate::explanation;
use crate::macros::{MacroString, Values};
use crate::outcome::{PermError, TempError, Verdict, Via};
use crate::query::{Limits, Query};
use crate::record::{Directive, Mechanism, Prefixes, Qualifier, Record, RecordError, is_spf};
use crate::trail::{Place, Trail};

/// What one record says.
pub(crate) struct Found {
    pub(crate) verdict: Verdict,
    pub(crate) decided: Decided,
    /// The record whose `exp=` is to be used, with its domain.
    pub(crate) explain: Option<(Arc<Record>, Domain)>,
}

impl Found {
    /// A verdict that no term gave.
    pub(crate) fn undecided(verdict: Verdict) -> Self {
        Found { verdict, decided: Decided::Nothing, explain: None }
    }
}

/// What decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decided {
    /// There was nothing to decide, or it ended in an error.
    Nothing,
    /// No term matched (RFC 7208 §4.7).
    Default,
    /// The term of this step of the trail.
    Term(usize),
}

/// What ends the whole evaluation at once.
pub(crate) enum Stop {
    Temp(TempError),
    Perm(PermError),
}

impl Stop {
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            Stop::Temp(error) => Verdict::TempError(error),
            Stop::Perm(error) => Verdict::PermError(error),
        }
    }
}

pub(crate) struct Evaluation<'a> {
    pub(crate) dns: &'a dyn Resolver,
    pub(crate) query: &'a Query<'a>,
    pub(crate) limits: &'a Limits,
    pub(crate) terms: u32,
    voids: u32,
    pub(crate) trail: Trail,
    /// Whether a macro brought in what differs between identities of one domain (RFC 7208 §7.3).
    uses_sender: bool,
    pub(crate) ahead: Option<Ahead<'a>>,
    sender_domain: &'a str,
}

/// What an evaluation took, and what it did.
pub(crate) struct Spent {
    pub(crate) terms: u32,
    pub(crate) voids: u32,
    pub(crate) uses_sender: bool,
    pub(crate) trail: Trail,
}

/// Whose record is evaluated, and how many includes and redirects led there.
#[derive(Clone, Copy)]
pub(crate) struct Level<'d> {
    pub(crate) domain: &'d Domain,
    pub(crate) depth: usize,
}

type CheckHost<'s> = Pin<Box<dyn Future<Output = Result<Found, Stop>> + Send + 's>>;

impl<'a> Evaluation<'a> {
    pub(crate) fn new(
        dns: &'a dyn Resolver,
        query: &'a Query<'a>,
        limits: &'a Limits,
        domain: Option<&'a Domain>,
    ) -> Self {
        let ahead = (limits.ahead > 0).then(|| Ahead::new(dns, limits.ahead));
        let sender_domain = domain.map(Domain::as_str).unwrap_or_default();
        let trail = Trail::default();
        Evaluation { dns, query, limits, terms: 0, voids: 0, trail, uses_sender: false, ahead, sender_domain }
    }

    pub(crate) fn spent(self) -> Spent {
        Spent { terms: self.terms, voids: self.voids, uses_sender: self.uses_sender, trail: self.trail }
    }

    /// Boxed, since include and redirect recur; the term limit bounds the depth.
    pub(crate) fn check_host(&mut self, domain: Domain, depth: usize) -> CheckHost<'_> {
        Box::pin(async move {
            let level = Level { domain: &domain, depth };
            let Some(record) = self.record_of(level).await? else {
                return Ok(Found::undecided(Verdict::None));
            };
            let at = self.trail.begin_record(level, &record);
            self.look_ahead(&record, level);
            let mut next = 0;
            while let Some(rest) = record.directives.get(next..) {
                // networks that do not match need no step each
                let differs =
                    |d: &Directive| !matches!(d.mechanism, Mechanism::Ip(n, l) if !in_network(self.query.ip, n, l));
                let misses = rest.iter().position(differs).unwrap_or(rest.len());
                if misses > 0 {
                    self.trail.begin_terms(depth, at, Place::Directives(next..next + misses));
                }
                let Some(directive) = rest.get(misses) else {
                    break;
                };
                next += misses + 1;
                let step = self.trail.begin_terms(depth, at, Place::Directives(next - 1..next));
                let matched = match &directive.mechanism {
                    Mechanism::All | Mechanism::Ip(..) => true,
                    asking => self.asking_matches(asking, level).await?,
                };
                if matched {
                    self.trail.matched(step);
                    let explain = record.exp.is_some().then(|| (Arc::clone(&record), domain.clone()));
                    let verdict = verdict_of(directive.qualifier);
                    return Ok(Found { verdict, decided: Decided::Term(step), explain });
                }
            }
            match record.effective_redirect() {
                Some((target, span)) => {
                    let step = self.trail.begin_terms(depth, at, Place::Redirect);
                    self.trail.matched(step);
                    self.redirect(target, span.start, level).await
                }
                // RFC 7208 §4.7
                None => Ok(Found { verdict: Verdict::Neutral, decided: Decided::Default, explain: None }),
            }
        })
    }

    /// RFC 7208 §6.1: a target without a record is a permerror.
    async fn redirect(&mut self, target: &MacroString, at: usize, level: Level<'_>) -> Result<Found, Stop> {
        self.count_term()?;
        let name = self.expand(target, level).await?.ok_or(Stop::Perm(PermError::NoName { at }))?;
        let missing = |name| Stop::Perm(PermError::NoRecord { name, via: Via::Redirect });
        let Some(domain) = name.to_domain() else {
            return Err(missing(name));
        };
        let found = self.check_host(domain, level.depth + 1).await?;
        if found.verdict == Verdict::None { Err(missing(name)) } else { Ok(found) }
    }

    /// The one SPF record of a domain (RFC 7208 §4.4, §4.5, §4.6).
    async fn record_of(&mut self, level: Level<'_>) -> Result<Option<Arc<Record>>, Stop> {
        let answer = self.ask(&Name::from(level.domain), RecordType::Txt, level.depth).await.map_err(Stop::Temp)?;
        let mut records = answer.texts().filter(|txt| is_spf(txt.as_bytes()));
        let Some(txt) = records.next() else {
            return Ok(None);
        };
        let further = records.count();
        let domain = || level.domain.clone();
        if further > 0 {
            return Err(Stop::Perm(PermError::Several { domain: domain(), count: further + 1 }));
        }
        if txt.as_bytes().len() > self.limits.record_bytes {
            return Err(Stop::Perm(PermError::Long(domain())));
        }
        // RFC 7208 §4.6: an error anywhere makes it no record
        match txt.reading(read) {
            Ok(record) => Ok(Some(record)),
            Err(error) => Err(Stop::Perm(PermError::Record { domain: domain(), error })),
        }
    }

    /// Whether a mechanism matches that asks DNS.
    async fn asking_matches(&mut self, mechanism: &Mechanism, level: Level<'_>) -> Result<bool, Stop> {
        self.count_term()?;
        let name = match mechanism.spec() {
            None => Name::from(level.domain),
            Some(spec) => match self.expand(spec, level).await? {
                Some(name) => name,
                // RFC 7208 §4.8 leaves it open; RFC 8616 §4 has it so for local parts that are not ASCII
                None => return Ok(false),
            },
        };
        let depth = level.depth + 1;
        match mechanism {
            Mechanism::Include(_) => self.include(name, depth).await,
            Mechanism::A(_, prefixes) => self.has_address(&name, *prefixes, depth).await,
            Mechanism::Mx(_, prefixes) => self.mx_has_address(&name, *prefixes, depth).await,
            Mechanism::Ptr(_) => {
                let names = self.validated_names(depth).await;
                Ok(names.iter().any(|validated| validated.is_or_below(&name)))
            }
            // RFC 7208 §5.7: an A look-up, whatever the client's family
            Mechanism::Exists(_) => Ok(!self.term_answer(&name, RecordType::A, depth).await?.records().is_empty()),
            Mechanism::All | Mechanism::Ip(..) => Ok(false), // they ask nothing
        }
    }

    /// RFC 7208 §5.2.
    async fn include(&mut self, name: Name, depth: usize) -> Result<bool, Stop> {
        let missing = |name| Stop::Perm(PermError::NoRecord { name, via: Via::Include });
        let Some(domain) = name.to_domain() else {
            return Err(missing(name));
        };
        match self.check_host(domain, depth).await?.verdict {
            Verdict::Pass => Ok(true),
            Verdict::None => Err(missing(name)),
            _ => Ok(false),
        }
    }

    async fn has_address(&mut self, name: &Name, prefixes: Prefixes, depth: usize) -> Result<bool, Stop> {
        let ip = self.query.ip;
        let answer = self.term_answer(name, Family::of(ip).record_type(), depth).await?;
        let length = if ip.is_ipv4() { prefixes.v4 } else { prefixes.v6 };
        Ok(answer.addresses().any(|address| in_network(ip, address, length)))
    }

    /// RFC 7208 §5.4.
    async fn mx_has_address(&mut self, name: &Name, prefixes: Prefixes, depth: usize) -> Result<bool, Stop> {
        let answer = self.term_answer(name, RecordType::Mx, depth).await?;
        // RFC 7208 §4.6.4: more than 10 names of one mx are a permerror
        if answer.records().len() > self.limits.mx_names {
            return Err(Stop::Perm(PermError::MxNames { limit: self.limits.mx_names }));
        }
        let exchanges = || answer.mail_exchangers().map(|mx| &mx.exchange).filter(|exchange| !exchange.is_root());
        for exchange in exchanges() {
            self.prefetch(exchange.clone(), Family::of(self.query.ip).record_type());
        }
        for exchange in exchanges() {
            if self.has_address(exchange, prefixes, depth).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Expands a domain-spec; `None` if it becomes no name.
    pub(crate) async fn expand(&mut self, spec: &MacroString, level: Level<'_>) -> Result<Option<Name>, Stop> {
        self.uses_sender |= spec.uses("sloh");
        let validated = if spec.uses("p") {
            self.count_term()?;
            self.validated(level.domain, level.depth + 1).await
        } else {
            String::new()
        };
        Ok(spec.expand_to_name(&self.values(level.domain, &validated)))
    }

    pub(crate) fn values<'v>(&'v self, domain: &'v Domain, validated: &'v str) -> Values<'v> {
        Values { query: self.query, sender_domain: self.sender_domain, domain, validated }
    }

    /// The explanation (RFC 7208 §6.2); anything wrong with it leaves it out.
    pub(crate) async fn explain(&mut self, record: &Record, domain: &Domain) -> Option<String> {
        let name = self.expand(record.exp.as_ref()?, Level { domain, depth: 0 }).await.ok()??;
        let answer = self.ask(&name, RecordType::Txt, 0).await.ok()?;
        let mut texts = answer.texts();
        let (Some(txt), None) = (texts.next(), texts.next()) else {
            return None;
        };
        let text = explanation::parse(txt.as_bytes()).ok()?;
        self.uses_sender |= text.uses("sloh");
        let validated = if text.uses("p") { self.validated(domain, 0).await } else { String::new() };
        Some(explanation::make_safe(&text.expand(&self.values(domain, &validated)), self.limits))
    }

    /// RFC 7208 §4.6.4: at most 10 over all records.
    fn count_term(&mut self) -> Result<(), Stop> {
        if self.terms >= self.limits.terms {
            return Err(Stop::Perm(PermError::Terms { limit: self.limits.terms }));
        }
        self.terms += 1;
        Ok(())
    }

    /// The answer to a term's own question. RFC 7208 §4.6.4: at most 2 of them may be void.
    async fn term_answer(&mut self, name: &Name, kind: RecordType, depth: usize) -> Result<Answer, Stop> {
        let answer = self.ask(name, kind, depth).await.map_err(Stop::Temp)?;
        if answer.records().is_empty() {
            self.voids += 1;
            if self.voids > self.limits.voids {
                return Err(Stop::Perm(PermError::Voids { limit: self.limits.voids }));
            }
        }
        Ok(answer)
    }
}

/// Kept with the TXT record, so that a cached answer is parsed once.
fn read(octets: &[u8]) -> Result<Arc<Record>, RecordError> {
    Record::from_octets(octets).map(Arc::new)
}

fn verdict_of(qualifier: Qualifier) -> Verdict {
    match qualifier {
        Qualifier::Pass => Verdict::Pass,
        Qualifier::Fail => Verdict::Fail,
        Qualifier::SoftFail => Verdict::SoftFail,
        Qualifier::Neutral => Verdict::Neutral,
    }
}
