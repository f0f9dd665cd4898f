//! `check_host` (RFC 7208 §4).

use std::future::Future;
use std::pin::Pin;

use gatepost_dns::{Family, Name, RecordType, Resolver, Rrset};
use gatepost_results::Cite;
use gatepost_syntax::Domain;

use crate::address::in_network;
use crate::explanation;
use crate::macros::{MacroString, Values};
use crate::outcome::{Outcome, PermError, Step, TempError, Verdict};
use crate::query::{Limits, Query};
use crate::record::{Directive, Mechanism, Qualifier, Record, is_spf};

/// Evaluates whether a client may use an identity. Total: whatever the records hold, it ends within the limits.
pub async fn check(dns: &dyn Resolver, query: &Query, limits: &Limits) -> Outcome {
    let mut evaluation =
        Evaluation { dns, query, limits, terms: 0, voids: 0, trail: Vec::new(), sender_domain: String::new() };
    let domain = query.domain();
    let found = match &domain {
        // RFC 7208 §4.3: malformed, a literal or a single label
        None => Ok(Found::verdict(Verdict::None)),
        Some(domain) => {
            evaluation.sender_domain = domain.to_string();
            evaluation.check_host(domain.clone(), 0).await
        }
    };
    let found = found.unwrap_or_else(|stop| Found::verdict(stop.verdict()));
    let explanation = match (&found.verdict, found.explain) {
        (Verdict::Fail, Some((exp, domain))) => evaluation.explain(&exp, &domain).await,
        _ => None,
    };
    Outcome {
        verdict: found.verdict,
        scope: query.scope,
        domain,
        explanation,
        mechanism: found.mechanism,
        terms: evaluation.terms,
        voids: evaluation.voids,
        trail: evaluation.trail,
        limits: limits.clone(),
    }
}

/// What one record says.
struct Found {
    verdict: Verdict,
    mechanism: Option<String>,
    /// The `exp=` to use, with the domain whose record it is in.
    explain: Option<(MacroString, Domain)>,
}

impl Found {
    fn verdict(verdict: Verdict) -> Self {
        Found { verdict, mechanism: None, explain: None }
    }
}

/// What ends the whole evaluation at once.
enum Stop {
    Temp(TempError),
    Perm(PermError),
}

impl Stop {
    fn verdict(self) -> Verdict {
        match self {
            Stop::Temp(error) => Verdict::TempError(error),
            Stop::Perm(error) => Verdict::PermError(error),
        }
    }
}

pub(crate) struct Evaluation<'a> {
    pub(crate) dns: &'a dyn Resolver,
    pub(crate) query: &'a Query,
    pub(crate) limits: &'a Limits,
    pub(crate) terms: u32,
    pub(crate) voids: u32,
    pub(crate) trail: Vec<Step>,
    pub(crate) sender_domain: String,
}

