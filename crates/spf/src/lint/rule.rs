//! What there is to say, and how it is said.

use gatepost_dns::{LookupError, Name};
use gatepost_results::{Advice, Cite};
use thiserror::Error;

/// What there is to say of a record.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rule {
    /// More terms that cause look-ups than an evaluation may have.
    #[error("{count} terms cause look-ups: beyond 10 every evaluation is a permerror")]
    Lookups {
        /// How many this record alone has; records that it includes count, too.
        count: usize,
    },
    /// A term behind `all`.
    #[error("a term behind `all` is never reached: remove it or move it")]
    Unreachable,
    /// `redirect` in a record with `all`.
    #[error("`redirect` is ignored where there is an `all`: remove one of them")]
    RedirectIgnored,
    /// `ptr`.
    #[error("`ptr` is slow and unreliable, and receivers may skip it: name the addresses")]
    Ptr,
    /// Everybody passes.
    #[error("`+all` lets everybody send in your name: use `-all` or `~all`")]
    PassAll,
    /// A network so large that strangers are in it.
    #[error("a /{prefix} lets many strangers send in your name: narrow it")]
    LargeNetwork {
        /// Bits of the prefix.
        prefix: u8,
    },
    /// The same term again.
    #[error("the same term stands before: remove it")]
    Duplicate,
    /// The same term stands in another record that is evaluated, too.
    #[error("the same term stands in the record of {domain}: remove one of them")]
    DuplicateOf {
        /// Whose record.
        domain: Name,
    },
    /// Too long for an answer by UDP.
    #[error("{octets} octets may not fit into one UDP answer: shorten the record to 450")]
    Long {
        /// Octets of the record.
        octets: usize,
    },
    /// Neither `all` nor `redirect`: others are neutral.
    #[error("without `all` or `redirect` others are neutral: end with `-all` or `~all`")]
    OpenEnd,
    /// More terms that cause look-ups than an evaluation may have, with the records that the record leads to.
    #[error(
        "{count} terms cause look-ups with those of the records it leads to: beyond 10 it is a permerror for everybody whom no term before lets pass"
    )]
    AllLookups {
        /// How many.
        count: u64,
    },
    /// More look-ups that find nothing than an evaluation may have.
    #[error("{count} look-ups find nothing: the third in an evaluation makes it a permerror")]
    Voids {
        /// How many.
        count: usize,
    },
    /// A look-up that finds nothing.
    #[error("the look-up finds nothing: remove the term, or publish what it asks for")]
    Void,
    /// A look-up that failed.
    #[error("the look-up failed ({error}): evaluations end in a temperror here")]
    Unanswered {
        /// How.
        error: LookupError,
    },
    /// More mail exchangers than an `mx` may have.
    #[error("{count} mail exchangers: beyond 10 it is a permerror")]
    MailExchangers {
        /// How many.
        count: usize,
    },
    /// The target has no SPF record.
    #[error("the target has no SPF record: evaluations end in a permerror here")]
    NoRecord,
    /// The target has more than one SPF record.
    #[error("the target has {count} SPF records: evaluations end in a permerror here")]
    Several {
        /// How many.
        count: usize,
    },
    /// The target's record has a syntax error.
    #[error("the target's record is malformed: evaluations end in a permerror here")]
    BrokenTarget,
    /// The target leads back here.
    #[error("the target leads back here: evaluations end in a permerror")]
    Loop,
    /// By the target's record everybody passes.
    #[error("the target's record lets everybody pass, and so does this one")]
    PassesAll,
    /// All TXT records of the name together are too long for an answer by UDP.
    #[error("the TXT records of the name take about {octets} octets: more than 512 may not fit into one UDP answer")]
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
