//! What an evaluation found, and why.

use std::net::IpAddr;

use gatepost_dns::{LookupError, Name, Question};
use gatepost_results::{Cite, Excerpt, Explain, Key, Outline, Phrase, ResInfo, trace};
use gatepost_syntax::Domain;
use thiserror::Error;

use crate::evaluation::Decided;
use crate::query::{Limits, Query};
use crate::record::RecordError;
use crate::trail::Trail;

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
        domain: Name,
        /// What is wrong.
        error: RecordError,
    },
    /// A record longer than [`Limits::record_bytes`].
    #[error("the record of {0} is too long")]
    Long(Name),
    /// More than one record (RFC 7208 §4.5).
    #[error("{domain} has {count} SPF records")]
    Several {
        /// Whose records.
        domain: Name,
        /// How many.
        count: usize,
    },
    /// The target of include or redirect has no record (RFC 7208 §5.2, §6.1).
    #[error("{name} has no SPF record")]
    NoRecord {
        /// The target.
        name: Name,
        /// What led there.
        via: Via,
    },
    /// The target of include or redirect becomes no domain name (RFC 7208 §4.3, §5.2, §6.1).
    #[error("the term at byte {at} leads to no domain name")]
    NoName {
        /// Where the term begins in its record.
        at: usize,
        /// What it is.
        via: Via,
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

/// What leads from one record to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The mechanism `include` (RFC 7208 §5.2).
    Include,
    /// The modifier `redirect` (RFC 7208 §6.1).
    Redirect,
}

impl PermError {
    /// The octet of a record that violates its grammar.
    fn place(&self, trail: &Trail) -> Option<Excerpt> {
        let PermError::Record { domain, error } = self else { return None };
        let (record, at) = trail.record_of(domain).zip(error.at())?;
        Some(Excerpt::new(record, at..at + 1))
    }

    fn cite(&self) -> Cite {
        Cite::new(
            7208,
            match self {
                PermError::Record { error: RecordError::NotAscii { .. }, .. } | PermError::Long(_) => "3.1",
                PermError::NoRecord { via: Via::Redirect, .. } | PermError::NoName { via: Via::Redirect, .. } => "6.1",
                PermError::Record { .. } => "4.6",
                PermError::Several { .. } => "4.5",
                PermError::NoRecord { via: Via::Include, .. } | PermError::NoName { via: Via::Include, .. } => "5.2",
                PermError::Terms { .. } | PermError::Voids { .. } | PermError::MxNames { .. } => "4.6.4",
            },
        )
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
    pub(crate) decided: Decided,
    /// How many terms caused look-ups.
    pub terms: u32,
    /// How many look-ups found nothing.
    pub voids: u32,
    /// What was done, in order.
    pub trail: Trail,
    /// The bounds it ran under.
    pub limits: Limits,
    /// The client.
    pub(crate) client: IpAddr,
    /// Whether another identity of the same domain may have another outcome.
    pub(crate) uses_sender: bool,
}

impl Outcome {
    /// The domain that DMARC may use. A HELO name that passed is none (RFC 9989 §4.4.2).
    pub fn passed(&self) -> Option<&Domain> {
        self.domain.as_ref().filter(|_| self.verdict == Verdict::Pass && self.scope == Scope::MailFrom)
    }

    /// The domain that DMARC might have used, had DNS not failed for now.
    pub fn undecided(&self) -> Option<&Domain> {
        let undecided = matches!(self.verdict, Verdict::TempError(_)) && self.scope == Scope::MailFrom;
        self.domain.as_ref().filter(|_| undecided)
    }

    /// The term that decided, as written; `default` if none matched.
    pub fn mechanism(&self) -> Option<&str> {
        match self.decided {
            Decided::Nothing => None,
            Decided::Default => Some("default"),
            Decided::Term(step) => self.trail.steps().get(step).and_then(|step| {
                let tried = self.trail.tried(step);
                tried.last().map(|last| last.text)
            }),
        }
    }

    /// The reply and enhanced status code of a receiver that refuses because of this result, where it may
    /// (RFC 7208 §8.4, §8.6, §8.7 with the codes of RFC 7372 §3.2).
    pub fn refusal(&self) -> Option<(u16, &'static str)> {
        match self.verdict {
            Verdict::Fail => Some((550, "5.7.23")),
            Verdict::PermError(_) => Some((550, "5.7.24")),
            Verdict::TempError(_) => Some((451, "4.7.24")),
            Verdict::None | Verdict::Neutral | Verdict::Pass | Verdict::SoftFail => None,
        }
    }

    /// How many leading bits of the client's address the term looked at by which it passed, in an included record, too:
    /// 0 for `+all`, 32 for one IPv4 address; none where a name decided. A record that lets large networks pass lets
    /// strangers pass; a receiver may give such a pass less weight, say below 9 bits.
    pub fn passed_by_bits(&self) -> Option<u8> {
        self.trail.last_mechanism().filter(|_| self.verdict == Verdict::Pass)?.prefix(self.client)
    }

    /// The entry for Authentication-Results (RFC 7208 §9.2). The local part is not authenticated and not shown
    /// (RFC 8601 §4).
    pub fn res_info(&self) -> ResInfo {
        let key = match self.scope {
            Scope::MailFrom => Key::SmtpMailfrom,
            Scope::Helo => Key::SmtpHelo,
        };
        let mut info = ResInfo::new("spf", self.verdict.word());
        if let Some(domain) = &self.domain {
            info.add_domain(key, domain);
        }
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
    pub fn received_spf(&self, query: &Query<'_>) -> String {
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
        let mut pairs = vec![("receiver", query.receiver), ("client-ip", &ip), ("helo", query.helo)];
        if self.scope == Scope::MailFrom {
            pairs.push(("envelope-from", &envelope_from));
        }
        pairs.push(("identity", if self.scope == Scope::MailFrom { "mailfrom" } else { "helo" }));
        let problem = self.reason();
        pairs.extend(problem.as_deref().map(|problem| ("problem", problem)));
        pairs.extend(self.mechanism().map(|mechanism| ("mechanism", mechanism)));
        trace::received_spf(self.verdict.word(), &comment, &pairs)
    }
}

impl Explain for Outcome {
    fn explain(&self) -> Outline {
        let scope = if self.scope == Scope::MailFrom { "smtp.mailfrom" } else { "smtp.helo" };
        let domain = self.domain.as_ref().map_or("?", Domain::as_str);
        let root = Outline::new(format!("spf={} {scope}={domain}", self.verdict.word()));
        let conclusion = match &self.verdict {
            Verdict::PermError(error) => {
                let Cite { rfc, section } = error.cite();
                Outline::reason(error).cite(rfc, section).excerpt(error.place(&self.trail))
            }
            Verdict::TempError(error) => Outline::reason(error).cite(7208, "4.4"),
            Verdict::None if self.trail.steps().is_empty() => Outline::from(Phrase::SpfNoDomain).cite(7208, "4.3"),
            Verdict::None => Outline::from(Phrase::SpfNoRecord).cite(7208, "4.5"),
            _ => {
                let [terms, most_terms] = [self.terms, self.limits.terms].map(|count| count.to_string());
                let [voids, most_voids] = [self.voids, self.limits.voids].map(|count| count.to_string());
                let counts = Phrase::SpfCounts.with([&terms, &most_terms, &voids, &most_voids]);
                Outline::from(counts).cite(7208, "4.6.4")
            }
        };
        let failed = matches!(self.verdict, Verdict::PermError(_) | Verdict::TempError(_));
        root.children(self.trail.outline(failed)).child(conclusion)
    }
}
