//! What there is to say, and how it is said.

use std::fmt;

use gatepost_dns::{LookupError, Name};
use gatepost_results::{Advice, Cite};

/// What there is to say of a record. [`fmt::Display`] gives the advice.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// More terms that cause look-ups than an evaluation may have.
    Lookups {
        /// How many this record alone has; records that it includes count, too.
        count: usize,
    },
    /// A term behind `all`.
    Unreachable,
    /// `redirect` in a record with `all`.
    RedirectIgnored,
    /// `ptr`.
    Ptr,
    /// Everybody passes.
    PassAll,
    /// A network so large that strangers are in it.
    LargeNetwork {
        /// Bits of the prefix.
        prefix: u8,
    },
    /// The same term again.
    Duplicate,
    /// The same term stands in another record that is evaluated, too.
    DuplicateOf {
        /// Whose record.
        domain: Name,
    },
    /// Too long for an answer by UDP.
    Long {
        /// Octets of the record.
        octets: usize,
    },
    /// Neither `all` nor `redirect`: others are neutral.
    OpenEnd,
    /// More terms that cause look-ups than an evaluation may have, with the records that the record leads to.
    AllLookups {
        /// How many.
        count: u64,
    },
    /// More look-ups that find nothing than an evaluation may have.
    Voids {
        /// How many.
        count: usize,
    },
    /// A look-up that finds nothing.
    Void,
    /// A look-up that failed.
    Unanswered {
        /// How.
        error: LookupError,
    },
    /// More mail exchangers than an `mx` may have.
    MailExchangers {
        /// How many.
        count: usize,
    },
    /// The target has no SPF record.
    NoRecord,
    /// The target has more than one SPF record.
    Several {
        /// How many.
        count: usize,
    },
    /// The target's record has a syntax error.
    BrokenTarget,
    /// The target leads back here.
    Loop,
    /// By the target's record everybody passes.
    PassesAll,
    /// All TXT records of the name together are too long for an answer by UDP.
    LongAnswer {
        /// Octets of the answer, about.
        octets: usize,
    },
}

impl Advice for Rule {
    fn cite(&self) -> Cite {
        let section = match self {
            Rule::Lookups { .. } | Rule::AllLookups { .. } | Rule::Loop => "4.6.4",
            Rule::Voids { .. } | Rule::Void | Rule::MailExchangers { .. } => "4.6.4",
            Rule::Unreachable | Rule::PassAll => "5.1",
            Rule::NoRecord | Rule::BrokenTarget | Rule::PassesAll => "5.2",
            Rule::Several { .. } => "4.5",
            Rule::Unanswered { .. } => "4.4",
            Rule::RedirectIgnored => "6.1",
            Rule::Ptr => "5.5",
            Rule::LargeNetwork { .. } => "5.6",
            Rule::Duplicate | Rule::DuplicateOf { .. } => "4.6",
            Rule::Long { .. } | Rule::LongAnswer { .. } => "3.4",
            Rule::OpenEnd => "4.7",
        };
        Cite::new(7208, section)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Lookups { count } => {
                write!(f, "{count} terms cause look-ups: beyond 10 every evaluation is a permerror")
            }
            Rule::Unreachable => f.write_str("a term behind `all` is never reached: remove it or move it"),
            Rule::RedirectIgnored => f.write_str("`redirect` is ignored where there is an `all`: remove one of them"),
            Rule::Ptr => f.write_str("`ptr` is slow and unreliable, and receivers may skip it: name the addresses"),
            Rule::PassAll => f.write_str("`+all` lets everybody send in your name: use `-all` or `~all`"),
            Rule::LargeNetwork { prefix } => write!(f, "a /{prefix} lets many strangers send in your name: narrow it"),
            Rule::Duplicate => f.write_str("the same term stands before: remove it"),
            Rule::Long { octets } => {
                write!(f, "{octets} octets may not fit into one UDP answer: shorten the record to 450")
            }
            Rule::OpenEnd => f.write_str("without `all` or `redirect` others are neutral: end with `-all` or `~all`"),
            Rule::DuplicateOf { domain } => {
                write!(f, "the same term stands in the record of {domain}: remove one of them")
            }
            Rule::AllLookups { count } => write!(
                f,
                "{count} terms cause look-ups with those of the records it leads to: beyond 10 it is a permerror for everybody \
                 whom no term before lets pass"
            ),
            Rule::Voids { count } => {
                write!(f, "{count} look-ups find nothing: the third in an evaluation makes it a permerror")
            }
            Rule::Void => f.write_str("the look-up finds nothing: remove the term, or publish what it asks for"),
            Rule::Unanswered { error } => {
                write!(f, "the look-up failed ({error}): evaluations end in a temperror here")
            }
            Rule::MailExchangers { count } => write!(f, "{count} mail exchangers: beyond 10 it is a permerror"),
            Rule::NoRecord => f.write_str("the target has no SPF record: evaluations end in a permerror here"),
            Rule::Several { count } => {
                write!(f, "the target has {count} SPF records: evaluations end in a permerror here")
            }
            Rule::BrokenTarget => f.write_str("the target's record is malformed: evaluations end in a permerror here"),
            Rule::Loop => f.write_str("the target leads back here: evaluations end in a permerror"),
            Rule::PassesAll => f.write_str("the target's record lets everybody pass, and so does this one"),
            Rule::LongAnswer { octets } => {
                write!(
                    f,
                    "the TXT records of the name take about {octets} octets: more than 512 may not fit into one UDP answer"
                )
            }
        }
    }
}
