//! Advice on a record together with those that it includes and redirects to.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::ops::Range;

use gatepost_dns::{Answer, LookupError, Name, Question, RecordType, Resolver};

use super::rule::Rule;
use super::{Lint, advise};
use crate::query::Limits;
use crate::record::{Directive, Mechanism, Qualifier, Record, RecordError, spf_text};

/// A record and all that it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// The record itself, then each record that it leads to, once.
    pub pages: Vec<Page>,
    /// The terms that cause look-ups when none matches before the end: an evaluation may have [`Limits::terms`].
    pub lookups: u64,
    /// Look-ups of terms that found nothing.
    pub voids: usize,
    /// How many IPv4 addresses `ip4` terms let pass.
    pub ip4_addresses: u64,
    /// Whether all was followed: there is no more than 10 × [`Limits::terms`] records, or asking terms of one.
    pub complete: bool,
}

/// One record of a [`Survey`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Where it stands.
    pub domain: Name,
    /// As published.
    pub text: String,
    /// Why it is no record, if it is none.
    pub error: Option<RecordError>,
    /// Advice, in the order of its terms.
    pub lints: Vec<Lint>,
    record: Option<Record>,
    /// The pages that its terms lead to.
    links: Vec<Link>,
}

/// A term that leads to another page.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Link {
    page: usize,
    span: Range<usize>,
    /// Whether a pass there is a pass here.
    passes: bool,
}

/// A record that costs more than an evaluation may take is followed, too, so that its author sees all of it: this far, in
/// multiples of [`Limits::terms`].
const TIMES: usize = 10;

/// Advice on a record at a domain, and on what it leads to. Names with macros in them are not followed.
///
/// Asks two questions a term at most, of no more than 10 × [`Limits::terms`] records with as many asking terms each.
///
/// ```
/// use gatepost_dns::{Name, Zone, block_on};
/// use gatepost_spf::{Limits, lint::survey};
/// let zone = Zone::parse(r#"a.example TXT "v=spf1 include:b.example -all"
/// b.example TXT "v=spf1 +all""#).unwrap();
/// let name = Name::parse("a.example").unwrap();
/// let found = block_on(survey(&zone, &name, "v=spf1 include:b.example -all", &Limits::default()));
/// assert_eq!(found.lookups, 1);
/// assert!(found.pages[0].lints[0].rule.to_string().contains("everybody"));
/// ```
pub async fn survey(dns: &dyn Resolver, domain: &Name, text: &str, limits: &Limits) -> Survey {
    let mut surveyor = Surveyor { dns, limits, pages: vec![Page::new(domain, text)], voids: 0, complete: true };
    let mut next = 0;
    while next < surveyor.pages.len() {
        surveyor.follow(next).await;
        next += 1;
    }
    surveyor.finish()
}

struct Surveyor<'a> {
    dns: &'a dyn Resolver,
    limits: &'a Limits,
    pages: Vec<Page>,
    voids: usize,
    complete: bool,
}

impl Page {
    fn new(domain: &Name, text: &str) -> Self {
        let (record, error) = match Record::parse(text) {
            Ok(record) => (Some(record), None),
            Err(error) => (None, Some(error)),
        };
        let lints = record.as_ref().map(advise).unwrap_or_default();
        Page { domain: domain.clone(), text: text.to_owned(), error, lints, record, links: Vec::new() }
    }

    fn say(&mut self, rule: Rule, span: Range<usize>) {
        self.lints.push(Lint { rule, span });
    }
}

