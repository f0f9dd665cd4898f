//! What DMARC says of a message, and why.

use std::sync::Arc;

use gatepost_dns::{LookupError, Question};
use gatepost_results::{Excerpt, Explain, Key, Outline, Phrase, ResInfo, Text};
use gatepost_syntax::{AuthorError, Domain};
use thiserror::Error;

use crate::discovery::PREFIX;
use crate::record::{Record, Request};

/// The identifiers that other methods authenticated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identifiers {
    /// The MAIL FROM domain that passed SPF; never a HELO-only result (RFC 9989 §4.4.2).
    pub spf: Option<Domain>,
    /// The domains whose DKIM signatures passed.
    pub dkim: Vec<Domain>,
    /// The MAIL FROM domain whose SPF check failed for now.
    pub spf_undecided: Option<Domain>,
    /// The domains whose signatures could not be checked for now.
    pub dkim_undecided: Vec<Domain>,
}

/// One identifier as it is compared with the author domain.
pub(crate) struct Identifier<'a> {
    pub(crate) method: &'static str,
    pub(crate) domain: &'a Domain,
    /// Whether it must be identical.
    pub(crate) strict: bool,
    /// Whether it passed; else its check failed for now.
    pub(crate) passed: bool,
}

impl Identifiers {
    /// Notes the result of SPF for the MAIL FROM domain: what is neither `pass` nor `temperror` counts for nothing.
    #[must_use]
    pub fn with_spf(mut self, domain: &Domain, result: &str) -> Self {
        match result {
            "pass" => self.spf = Some(domain.clone()),
            "temperror" => self.spf_undecided = Some(domain.clone()),
            _ => {}
        }
        self
    }

    /// Notes the result of one DKIM signature of a domain, likewise.
    #[must_use]
    pub fn with_dkim(mut self, domain: &Domain, result: &str) -> Self {
        match result {
            "pass" => self.dkim.push(domain.clone()),
            "temperror" => self.dkim_undecided.push(domain.clone()),
            _ => {}
        }
        self
    }

    /// All identifiers, those that passed first.
    pub(crate) fn compared<'a>(&'a self, record: &Record) -> impl Iterator<Item = Identifier<'a>> + use<'a> {
        let (strict_spf, strict_dkim) = (record.strict_spf, record.strict_dkim);
        let spf = move |domain, passed| Identifier { method: "spf", domain, strict: strict_spf, passed };
        let dkim = move |domain, passed| Identifier { method: "dkim", domain, strict: strict_dkim, passed };
        let passed = self.spf.iter().map(move |d| spf(d, true)).chain(self.dkim.iter().map(move |d| dkim(d, true)));
        let undecided = self.spf_undecided.iter().map(move |d| spf(d, false));
        passed.chain(undecided).chain(self.dkim_undecided.iter().map(move |d| dkim(d, false)))
    }
}

/// What the receiver makes of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// Nothing: record and deliver.
    #[default]
    Record,
    /// RFC 9989 §7.4: a request to reject, alone, is treated as quarantine.
    Rfc9989,
    /// As requested.
    Strict,
}

impl Preset {
    /// What is done under a request.
    pub fn disposition(self, request: Request) -> Request {
        match self {
            Preset::Record => Request::None,
            Preset::Rfc9989 => request.min(Request::Quarantine),
            Preset::Strict => request,
        }
    }
}

/// The results of RFC 9989 §9.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No policy for the author domain.
    None,
    /// An authenticated identifier is aligned.
    Pass,
    /// None is.
    Fail,
    /// A look-up failed for now.
    TempError,
    /// No author domain to judge.
    PermError(PermError),
}

/// Why there is nothing to judge.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PermError {
    /// The author can not be told (RFC 9989 §5.3.1).
    #[error("{0}")]
    Author(AuthorError),
    /// More author domains than [`crate::Limits::authors`].
    #[error("{count} author domains")]
    ManyAuthors {
        /// How many.
        count: usize,
    },
}

impl Verdict {
    /// The result as it is written in header fields.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::None => "none",
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::TempError => "temperror",
            Verdict::PermError(_) => "permerror",
        }
    }
}

