//! What an evaluation did, in order, and how it is told.

use std::iter::{Enumerate, Peekable};
use std::ops::Range;
use std::slice::Iter;
use std::sync::Arc;

use gatepost_dns::{Answer, Found, LookupError, Name, Question, Txt};
use gatepost_results::{Cite, Excerpt, Outline, Phrase, Text};
use gatepost_syntax::escape;

use crate::record::{Mechanism, Record, read, spf_text};

/// The steps of an evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    steps: Vec<Step>,
}

/// One step; `depth` counts the includes and redirects around it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A question was asked. [`Trail::record`] shows the record that the answer holds.
    Asked {
        /// Nesting.
        depth: usize,
        /// What.
        question: Question,
        /// What came.
        answer: Result<Answer, LookupError>,
    },
    /// Terms were tried; [`Trail::tried`] shows them.
    Terms {
        /// Nesting.
        depth: usize,
        /// The index of the step that found their record.
        record: usize,
        /// Which terms of the record.
        place: Place,
        /// Whether the last of them matched.
        matched: bool,
    },
}

/// Which terms of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The directives with these indices: networks that the client is not in, and the one behind them.
    Directives(Range<usize>),
    /// `redirect=`
    Redirect,
}

/// A term that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried<'a> {
    /// As written.
    pub text: &'a str,
    /// The record that it stands in.
    pub record: &'a str,
    /// Where it stands in its record, in octets.
    pub span: Range<usize>,
    /// Whether it matched.
    pub matched: bool,
    /// The rule behind it.
    pub cite: Cite,
}

impl Trail {
    pub(crate) fn new() -> Self {
        Trail { steps: Vec::with_capacity(STEPS) }
    }

    /// The steps in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The SPF record that a step found.
    pub fn record(&self, step: usize) -> Option<Arc<Record>> {
        read(self.text(step)?).ok()
    }

    /// The text of that record.
    fn text(&self, step: usize) -> Option<&Txt> {
        match self.steps.get(step)? {
            Step::Asked { answer: Ok(answer), .. } => spf_text(answer).ok()?,
            _ => None,
        }
    }

    /// The octets of the record that was found for a domain.
    pub(crate) fn record_of(&self, domain: &Name) -> Option<&[u8]> {
        let step = self.steps.iter().position(|step| {
            matches!(step, Step::Asked { question, answer: Ok(answer), .. }
                if question.name == *domain && spf_text(answer).is_ok_and(|text| text.is_some()))
        });
        self.text(step?).map(Txt::as_bytes)
    }

    /// Whose record a step found.
    pub(crate) fn domain(&self, step: usize) -> Option<&Name> {
        match self.steps.get(step)? {
            Step::Asked { question, .. } => Some(&question.name),
            Step::Terms { .. } => None,
        }
    }