impl Surveyor<'_> {
    /// Asks what the terms of a page ask, and adds the pages that they lead to.
    async fn follow(&mut self, index: usize) {
        let Some((domain, record)) =
            self.pages.get(index).and_then(|page| Some((page.domain.clone(), page.record.clone()?)))
        else {
            return;
        };
        let mut terms = record.directives.iter().filter(|directive| directive.mechanism.asks_dns());
        let mut said = Vec::new();
        for Directive { qualifier, mechanism, span } in terms.by_ref().take(self.most()) {
            let Some(name) = mechanism.spec().map_or(Some(&domain), |spec| spec.fixed()) else {
                continue;
            };
            match mechanism {
                Mechanism::Include(_) => self.link(index, name, span, *qualifier == Qualifier::Pass, &mut said).await,
                Mechanism::A(..) => self.check(name, &[RecordType::A, RecordType::Aaaa], span, &mut said).await,
                Mechanism::Mx(..) => self.check(name, &[RecordType::Mx], span, &mut said).await,
                Mechanism::Exists(_) => self.check(name, &[RecordType::A], span, &mut said).await,
                _ => {} // the names of a client that is not known
            }
        }
        self.complete &= terms.next().is_none();
        if let Some((spec, span)) = record.effective_redirect()
            && let Some(name) = spec.fixed()
        {
            self.link(index, name, span, true, &mut said).await;
        }
        if let Some(page) = self.pages.get_mut(index) {
            page.lints.extend(said);
        }
    }

    /// Follows an include or a redirect.
    async fn link(&mut self, from: usize, name: &Name, span: &Range<usize>, passes: bool, said: &mut Vec<Lint>) {
        let mut say = |rule| said.push(Lint { rule, span: span.clone() });
        let known = self.pages.iter().position(|page| page.domain == *name);
        let page = match known {
            Some(page) => page,
            None if self.pages.len() >= self.most() => {
                self.complete = false;
                return;
            }
            None => {
                let answer = match self.ask(name, RecordType::Txt).await {
                    Ok(answer) => answer,
                    Err(error) => return say(Rule::Unanswered { error }),
                };
                match spf_text(&answer) {
                    Ok(Some(text)) => {
                        let mut page = Page::new(name, &String::from_utf8_lossy(text.as_bytes()));
                        let octets = answer_octets(name, &answer);
                        if octets > UDP_OCTETS && !page.lints.iter().any(|lint| matches!(lint.rule, Rule::Long { .. }))
                        {
                            page.say(Rule::LongAnswer { octets }, 0..page.text.len());
                        }
                        self.pages.push(page);
                        self.pages.len() - 1
                    }
                    Ok(None) => return say(Rule::NoRecord),
                    Err(count) => return say(Rule::Several { count }),
                }
            }
        };
        if self.pages.get(page).is_some_and(|page| page.error.is_some()) {
            say(Rule::BrokenTarget);
        }
        if let Some(page_from) = self.pages.get_mut(from) {
            page_from.links.push(Link { page, span: span.clone(), passes });
        }
    }

    /// Whether a term's own question finds something.
    async fn check(&mut self, name: &Name, kinds: &[RecordType], span: &Range<usize>, said: &mut Vec<Lint>) {
        let mut say = |rule| said.push(Lint { rule, span: span.clone() });
        let mut records = 0;
        for kind in kinds {
            match self.ask(name, *kind).await {
                Ok(answer) => records += answer.records().len(),
                Err(error) => return say(Rule::Unanswered { error }),
            }
        }
        if records == 0 {
            self.voids += 1;
            say(Rule::Void);
        }
        if kinds.contains(&RecordType::Mx) && records > self.limits.mx_names {
            say(Rule::MailExchangers { count: records });
        }
    }

    /// How many records are followed, and how many terms of each.
    fn most(&self) -> usize {
        usize::try_from(self.limits.terms).unwrap_or(usize::MAX).saturating_mul(TIMES)
    }

    async fn ask(&self, name: &Name, kind: RecordType) -> Result<Answer, LookupError> {
        self.dns.lookup(&Question::new(name.clone(), kind)).await
    }

    /// What only shows when all pages are there.
    fn finish(mut self) -> Survey {
        let lookups = cost(&self.pages, 0, &mut vec![None; self.pages.len()]);
        let pass_all = passing_all(&self.pages);
        let mut said: Vec<(usize, Lint)> = repeated(&self.pages);
        for (index, page) in self.pages.iter().enumerate() {
            for Link { page, span, passes } in &page.links {
                let mut say = |rule| said.push((index, Lint { rule, span: span.clone() }));
                if leads_to(&self.pages, *page, index) {
                    say(Rule::Loop);
                } else if *passes && pass_all.contains(page) {
                    say(Rule::PassesAll);
                }
            }
        }
        let whole = 0..self.pages.first().map_or(0, |page| page.text.len());
        if lookups > u64::from(self.limits.terms) {
            let alone = |lint: &Lint| matches!(lint.rule, Rule::Lookups { .. });
            self.pages.first_mut().into_iter().for_each(|page| page.lints.retain(|lint| !alone(lint)));
            said.push((0, Lint { rule: Rule::AllLookups { count: lookups }, span: whole.clone() }));
        }
        if u32::try_from(self.voids).is_ok_and(|voids| voids > self.limits.voids) {
            said.push((0, Lint { rule: Rule::Voids { count: self.voids }, span: whole }));
        }
        for (index, lint) in said {
            self.pages.get_mut(index).into_iter().for_each(|page| page.lints.push(lint.clone()));
        }
        self.pages.iter_mut().for_each(|page| page.lints.sort_by_key(|lint| (lint.span.start, lint.span.end)));
        let ip4_addresses = ip4_addresses(&self.pages);
        Survey { pages: self.pages, lookups, voids: self.voids, ip4_addresses, complete: self.complete }
    }
}

