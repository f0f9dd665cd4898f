//! `check_host` (RFC 7208 §4): one record after the other, under one budget.

use std::sync::Arc;

use gatepost_dns::{Answer, Name, Question, RecordType, Resolver};
use gatepost_syntax::Domain;

use crate::ahead::Ahead;
use crate::explanation;
use crate::lookups::Asked;
use crate::macros::{MacroString, Values};
use crate::outcome::{PermError, TempError, Verdict, Via};
use crate::query::{Limits, Query};
use crate::record::{Directive, Mechanism, Qualifier, Record, read, spf_text};
use crate::trail::{Place, Trail};

/// What a record says.
pub(crate) struct Found {
    pub(crate) verdict: Verdict,
    pub(crate) decided: Decided,
    /// The step that found the record whose `exp=` is to be used.
    pub(crate) explain: Option<usize>,
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
    /// The last term of this step of the trail.
    Term(usize),
}

/// What ends the whole evaluation at once.
pub(crate) enum Stop {
    /// There is no record, or no domain to check.
    Nothing,
    Temp(TempError),
    Perm(PermError),
}

impl Stop {
    pub(crate) fn verdict(self) -> Verdict {
        match self {
            Stop::Nothing => Verdict::None,
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
    pub(crate) voids: u32,
    pub(crate) trail: Trail,
    /// Whether a macro brought in what differs between identities of one domain (RFC 7208 §7.3).
    pub(crate) uses_sender: bool,
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

/// A domain whose record is wanted.
struct Goal {
    name: Name,
    /// What led there from another record.
    via: Option<Via>,
    depth: usize,
}

/// A record whose terms are tried.
pub(crate) struct Frame {
    pub(crate) record: Arc<Record>,
    /// The step of the trail that found it.
    pub(crate) found: usize,
    /// How many includes and redirects led there.
    pub(crate) depth: usize,
    /// How many directives had their turn.
    next: usize,
    /// The step of the last of them.
    step: usize,
}

impl Frame {
    /// The directive whose turn it is.
    fn directive(&self) -> Option<&Directive> {
        self.record.directives.get(self.next.checked_sub(1)?)
    }
}

impl<'a> Evaluation<'a> {
    pub(crate) fn new(
        dns: &'a dyn Resolver,
        query: &'a Query<'a>,
        limits: &'a Limits,
        domain: Option<&'a Domain>,
    ) -> Self {
        let ahead = (limits.ahead > 0).then(|| Ahead::new(dns, limits.ahead));
        let sender_domain = domain.map(Domain::as_str).unwrap_or_default();
        let trail = Trail::new();
        Evaluation { dns, query, limits, terms: 0, voids: 0, trail, uses_sender: false, ahead, sender_domain }
    }

    pub(crate) fn spent(self) -> Spent {
        Spent { terms: self.terms, voids: self.voids, uses_sender: self.uses_sender, trail: self.trail }
    }

    /// The stack of includes is a list: as deep as the term limit allows, whatever the thread's stack holds.
    pub(crate) async fn check_host(&mut self, domain: &Domain) -> Result<Found, Stop> {
        let mut goal = Goal { name: Name::from(domain), via: None, depth: 0 };
        let mut around: Vec<Frame> = Vec::new();
        loop {
            let question = Question::new(goal.name, RecordType::Txt);
            let answer = self.lookup(&question).await;
            let mut frame = self.enter(question, answer, goal.via, goal.depth)?;
            goal = loop {
                self.advance(&mut frame);
                let mut found = match frame.directive().map(|directive| (&directive.mechanism, directive.span.start)) {
                    Some((Mechanism::All | Mechanism::Ip(..), _)) => self.matched(&frame),
                    Some((Mechanism::Include(spec), at)) => {
                        self.count_term()?;
                        let name = match spec.domain() {
                            Some(name) => name.clone(),
                            None if spec.is_withheld(self.query) => continue,
                            None => self.destination(spec, at, Via::Include, &frame).await?,
                        };
                        let depth = frame.depth + 1;
                        around.push(frame);
                        break Goal { name, via: Some(Via::Include), depth };
                    }
                    Some((asking, _)) if self.asking_matches(asking, &frame).await? => self.matched(&frame),
                    Some(_) => continue,
                    None => match self.redirect(&frame).await? {
                        Some(name) => break Goal { name, via: Some(Via::Redirect), depth: frame.depth + 1 },
                        // RFC 7208 §4.7
                        None => Found { verdict: Verdict::Neutral, decided: Decided::Default, explain: None },
                    },
                };
                // RFC 7208 §5.2: a pass of an included record is a match of the include; with anything else the search goes on
                loop {
                    let Some(outer) = around.pop() else {
                        return Ok(found);
                    };
                    frame = outer;
                    if found.verdict != Verdict::Pass {
                        break;
                    }
                    found = self.matched(&frame);
                }
            };
        }
    }

    /// The one SPF record of a domain.
    fn enter(&mut self, question: Question, answer: Asked, via: Option<Via>, depth: usize) -> Result<Frame, Stop> {
        let (found, longest) = (self.trail.steps().len(), self.limits.record_bytes);
        let record = self.note(question, answer, depth, |question, answer| {
            record_of(&question.name, answer, longest).map_err(Stop::Perm)?.ok_or_else(|| match via {
                None => Stop::Nothing,
                // RFC 7208 §5.2, §6.1: the target of a term must have one
                Some(via) => Stop::Perm(PermError::NoRecord { name: question.name.clone(), via }),
            })
        });
        let frame = Frame { record: record.map_err(Stop::Temp)??, found, depth, next: 0, step: found };
        self.look_ahead(&frame);
        Ok(frame)
    }

    /// Goes on to the next directive that matches or asks DNS; beyond the last one if there is none.
    fn advance(&mut self, frame: &mut Frame) {
        let (begin, all) = (frame.next, frame.record.directives.len());
        // networks that do not match need no step of their own
        frame.next = begin + frame.record.networks.missed(&self.query.ip, begin) + 1;
        let end = frame.next.min(all);
        if begin < end {
            frame.step = self.trail.terms(frame.depth, frame.found, Place::Directives(begin..end));
        }
    }

    /// The domain whose record stands for this one, if no term matched (RFC 7208 §6.1).
    async fn redirect(&mut self, frame: &Frame) -> Result<Option<Name>, Stop> {
        let Some((target, span)) = frame.record.effective_redirect() else {
            return Ok(None);
        };
        let step = self.trail.terms(frame.depth, frame.found, Place::Redirect);
        self.trail.matched(step);
        self.count_term()?;
        self.destination(target, span.start, Via::Redirect, frame).await.map(Some)
    }

    /// The last term of the frame's step matches.
    fn matched(&mut self, frame: &Frame) -> Found {
        self.trail.matched(frame.step);
        Found {
            verdict: frame.directive().map_or(Verdict::Neutral, |directive| verdict_of(directive.qualifier)),
            decided: Decided::Term(frame.step),
            explain: frame.record.exp.is_some().then_some(frame.found),
        }
    }

    /// The domain whose record a term leads to. One that is malformed, or a single label, has none (RFC 7208 §4.3).
    async fn destination(&mut self, spec: &MacroString, at: usize, via: Via, frame: &Frame) -> Result<Name, Stop> {
        let name =
            self.expand(spec, frame.found, frame.depth).await?.ok_or(Stop::Perm(PermError::NoName { at, via }))?;
        match name.to_domain().is_some_and(|domain| domain.label_count() > 1) {
            true => Ok(name),
            false => Err(Stop::Perm(PermError::NoRecord { name, via })),
        }
    }

    /// The name that a domain-spec of the record that a step found becomes, if it becomes one.
    pub(crate) async fn expand(
        &mut self,
        spec: &MacroString,
        found: usize,
        depth: usize,
    ) -> Result<Option<Name>, Stop> {
        if let Some(name) = spec.fixed() {
            return Ok(Some(name.clone()));
        }
        self.uses_sender |= spec.uses("sloh");
        let validated = match spec.uses("p") {
            true => {
                self.count_term()?;
                self.validated(found, depth + 1).await?
            }
            false => None,
        };
        Ok(spec.expand_to_name(&self.values(found, validated.as_ref())))
    }

    /// What macros stand for in the record that a step found.
    pub(crate) fn values<'v>(&'v self, found: usize, validated: Option<&'v Name>) -> Values<'v> {
        let domain = self.trail.domain(found).map_or("", Name::as_str);
        let validated = validated.map_or("unknown", Name::as_str); // RFC 7208 §7.3
        Values { query: self.query, sender_domain: self.sender_domain, domain, validated }
    }

    /// The explanation of the record that a step found (RFC 7208 §6.2); anything wrong with it leaves it out.
    pub(crate) async fn explain(&mut self, found: usize) -> Option<String> {
        let record = self.trail.record(found)?;
        let name = self.expand(record.exp.as_ref()?, found, 0).await.ok()??;
        let text = self.ask(name, RecordType::Txt, 0, |_, answer| explanation::of_answer(answer)).await.ok()??;
        self.uses_sender |= text.uses("sloh");
        // the limits are for terms, which have spoken
        let validated = if text.uses("p") { self.validated(found, 0).await.unwrap_or(None) } else { None };
        Some(explanation::of_text(&text, &self.values(found, validated.as_ref()), self.limits))
    }

    /// RFC 7208 §4.6.4: at most 10 over all records.
    pub(crate) fn count_term(&mut self) -> Result<(), Stop> {
        if self.terms >= self.limits.terms {
            return Err(Stop::Perm(PermError::Terms { limit: self.limits.terms }));
        }
        self.terms += 1;
        Ok(())
    }
}

/// The one SPF record in an answer (RFC 7208 §4.5, §4.6).
fn record_of(domain: &Name, answer: &Answer, longest: usize) -> Result<Option<Arc<Record>>, PermError> {
    let domain = || domain.clone();
    let Some(text) = spf_text(answer).map_err(|count| PermError::Several { domain: domain(), count })? else {
        return Ok(None);
    };
    if text.as_bytes().len() > longest {
        return Err(PermError::Long(domain()));
    }
    // RFC 7208 §4.6: an error anywhere makes it no record
    read(text).map(Some).map_err(|error| PermError::Record { domain: domain(), error })
}

fn verdict_of(qualifier: Qualifier) -> Verdict {
    match qualifier {
        Qualifier::Pass => Verdict::Pass,
        Qualifier::Fail => Verdict::Fail,
        Qualifier::SoftFail => Verdict::SoftFail,
        Qualifier::Neutral => Verdict::Neutral,
    }
}