    /// The terms of a step; none for a step of another kind.
    pub fn tried(&self, step: &Step) -> Vec<Tried<'_>> {
        let Step::Terms { record: found, place, matched, .. } = step else {
            return Vec::new();
        };
        let (Some(record), Some(text)) = (self.record(*found), self.text(*found).and_then(Txt::as_str)) else {
            return Vec::new();
        };
        let (directives, redirect) = match place {
            Place::Directives(range) => (record.directives.get(range.clone()).unwrap_or_default(), None),
            Place::Redirect => (Default::default(), record.redirect.as_ref()),
        };
        let directives = directives.iter().map(|directive| (&directive.span, section(&directive.mechanism)));
        let terms = directives.chain(redirect.map(|(_, span)| (span, "6.1")));
        let mut tried: Vec<Tried<'_>> = terms
            .map(|(span, section)| Tried {
                text: text.get(span.clone()).unwrap_or_default(),
                record: text,
                span: span.clone(),
                matched: false,
                cite: Cite::new(7208, section),
            })
            .collect();
        tried.last_mut().into_iter().for_each(|last| last.matched = *matched);
        tried
    }

    /// The directive that was tried last: the innermost one of those that decided, if any did.
    pub(crate) fn last_mechanism(&self) -> Option<Mechanism> {
        let last = |step: &Step| match step {
            Step::Terms { record, place: Place::Directives(range), matched: true, .. } => Some((*record, range.end)),
            _ => None,
        };
        let (record, end) = self.steps.iter().rev().find(|step| matches!(step, Step::Terms { .. })).and_then(last)?;
        let record = self.record(record)?;
        record.directives.get(end.checked_sub(1)?).map(|directive| directive.mechanism.clone())
    }

    /// Notes a question.
    #[inline]
    pub(crate) fn asked(&mut self, depth: usize, question: Question, answer: Result<Answer, LookupError>) {
        self.push(|| Step::Asked { depth, question, answer });
    }

    /// Notes terms whose turn it is; returns the index of the step.
    #[inline]
    pub(crate) fn terms(&mut self, depth: usize, record: usize, place: Place) -> usize {
        self.push(|| Step::Terms { depth, record, place, matched: false })
    }

    pub(crate) fn matched(&mut self, step: usize) {
        if let Some(Step::Terms { matched, .. }) = self.steps.get_mut(step) {
            *matched = true;
        }
    }

    #[inline] // a step is made where it is kept: copies of its size are what an evaluation would wait for
    fn push(&mut self, step: impl FnOnce() -> Step) -> usize {
        if self.steps.len() == self.steps.capacity() {
            self.steps.reserve_exact(3 * STEPS);
        }
        self.steps.extend(std::iter::once_with(step));
        self.steps.len() - 1
    }

    /// Deeper steps become children of the step before them. An evaluation that `failed` did so within its last terms.
    pub(crate) fn outline(&self, failed: bool) -> Vec<Outline> {
        self.nested(&mut self.steps.iter().enumerate().peekable(), 0, failed)
    }

    fn nested(&self, steps: &mut Peekable<Enumerate<Iter<'_, Step>>>, depth: usize, failed: bool) -> Vec<Outline> {
        let mut lines: Vec<Outline> = Vec::new();
        while let Some((index, step)) = steps.peek() {
            if step.depth() < depth {
                break;
            }
            if step.depth() > depth {
                let children = self.nested(steps, depth + 1, failed);
                match lines.pop() {
                    Some(last) => lines.push(last.children(children)),
                    None => lines.extend(children),
                }
                continue;
            }
            self.lines(*index, step, failed, &mut lines);
            steps.next();
        }
        lines
    }

    fn lines(&self, index: usize, step: &Step, failed: bool, lines: &mut Vec<Outline>) {
        match step {
            Step::Asked { question, answer, .. } => {
                lines.push(answered(&question.to_string(), answer));
                if let Some(text) = self.text(index) {
                    let record = Phrase::SpfRecord.with([question.name.as_str(), &shown(text)]);
                    lines.push(Outline::from(record).cite(7208, "4.5"));
                }
            }
            Step::Terms { depth, .. } => {
                let mut later = self.steps.iter().skip(index + 1);
                let undecided = failed && later.all(|step| step.depth() > *depth);
                let tried = self.tried(step);
                let last = tried.len();
                lines.extend(tried.into_iter().zip(1..).map(|(Tried { text, record, span, matched, cite }, number)| {
                    let (phrase, decides) = match matched {
                        true => (Phrase::TermMatches, true),
                        false if undecided && number == last => (Phrase::TermUndecided, true),
                        false => (Phrase::TermDoesNotMatch, false),
                    };
                    let line = Outline::from(phrase.with([text])).cite(cite.rfc, cite.section);
                    line.excerpt(decides.then(|| Excerpt::new(record, span)))
                }))
            }
        }
    }
}

fn answered(question: &str, answer: &Result<Answer, LookupError>) -> Outline {
    let text = match answer {
        Err(error) => Phrase::AnswerFailed.of([Text::fact(question), Text::reason(error)]),
        Ok(answer) => match &answer.found {
            Found::Records(records) => Phrase::AnswerRecords.with([question, &records.len().to_string()]),
            Found::NoData => Phrase::AnswerNoData.with([question]),
            Found::NxDomain => Phrase::AnswerNoName.with([question]),
        },
    };
    text.into()
}

/// A record for readers: of a bomb the front is enough.
fn shown(text: &Txt) -> String {
    match text.as_bytes().get(..SHOWN) {
        Some(front) => escape(front) + "...",
        None => escape(text.as_bytes()),
    }
}

/// How many octets of a record an explanation shows.
const SHOWN: usize = 2000;

/// Room for the steps of a simple evaluation, so that they take one allocation; those of a nested one take two.
const STEPS: usize = 8;

impl Step {
    fn depth(&self) -> usize {
        match self {
            Step::Asked { depth, .. } | Step::Terms { depth, .. } => *depth,
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
