//! What an evaluation found, and why.

use std::ops::Range;

use gatepost_dns::{LookupError, Question};
use gatepost_results::{Cite, Explain, Outline, ResInfo, trace};
use gatepost_syntax::{Domain, escape};
use thiserror::Error;

use crate::query::{Limits, Query};
use crate::record::RecordError;

/// Which identity was checked (RFC 7208 §2.3, §2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The reverse-path, or `postmaster` at the HELO name for the null one.
    MailFrom,
    /// The HELO name.
    Helo,
}

/// The results of RFC 7208 §2.6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No record, or no domain to check.
    None,
    /// The record says nothing of this client.
    Neutral,
    /// The client may use the identity.
    Pass,
    /// It may not.
    Fail,
    /// It probably may not.
    SoftFail,
    /// DNS failed for now.
    TempError(TempError),
    /// The records can not be interpreted.
    PermError(PermError),
}

impl Verdict {
    /// The result as it is written in header fields.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::None => "none",
            Verdict::Neutral => "neutral",
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::SoftFail => "softfail",
            Verdict::TempError(_) => "temperror",
            Verdict::PermError(_) => "permerror",
        }
    }
}

/// A look-up failed for now.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{question}: {error}")]
pub struct TempError {
    /// What was asked.
    pub question: Question,
    /// What happened.
    pub error: LookupError,
}

/// Why records can not be interpreted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PermError {
    /// A syntax error (RFC 7208 §4.6).
    #[error("the record of {domain}: {error}")]
    Record {
        /// Whose record.
        domain: Domain,
        /// What is wrong.
        error: RecordError,
    },
    /// A record that is not ASCII (RFC 7208 §3.1).
    #[error("the record of {0} is not ASCII")]
    NotAscii(Domain),
    /// A record longer than [`Limits::record_bytes`].
    #[error("the record of {0} is too long")]
    Long(Domain),
    /// More than one record (RFC 7208 §4.5).
    #[error("{domain} has {count} SPF records")]
    Several {
        /// Whose records.
        domain: Domain,
        /// How many.
        count: usize,
    },
    /// The target of include or redirect has no record (RFC 7208 §5.2, §6.1).
    #[error("`{term}` leads to no record")]
    NoTarget {
        /// The term, escaped.
        term: String,
    },
    /// More terms that cause look-ups than [`Limits::terms`].
    #[error("more than {limit} terms that cause DNS look-ups")]
    Terms {
        /// The limit.
        limit: u32,
    },
    /// More look-ups without an answer than [`Limits::voids`].
    #[error("more than {limit} void look-ups")]
    Voids {
        /// The limit.
        limit: u32,
    },
    /// More mail exchangers than [`Limits::mx_names`].
    #[error("more than {limit} mail exchangers")]
    MxNames {
        /// The limit.
        limit: usize,
    },
}

impl PermError {
    fn cite(&self) -> Cite {
        Cite::new(
            7208,
            match self {
                PermError::Record { .. } => "4.6",
                PermError::NotAscii(_) | PermError::Long(_) => "3.1",
                PermError::Several { .. } => "4.5",
                PermError::NoTarget { .. } => "5.2",
                PermError::Terms { .. } | PermError::Voids { .. } | PermError::MxNames { .. } => "4.6.4",
            },
        )
    }
}

/// One step of an evaluation; `depth` counts the includes and redirects around it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A record was found.
    Record {
        /// Nesting.
        depth: usize,
        /// Whose record.
        domain: Domain,
        /// The record.
        text: String,
    },
    /// A question was asked.
    Asked {
        /// Nesting.
        depth: usize,
        /// What.
        question: Question,
        /// How many records came, or why none.
        answer: Result<usize, LookupError>,
    },
    /// A term was tried.
    Term {
        /// Nesting.
        depth: usize,
        /// The term as written.
        term: String,
        /// Where it stands in its record, in bytes.
        span: Range<usize>,
        /// Whether it matched.
        matched: bool,
        /// The rule.
        cite: Cite,
    },
}

impl Step {
    fn depth(&self) -> usize {
        match self {
            Step::Record { depth, .. } | Step::Asked { depth, .. } | Step::Term { depth, .. } => *depth,
        }
    }

    fn outline(&self) -> Outline {
        match self {
            Step::Record { domain, text, .. } => {
                Outline::new(format!("{domain}: \"{}\"", escape(text))).cite(7208, "4.5")
            }
            Step::Asked { question, answer: Ok(count), .. } => {
                Outline::new(format!("{question} → {count} record{}", if *count == 1 { "" } else { "s" }))
            }
            Step::Asked { question, answer: Err(error), .. } => Outline::new(format!("{question} → {error}")),
            Step::Term { term, span, matched, cite, .. } => {
                let matched = if *matched { "matches" } else { "does not match" };
                let line = format!("{} (octets {}–{}) {matched}", escape(term), span.start, span.end).replace('–', "-");
                Outline { cite: Some(*cite), ..Outline::new(line) }
            }
        }
    }
}