/// Which identifiers are aligned with the author domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aligned {
    /// The MAIL FROM domain that passed SPF.
    pub spf: bool,
    /// A domain whose signature passed.
    pub dkim: bool,
}

/// How organizational domains are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// By what domains publish of themselves (RFC 9989 §4.10).
    #[default]
    TreeWalk,
    /// By the public suffix list (RFC 7489 §3.2, which RFC 9989 obsoletes), to compare with.
    #[cfg(feature = "psl")]
    PublicSuffixList,
}

/// One step of a discovery or an evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A name was asked for a record.
    Asked {
        /// The question.
        question: Question,
        /// The one record that was found, if one was.
        found: Result<Option<Arc<Record>>, LookupError>,
    },
    /// A walk told an organizational domain.
    Walked {
        /// Where it started.
        from: Domain,
        /// What it told.
        org_domain: Domain,
    },
    /// The public suffix list told an organizational domain.
    #[cfg(feature = "psl")]
    Listed {
        /// Whose.
        from: Domain,
        /// What it told.
        org_domain: Domain,
    },
    /// Whether the author domain exists, where that mattered.
    Exists(bool),
    /// The result for one of several author domains, of which the worst counts.
    Judged {
        /// The author domain.
        author: Domain,
        /// Its result.
        verdict: Verdict,
    },
    /// An identifier was compared with the author domain.
    Compared {
        /// `spf` or `dkim`.
        method: &'static str,
        /// The identifier.
        identifier: Domain,
        /// Whether strictly.
        strict: bool,
        /// Whether it passed; else its check failed for now.
        passed: bool,
        /// Whether it is aligned.
        aligned: bool,
    },
}

/// The outcome for a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The result.
    pub verdict: Verdict,
    /// The author domain; of several the one that decided.
    pub author: Option<Domain>,
    /// What the policy domain asks for; none without a policy.
    pub requested: Option<Request>,
    /// The request after `t=y`, as a failing message meets it.
    pub effective: Request,
    /// What is to be done under the preset; `none` unless the verdict is fail.
    pub disposition: Request,
    /// Where the policy record was found.
    pub policy_domain: Option<Domain>,
    /// The policy record.
    pub record: Option<Arc<Record>>,
    /// The tag of the record that says what is requested: `p`, `sp` or `np`.
    pub deciding: Option<&'static str>,
    /// The organizational domain of the author domain.
    pub org_domain: Option<Domain>,
    /// How organizational domains were told.
    pub method: Method,
    /// Which identifiers are aligned.
    pub aligned: Aligned,
    /// What was done, in order.
    pub trail: Vec<Step>,
}

impl Outcome {
    pub(crate) fn new(verdict: Verdict, author: Option<Domain>) -> Self {
        Outcome {
            verdict,
            author,
            requested: None,
            effective: Request::None,
            disposition: Request::None,
            policy_domain: None,
            record: None,
            deciding: None,
            org_domain: None,
            method: Method::TreeWalk,
            aligned: Aligned::default(),
            trail: Vec::new(),
        }
    }

    /// The entry for Authentication-Results (RFC 9989 §9.1, §9.2).
    pub fn res_info(&self) -> ResInfo {
        let mut info = ResInfo::new("dmarc", self.verdict.word());
        if let Verdict::PermError(error) = &self.verdict {
            info = info.reason(error.to_string());
        }
        if let Some(author) = &self.author {
            info.add_domain(Key::HeaderFrom, author);
        }
        if let Some(request) = self.requested {
            info.add(Key::PolicyDmarc, request.word());
        }
        info
    }
}

impl Explain for Outcome {
    fn explain(&self) -> Outline {
        let author = self.author.as_ref().map_or("?", Domain::as_str);
        let root = Outline::new(format!("dmarc={} header.from={author}", self.verdict.word()));
        let root = root.children(self.trail.iter().map(Step::outline));
        match (&self.verdict, self.requested) {
            (Verdict::PermError(error), _) => root.child(Outline::reason(error).cite(9989, "5.3.1")),
            (Verdict::TempError, _) => root.child(Outline::from(Phrase::NotApplied).cite(9989, "5.3.6")),
            (_, Some(request)) => root.child(self.policy(request)),
            (_, None) => {
                let why = self.trail.iter().filter_map(Step::asks_nothing);
                root.child(Outline::from(Phrase::NoPolicy).cite(9989, "4.10.1").children(why))
            }
        }
    }
}