impl Evaluation<'_> {
    /// Boxed, since include and redirect recur; the term limit bounds the depth.
    fn check_host(
        &mut self,
        domain: Domain,
        depth: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Found, Stop>> + Send + '_>> {
        Box::pin(async move {
            let Some(record) = self.record_of(&domain, depth).await? else {
                return Ok(Found::verdict(Verdict::None));
            };
            for directive in &record.1.directives {
                let matched = self.matches(directive, &record.0, &domain, depth).await?;
                if matched {
                    return Ok(self.decided(directive, &record, domain));
                }
            }
            match &record.1.redirect {
                // RFC 7208 §6.1: ignored when there is an `all` anywhere
                Some((target, span)) if !record.1.has_all() => {
                    self.count_term()?;
                    let term = record.0.get(span.clone()).unwrap_or_default().to_owned();
                    self.note_term(&term, span.clone(), true, "6.1", depth);
                    self.redirect(target, term, domain, depth).await
                }
                _ => Ok(Found { mechanism: Some("default".into()), ..Found::verdict(Verdict::Neutral) }), // §4.7
            }
        })
    }

    fn decided(&self, directive: &Directive, record: &(String, Record), domain: Domain) -> Found {
        let verdict = match directive.qualifier {
            Qualifier::Pass => Verdict::Pass,
            Qualifier::Fail => Verdict::Fail,
            Qualifier::SoftFail => Verdict::SoftFail,
            Qualifier::Neutral => Verdict::Neutral,
        };
        let mechanism = record.0.get(directive.span.clone()).map(str::to_owned);
        Found { verdict, mechanism, explain: record.1.exp.clone().map(|exp| (exp, domain)) }
    }

    async fn redirect(
        &mut self,
        target: &MacroString,
        term: String,
        domain: Domain,
        depth: usize,
    ) -> Result<Found, Stop> {
        let missing = Stop::Perm(PermError::NoTarget { term: gatepost_syntax::escape(&term) });
        let Some(name) = self.expand(target, &domain, depth).await? else {
            return Err(missing);
        };
        let Some(target) = name.to_domain() else {
            return Err(missing);
        };
        let found = self.check_host(target, depth + 1).await?;
        // RFC 7208 §6.1: a target without a record is a permerror
        if found.verdict == Verdict::None { Err(missing) } else { Ok(found) }
    }

    /// The one SPF record of a domain, as written and parsed (RFC 7208 §4.4, §4.5, §4.6).
    async fn record_of(&mut self, domain: &Domain, depth: usize) -> Result<Option<(String, Record)>, Stop> {
        let found = self.ask(&Name::from(domain), RecordType::Txt, depth, |dns, name| Box::pin(dns.txt(name))).await;
        let found = found.map_err(Stop::Temp)?;
        let mut records = found.records.iter().filter(|txt| is_spf(txt.as_bytes()));
        let Some(record) = records.next() else {
            return Ok(None);
        };
        let further = records.count();
        let perm = |error| Err(Stop::Perm(error));
        if further > 0 {
            return perm(PermError::Several { domain: domain.clone(), count: further + 1 });
        }
        if record.as_bytes().len() > self.limits.record_bytes {
            return perm(PermError::Long(domain.clone()));
        }
        let Some(text) = record.as_str().filter(|text| text.is_ascii()) else {
            return perm(PermError::NotAscii(domain.clone()));
        };
        self.trail.push(Step::Record { depth, domain: domain.clone(), text: text.to_owned() });
        match Record::parse(text) {
            Ok(parsed) => Ok(Some((text.to_owned(), parsed))),
            Err(error) => perm(PermError::Record { domain: domain.clone(), error }),
        }
    }

    async fn matches(
        &mut self,
        directive: &Directive,
        record: &str,
        domain: &Domain,
        depth: usize,
    ) -> Result<bool, Stop> {
        if directive.mechanism.asks_dns() {
            self.count_term()?;
        }
        let term = record.get(directive.span.clone()).unwrap_or_default().to_owned();
        let place = self.trail.len();
        let matched = match &directive.mechanism {
            Mechanism::All => true,
            Mechanism::Ip(network, length) => in_network(self.query.ip, *network, *length),
            Mechanism::Include(target) => self.include(target, &term, domain, depth).await?,
            Mechanism::A(host, prefixes) => {
                let Some(name) = self.target(host.as_ref(), domain, depth).await? else {
                    return Ok(false);
                };
                self.has_address(&name, self.prefix(*prefixes), depth).await?
            }
            Mechanism::Mx(host, prefixes) => {
                let Some(name) = self.target(host.as_ref(), domain, depth).await? else {
                    return Ok(false);
                };
                self.mx_has_address(&name, self.prefix(*prefixes), depth).await?
            }
            Mechanism::Ptr(host) => {
                let Some(name) = self.target(host.as_ref(), domain, depth).await? else {
                    return Ok(false);
                };
                let names = self.validated_names(depth + 1).await;
                names.iter().any(|validated| is_or_below(validated, &name))
            }
            Mechanism::Exists(host) => {
                let Some(name) = self.target(Some(host), domain, depth).await? else {
                    return Ok(false);
                };
                // RFC 7208 §5.7: an A look-up, whatever the client's family
                let found = self.addresses(&name, Family::V4, depth + 1).await.map_err(Stop::Temp)?;
                self.count_void(&found)?;
                !found.records.is_empty()
            }
        };
        let (span, cite) = (directive.span.clone(), Cite::new(7208, section(&directive.mechanism)));
        self.trail.insert(place, Step::Term { depth, term, span, matched, cite });
        Ok(matched)
    }

    fn prefix(&self, prefixes: crate::record::Prefixes) -> u8 {
        if self.query.ip.is_ipv4() { prefixes.v4 } else { prefixes.v6 }
    }

    /// RFC 7208 §5.2.
    async fn include(&mut self, target: &MacroString, term: &str, domain: &Domain, depth: usize) -> Result<bool, Stop> {
        let missing = || Stop::Perm(PermError::NoTarget { term: gatepost_syntax::escape(term) });
        let Some(name) = self.expand(target, domain, depth).await? else {
            return Ok(false);
        };
        let target = name.to_domain().ok_or_else(missing)?;
        match self.check_host(target, depth + 1).await?.verdict {
            Verdict::Pass => Ok(true),
            Verdict::None => Err(missing()),
            _ => Ok(false),
        }
    }

    async fn has_address(&mut self, name: &Name, length: u8, depth: usize) -> Result<bool, Stop> {
        let found = self.addresses(name, Family::of(self.query.ip), depth + 1).await.map_err(Stop::Temp)?;
        self.count_void(&found)?;
        Ok(found.records.iter().any(|address| in_network(self.query.ip, *address, length)))
    }

    /// RFC 7208 §5.4.
    async fn mx_has_address(&mut self, name: &Name, length: u8, depth: usize) -> Result<bool, Stop> {
        let found =
            self.ask(name, RecordType::Mx, depth + 1, |dns, name| Box::pin(dns.mx(name))).await.map_err(Stop::Temp)?;
        self.count_void(&found)?;
        // RFC 7208 §4.6.4: more than 10 names of one mx are a permerror
        if found.records.len() > self.limits.mx_names {
            return Err(Stop::Perm(PermError::MxNames { limit: self.limits.mx_names }));
        }
        for mx in &found.records {
            if !mx.exchange.is_root() && self.has_address(&mx.exchange, length, depth).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The target name of a mechanism: its domain-spec, or the current domain. `None`: it can not match.
    async fn target(
        &mut self,
        spec: Option<&MacroString>,
        domain: &Domain,
        depth: usize,
    ) -> Result<Option<Name>, Stop> {
        match spec {
            None => Ok(Some(Name::from(domain))),
            Some(spec) => self.expand(spec, domain, depth).await,
        }
    }

    /// Expands a domain-spec. `None` if it becomes no name, or if it needs a local part that is not ASCII (RFC 8616 §4).
    async fn expand(&mut self, spec: &MacroString, domain: &Domain, depth: usize) -> Result<Option<Name>, Stop> {
        if spec.uses("sl") && !self.query.local.is_ascii() {
            return Ok(None);
        }
        let validated = if spec.uses("p") {
            self.count_term()?;
            self.validated(domain, depth + 1).await
        } else {
            String::new()
        };
        let text = spec.expand(&self.values(domain, &validated));
        Ok(shortened(&text).and_then(|text| Name::parse(text).ok()).filter(|name| !name.is_root()))
    }

    fn values<'v>(&'v self, domain: &'v Domain, validated: &'v str) -> Values<'v> {
        Values { query: self.query, sender_domain: &self.sender_domain, domain, validated }
    }

    /// The explanation (RFC 7208 §6.2); anything wrong with it leaves it out.
    async fn explain(&mut self, exp: &MacroString, domain: &Domain) -> Option<String> {
        let name = self.expand(exp, domain, 0).await.ok()??;
        let found = self.ask(&name, RecordType::Txt, 0, |dns, name| Box::pin(dns.txt(name))).await.ok()?;
        let [txt] = found.records.as_slice() else {
            return None;
        };
        let text = explanation::parse(txt.as_bytes()).ok()?;
        let validated = if text.uses("p") { self.validated(domain, 0).await } else { String::new() };
        Some(explanation::make_safe(&text.expand(&self.values(domain, &validated)), self.limits))
    }

    fn note_term(
        &mut self,
        term: &str,
        span: std::ops::Range<usize>,
        matched: bool,
        section: &'static str,
        depth: usize,
    ) {
        self.trail.push(Step::Term { depth, term: term.to_owned(), span, matched, cite: Cite::new(7208, section) });
    }

    /// RFC 7208 §4.6.4: at most 10 over all records.
    fn count_term(&mut self) -> Result<(), Stop> {
        if self.terms >= self.limits.terms {
            return Err(Stop::Perm(PermError::Terms { limit: self.limits.terms }));
        }
        self.terms += 1;
        Ok(())
    }

    /// RFC 7208 §4.6.4: at most 2 look-ups of terms may find nothing.
    fn count_void<T>(&mut self, found: &Rrset<T>) -> Result<(), Stop> {
        if !found.records.is_empty() {
            return Ok(());
        }
        self.voids += 1;
        if self.voids > self.limits.voids {
            return Err(Stop::Perm(PermError::Voids { limit: self.limits.voids }));
        }
        Ok(())
    }
}

pub(crate) fn is_or_below(name: &Name, above: &Name) -> bool {
    name.as_str().strip_suffix(above.as_str()).is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

/// RFC 7208 §7.3: a name of more than 253 octets loses labels on the left until it fits.
fn shortened(text: &str) -> Option<&str> {
    let mut text = text.strip_suffix('.').unwrap_or(text);
    while text.len() > 253 {
        text = text.split_once('.')?.1;
    }
    Some(text)
}

fn section(mechanism: &Mechanism) -> &'static str {
    match mechanism {
        Mechanism::All => "5.1",
        Mechanism::Include(_) => "5.2",
        Mechanism::A(..) => "5.3",
        Mechanism::Mx(..) => "5.4",
        Mechanism::Ptr(_) => "5.5",
        Mechanism::Ip(..) => "5.6",
        Mechanism::Exists(_) => "5.7",
    }
}