/// The outcome of one evaluation.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The result.
    pub verdict: Verdict,
    /// Which identity was checked.
    pub scope: Scope,
    /// The domain that was checked; none if there was none to check.
    pub domain: Option<Domain>,
    /// The domain's explanation of a fail: one line of printable ASCII, bounded; still a stranger's words.
    pub explanation: Option<String>,
    /// The mechanism that decided, `default` if none matched.
    pub mechanism: Option<String>,
    /// How many terms caused look-ups.
    pub terms: u32,
    /// How many look-ups found nothing.
    pub voids: u32,
    /// What was done, in order.
    pub trail: Vec<Step>,
    /// The bounds it ran under.
    pub limits: Limits,
}

impl Outcome {
    /// The domain that passed, if one did.
    pub fn passed(&self) -> Option<&Domain> {
        self.domain.as_ref().filter(|_| self.verdict == Verdict::Pass)
    }

    /// The domain whose check failed for now, if it did.
    pub fn undecided(&self) -> Option<&Domain> {
        self.domain.as_ref().filter(|_| matches!(self.verdict, Verdict::TempError(_)))
    }

    /// The entry for Authentication-Results (RFC 7208 §9.2). The local part is not authenticated and not shown
    /// (RFC 8601 §4).
    pub fn res_info(&self) -> ResInfo {
        let property = match self.scope {
            Scope::MailFrom => "mailfrom",
            Scope::Helo => "helo",
        };
        let info = ResInfo::new("spf", self.verdict.word());
        let info = match &self.domain {
            Some(domain) => info.property("smtp", property, domain.as_str()),
            None => info,
        };
        match self.reason() {
            Some(reason) => info.reason(reason),
            None => info,
        }
    }

    /// Why there is an error, if there is one.
    pub fn reason(&self) -> Option<String> {
        match &self.verdict {
            Verdict::TempError(error) => Some(error.to_string()),
            Verdict::PermError(error) => Some(error.to_string()),
            _ => None,
        }
    }

    /// The Received-SPF field with its CRLF (RFC 7208 §9.1).
    pub fn received_spf(&self, query: &Query) -> String {
        let domain = self.domain.as_ref().map_or("the sender", Domain::as_str);
        let ip = query.ip.to_string();
        let comment = match &self.verdict {
            Verdict::Pass => format!("{}: domain of {domain} designates {ip} as permitted sender", query.receiver),
            Verdict::Fail => {
                format!("{}: domain of {domain} does not designate {ip} as permitted sender", query.receiver)
            }
            verdict => format!("{}: {} for {domain} and {ip}", query.receiver, verdict.word()),
        };
        let envelope_from = format!("{}@{}", query.local, query.sender_domain);
        let mut pairs = vec![("receiver", query.receiver.as_str()), ("client-ip", &ip), ("helo", &query.helo)];
        if self.scope == Scope::MailFrom {
            pairs.push(("envelope-from", &envelope_from));
        }
        pairs.push(("identity", if self.scope == Scope::MailFrom { "mailfrom" } else { "helo" }));
        let problem = self.reason();
        pairs.extend(problem.as_deref().map(|problem| ("problem", problem)));
        pairs.extend(self.mechanism.as_deref().map(|mechanism| ("mechanism", mechanism)));
        trace::received_spf(self.verdict.word(), &comment, &pairs)
    }
}

impl Explain for Outcome {
    fn explain(&self) -> Outline {
        let scope = if self.scope == Scope::MailFrom { "smtp.mailfrom" } else { "smtp.helo" };
        let domain = self.domain.as_ref().map_or("(no domain to check)", Domain::as_str);
        let root = Outline::new(format!("spf={} {scope}={domain}", self.verdict.word()));
        let mut steps = self.trail.iter().peekable();
        let mut children = nested(&mut steps, 0);
        children.push(match &self.verdict {
            Verdict::PermError(error) => Outline { cite: Some(error.cite()), ..Outline::new(error.to_string()) },
            Verdict::TempError(error) => Outline::new(error.to_string()).cite(7208, "4.4"),
            Verdict::None => Outline::new("nothing to evaluate").cite(7208, "4.3"),
            _ => Outline::new(format!(
                "{} terms of {} caused look-ups, {} of {} found nothing",
                self.terms, self.limits.terms, self.voids, self.limits.voids
            ))
            .cite(7208, "4.6.4"),
        });
        root.children(children)
    }
}

/// Deeper steps become children of the step before them.
fn nested<'a>(steps: &mut std::iter::Peekable<std::slice::Iter<'a, Step>>, depth: usize) -> Vec<Outline> {
    let mut lines: Vec<Outline> = Vec::new();
    while let Some(step) = steps.peek() {
        if step.depth() < depth {
            break;
        }
        if step.depth() > depth {
            let children = nested(steps, depth + 1);
            match lines.last_mut() {
                Some(last) => last.children.extend(children),
                None => lines.extend(children),
            }
            continue;
        }
        lines.push(step.outline());
        steps.next();
    }
    lines
}
