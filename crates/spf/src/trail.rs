//! What an evaluation did, in order, and how it is told.

use std::iter::Peekable;
use std::ops::Range;
use std::slice::Iter;
use std::sync::Arc;

use gatepost_dns::{Answer, LookupError, Question};
use gatepost_results::{Cite, Outline};
use gatepost_syntax::{Domain, escape};

use crate::evaluation::Level;
use crate::record::{Mechanism, Record};

/// The steps of an evaluation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    steps: Vec<Step>,
}

/// One step; `depth` counts the includes and redirects around it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A question was asked.
    Asked {
        /// Nesting.
        depth: usize,
        /// What.
        question: Question,
        /// What came.
        answer: Result<Answer, LookupError>,
    },
    /// A record was found.
    Record {
        /// Nesting.
        depth: usize,
        /// Whose record.
        domain: Domain,
        /// The record.
        record: Arc<Record>,
    },
    /// Terms were tried; [`Trail::tried`] shows them.
    Terms {
        /// Nesting.
        depth: usize,
        /// The index of the step that holds its record.
        record: usize,
        /// Which terms of the record.
        place: Place,
        /// Whether it matched.
        matched: bool,
    },
}

/// Which terms of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The directives with these indices: one, or several that asked nothing and did not match.
    Directives(Range<usize>),
    /// `redirect=`
    Redirect,
}

/// A term that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried<'a> {
    /// As written.
    pub text: &'a str,
    /// Where it stands in its record, in octets.
    pub span: Range<usize>,
    /// Whether it matched.
    pub matched: bool,
    /// The rule behind it.
    pub cite: Cite,
}

impl Trail {
    /// The steps in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The terms of a step; none for a step of another kind.
    pub fn tried<'t>(&'t self, step: &'t Step) -> impl Iterator<Item = Tried<'t>> {
        let terms = match step {
            Step::Terms { record, place, matched, .. } => match self.steps.get(*record) {
                Some(Step::Record { record, .. }) => Some((record, place, *matched)),
                _ => None,
            },
            _ => None,
        };
        terms.into_iter().flat_map(|(record, place, matched)| {
            places(record, place).map(move |(span, section)| Tried {
                text: record.term(span),
                span: span.clone(),
                matched,
                cite: Cite::new(7208, section),
            })
        })
    }

    pub(crate) fn asked(&mut self, depth: usize, question: Question, answer: Result<Answer, LookupError>) {
        self.push(Step::Asked { depth, question, answer });
    }

    /// The record that the terms to come are of; returns the index of the step.
    pub(crate) fn begin_record(&mut self, level: Level<'_>, record: &Arc<Record>) -> usize {
        self.push(Step::Record { depth: level.depth, domain: level.domain.clone(), record: Arc::clone(record) })
    }

    /// Terms whose turn it is; returns the index of the step.
    pub(crate) fn begin_terms(&mut self, depth: usize, record: usize, place: Place) -> usize {
        self.push(Step::Terms { depth, record, place, matched: false })
    }

    pub(crate) fn matched(&mut self, step: usize) {
        if let Some(Step::Terms { matched, .. }) = self.steps.get_mut(step) {
            *matched = true;
        }
    }

    fn push(&mut self, step: Step) -> usize {
        if self.steps.capacity() == 0 {
            self.steps.reserve_exact(STEPS);
        }
        self.steps.push(step);
        self.steps.len() - 1
    }

    /// Deeper steps become children of the step before them.
    pub(crate) fn outline(&self) -> Vec<Outline> {
        self.nested(&mut self.steps.iter().peekable(), 0)
    }

    fn nested(&self, steps: &mut Peekable<Iter<'_, Step>>, depth: usize) -> Vec<Outline> {
        let mut lines: Vec<Outline> = Vec::new();
        while let Some(step) = steps.peek() {
            if step.depth() < depth {
                break;
            }
            if step.depth() > depth {
                let children = self.nested(steps, depth + 1);
                match lines.last_mut() {
                    Some(last) => last.children.extend(children),
                    None => lines.extend(children),
                }
                continue;
            }
            self.lines(step, &mut lines);
            steps.next();
        }
        lines
    }

    fn lines(&self, step: &Step, lines: &mut Vec<Outline>) {
        match step {
            Step::Record { domain, record, .. } => {
                lines.push(Outline::new(format!("{domain}: \"{}\"", escape(record.as_str()))).cite(7208, "4.5"));
            }
            Step::Asked { question, answer: Ok(answer), .. } => {
                lines.push(Outline::new(format!("{question} → {answer}")));
            }
            Step::Asked { question, answer: Err(error), .. } => {
                lines.push(Outline::new(format!("{question} → {error}")));
            }
            Step::Terms { .. } => lines.extend(self.tried(step).map(|Tried { text, span, matched, cite }| {
                let matched = if matched { "matches" } else { "does not match" };
                let line = format!("{} (octets {}-{}) {matched}", escape(text), span.start, span.end);
                Outline { cite: Some(cite), ..Outline::new(line) }
            })),
        }
    }
}

/// Room for the steps of a simple evaluation, so that they take one allocation.
const STEPS: usize = 8;

impl Step {
    fn depth(&self) -> usize {
        match self {
            Step::Record { depth, .. } | Step::Asked { depth, .. } | Step::Terms { depth, .. } => *depth,
        }
    }
}

/// Where the terms of a place stand in their record, each with the section of its rule.
fn places<'r>(record: &'r Record, place: &Place) -> impl Iterator<Item = (&'r Range<usize>, &'static str)> {
    let (directives, redirect) = match place {
        Place::Directives(range) => (record.directives.get(range.clone()).unwrap_or_default(), None),
        Place::Redirect => (Default::default(), record.redirect.as_ref()),
    };
    let directives = directives.iter().map(|directive| (&directive.span, section(&directive.mechanism)));
    directives.chain(redirect.map(|(_, span)| (span, "6.1")))
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
