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
    /// A term was tried; [`Trail::term`] shows it.
    Term {
        /// Nesting.
        depth: usize,
        /// The index of the step that holds its record.
        record: usize,
        /// Which term of the record.
        place: Place,
        /// Whether it matched.
        matched: bool,
    },
}

/// Which term of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The directive with this index.
    Directive(usize),
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

    /// The term of a step; `None` for a step of another kind.
    pub fn term(&self, step: &Step) -> Option<Tried<'_>> {
        let Step::Term { record, place, matched, .. } = step else {
            return None;
        };
        let Step::Record { record, .. } = self.steps.get(*record)? else {
            return None;
        };
        let (span, section) = match place {
            Place::Directive(index) => {
                let directive = record.directives.get(*index)?;
                (directive.span.clone(), section(&directive.mechanism))
            }
            Place::Redirect => (record.redirect.as_ref()?.1.clone(), "6.1"),
        };
        Some(Tried { text: record.term(&span), span, matched: *matched, cite: Cite::new(7208, section) })
    }

    pub(crate) fn asked(&mut self, depth: usize, question: Question, answer: Result<Answer, LookupError>) {
        self.push(Step::Asked { depth, question, answer });
    }

    /// The record that the terms to come are of; returns the index of the step.
    pub(crate) fn begin_record(&mut self, level: Level<'_>, record: &Arc<Record>) -> usize {
        self.push(Step::Record { depth: level.depth, domain: level.domain.clone(), record: Arc::clone(record) })
    }

    /// A term whose turn it is; returns the index of the step.
    pub(crate) fn begin_term(&mut self, depth: usize, record: usize, place: Place) -> usize {
        self.push(Step::Term { depth, record, place, matched: false })
    }

    pub(crate) fn matched(&mut self, step: usize) {
        if let Some(Step::Term { matched, .. }) = self.steps.get_mut(step) {
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
            lines.push(self.line(step));
            steps.next();
        }
        lines
    }

    fn line(&self, step: &Step) -> Outline {
        match (step, self.term(step)) {
            (_, Some(Tried { text, span, matched, cite })) => {
                let matched = if matched { "matches" } else { "does not match" };
                let line = format!("{} (octets {}-{}) {matched}", escape(text), span.start, span.end);
                Outline { cite: Some(cite), ..Outline::new(line) }
            }
            (Step::Record { domain, record, .. }, _) => {
                Outline::new(format!("{domain}: \"{}\"", escape(record.as_str()))).cite(7208, "4.5")
            }
            (Step::Asked { question, answer: Ok(answer), .. }, _) => Outline::new(format!("{question} → {answer}")),
            (Step::Asked { question, answer: Err(error), .. }, _) => Outline::new(format!("{question} → {error}")),
            (Step::Term { .. }, None) => Outline::new("a term"),
        }
    }
}

/// Room for the steps of a simple evaluation, so that they take one allocation.
const STEPS: usize = 8;

impl Step {
    fn depth(&self) -> usize {
        match self {
            Step::Record { depth, .. } | Step::Asked { depth, .. } | Step::Term { depth, .. } => *depth,
        }
    }
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