/// The terms that cause look-ups in a page and in those that it leads to. A loop counts once: it never ends well.
fn cost(pages: &[Page], index: usize, known: &mut [Option<u64>]) -> u64 {
    let (Some(page), Some(cell)) = (pages.get(index), known.get_mut(index)) else {
        return 0;
    };
    if let Some(cost) = cell {
        return *cost;
    }
    *cell = Some(0); // what leads back here adds nothing
    let directives = page.record.iter().flat_map(|record| &record.directives);
    let asking = directives.filter(|directive| directive.mechanism.asks_dns()).count();
    let redirect = page.record.as_ref().is_some_and(|record| record.effective_redirect().is_some());
    let own = u64::try_from(asking).unwrap_or(u64::MAX).saturating_add(redirect.into());
    let all = page.links.iter().fold(own, |sum, link| sum.saturating_add(cost(pages, link.page, known)));
    known.get_mut(index).into_iter().for_each(|cell| *cell = Some(all));
    all
}

/// The pages by which everybody passes.
fn passing_all(pages: &[Page]) -> BTreeSet<usize> {
    let is_all = |directive: &&Directive| directive.mechanism == Mechanism::All;
    let own = |page: &Page| page.record.as_ref()?.directives.iter().find(is_all).map(|all| all.qualifier);
    let with_own = pages.iter().enumerate().filter(|(_, page)| own(page) == Some(Qualifier::Pass));
    let mut passing: BTreeSet<usize> = with_own.map(|(index, _)| index).collect();
    for _ in pages {
        let before = passing.len();
        for (index, page) in pages.iter().enumerate() {
            if page.links.iter().any(|link| link.passes && passing.contains(&link.page)) {
                passing.insert(index);
            }
        }
        if passing.len() == before {
            break;
        }
    }
    passing
}

fn leads_to(pages: &[Page], from: usize, to: usize) -> bool {
    let (mut seen, mut next) = (vec![from], 0);
    while let Some(index) = seen.get(next).copied() {
        if index == to {
            return true;
        }
        for link in pages.get(index).map(|page| page.links.as_slice()).unwrap_or_default() {
            if !seen.contains(&link.page) {
                seen.push(link.page);
            }
        }
        next += 1;
    }
    false
}

/// Networks and includes that a page before has, too.
fn repeated(pages: &[Page]) -> Vec<(usize, Lint)> {
    let mut first: HashMap<&Mechanism, usize> = HashMap::new();
    let mut said = Vec::new();
    for (index, page) in pages.iter().enumerate() {
        for directive in page.record.iter().flat_map(|record| &record.directives) {
            if matches!(directive.mechanism, Mechanism::Ip(..) | Mechanism::Include(_)) {
                let before = *first.entry(&directive.mechanism).or_insert(index);
                if let Some(domain) = pages.get(before).filter(|_| before < index).map(|page| page.domain.clone()) {
                    said.push((index, Lint { rule: Rule::DuplicateOf { domain }, span: directive.span.clone() }));
                }
            }
        }
    }
    said
}

/// How many addresses the `ip4` terms that pass hold together, each counted once.
fn ip4_addresses(pages: &[Page]) -> u64 {
    let directives = pages.iter().flat_map(|page| &page.record).flat_map(|record| &record.directives);
    let mut ranges: Vec<(u64, u64)> = directives
        .filter(|directive| directive.qualifier == Qualifier::Pass)
        .filter_map(|directive| match directive.mechanism {
            Mechanism::Ip(IpAddr::V4(network), length) => {
                let size = 1_u64 << 32_u32.saturating_sub(length.into());
                let begin = u64::from(network.to_bits()) / size * size;
                Some((begin, begin + size))
            }
            _ => None,
        })
        .collect();
    ranges.sort_unstable();
    let count = |(sum, end): (u64, u64), (from, to): (u64, u64)| (sum + to.saturating_sub(from.max(end)), end.max(to));
    ranges.into_iter().fold((0, 0), count).0
}

/// About how many octets an answer takes on the wire: header, question, OPT, and each record with a compressed name.
fn answer_octets(name: &Name, answer: &Answer) -> usize {
    let text = |octets: usize| 12 + octets + octets.div_ceil(255);
    12 + name.as_str().len() + 6 + 11 + answer.texts().map(|txt| text(txt.as_bytes().len())).sum::<usize>()
}

/// What an answer by UDP is sure to hold (RFC 1035 §4.2.1).
const UDP_OCTETS: usize = 512;