impl Outcome {
    /// The policy, and the tag that says it.
    fn policy(&self, request: Request) -> Outline {
        let domain = self.policy_domain.as_ref().map_or("?", Domain::as_str);
        let facts = [domain, request.word(), self.effective.word(), self.disposition.word()];
        let mut outline = Outline::from(Phrase::Policy.with(facts)).cite(9989, "4.10.1");
        if let (Some(record), Some(tag)) = (&self.record, self.deciding) {
            outline = outline.excerpt(record.span(tag).map(|span| Excerpt::new(record.as_str(), span)));
        }
        if self.effective != request {
            outline = outline.child(Outline::from(Phrase::Testing).cite(9989, "4.7"));
        }
        outline
    }
}

/// Adds a step, which is made where it is kept: a copy that is read right after it was written is what a judgement waits for.
#[inline]
pub(crate) fn note(trail: &mut Vec<Step>, step: impl FnOnce() -> Step) {
    trail.extend(std::iter::once_with(step));
}

impl Step {
    /// What the question for the record of a domain found, if this is it.
    pub(crate) fn found(&self, domain: &str) -> Option<&Result<Option<Arc<Record>>, LookupError>> {
        match self {
            Step::Asked { question, found } => {
                // the name of each question is the prefix, a dot and the domain
                let asked = question.name.as_str();
                (asked.len() == PREFIX.len() + 1 + domain.len() && asked.ends_with(domain)).then_some(found)
            }
            _ => None,
        }
    }

    /// Why a record that was found asks for no processing.
    fn asks_nothing(&self) -> Option<Outline> {
        let Step::Asked { found: Ok(Some(record)), .. } = self else { return None };
        let error = record.requests().err()?;
        let place = record.span("p").map(|span| Excerpt::new(record.as_str(), span));
        Some(Outline::reason(error).cite(9989, "4.10.1").excerpt(place))
    }

    fn outline(&self) -> Outline {
        match self {
            Step::Asked { question, found: Ok(Some(record)) } => {
                Outline::new(format!("{question} → \"{}\"", record.as_str())).cite(9989, "4.10")
            }
            Step::Asked { question, found: Ok(None) } => {
                Outline::from(Phrase::NoRecord.with([&question.to_string()])).cite(9989, "4.10")
            }
            Step::Asked { question, found: Err(error) } => {
                Phrase::AnswerFailed.of([Text::fact(question.to_string()), Text::reason(error)]).into()
            }
            Step::Walked { from, org_domain } => {
                Outline::from(Phrase::OrgDomain.with([from.as_str(), org_domain.as_str()])).cite(9989, "4.10.2")
            }
            #[cfg(feature = "psl")]
            Step::Listed { from, org_domain } => {
                Outline::from(Phrase::OrgDomain.with([from.as_str(), org_domain.as_str()])).cite(7489, "3.2")
            }
            Step::Exists(exists) => {
                let phrase = if *exists { Phrase::AuthorExists } else { Phrase::AuthorDoesNotExist };
                Outline::from(phrase).cite(9989, "4.7")
            }
            Step::Judged { author, verdict } => {
                Outline::from(Phrase::OneOfSeveral.with([author.as_str(), verdict.word()])).cite(9989, "11.5")
            }
            Step::Compared { method, identifier, strict, passed, aligned } => {
                let passed = if *passed { Phrase::Passed } else { Phrase::FailedForNow };
                let aligned = match (aligned, strict) {
                    (true, false) => Phrase::AlignedRelaxed,
                    (true, true) => Phrase::AlignedStrict,
                    (false, false) => Phrase::NotAlignedRelaxed,
                    (false, true) => Phrase::NotAlignedStrict,
                };
                let texts = [Text::fact(method), Text::fact(identifier.as_str()), aligned.into()];
                Outline::from(passed.of(texts)).cite(9989, "4.4")
            }
        }
    }
}
