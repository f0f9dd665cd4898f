//! Advice on a record, from the evaluator's own parser: what is allowed and still not what its author wants.

use std::fmt;
use std::ops::Range;

use gatepost_results::Cite;

use crate::query::Limits;
use crate::record::{Mechanism, Qualifier, Record, RecordError};

/// One piece of advice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// What is to be said.
    pub rule: Rule,
    /// Which octets of the record it is about.
    pub span: Range<usize>,
}

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
    /// Too long for an answer by UDP.
    Long {
        /// Octets of the record.
        octets: usize,
    },
    /// Neither `all` nor `redirect`: others are neutral.
    OpenEnd,
}

impl Rule {
    /// The section behind the advice.
    pub fn cite(&self) -> Cite {
        let section = match self {
            Rule::Lookups { .. } => "4.6.4",
            Rule::Unreachable | Rule::PassAll => "5.1",
            Rule::RedirectIgnored => "6.1",
            Rule::Ptr => "5.5",
            Rule::LargeNetwork { .. } => "5.6",
            Rule::Duplicate => "4.6",
            Rule::Long { .. } => "3.4",
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
        }
    }
}

/// How long a record may be to fit into a DNS answer of 512 octets with its name (RFC 7208 §3.4).
const UDP_OCTETS: usize = 450;

/// Advice on a record, in the order of its terms; an error if it is none.
///
/// ```
/// use gatepost_spf::lint::{Rule, lint};
/// let found = lint("v=spf1 +all ptr").unwrap();
/// assert_eq!(found.iter().map(|lint| &lint.rule).collect::<Vec<_>>(), [&Rule::PassAll, &Rule::Unreachable, &Rule::Ptr]);
/// ```
pub fn lint(text: &str) -> Result<Vec<Lint>, RecordError> {
    let record = Record::parse(text)?;
    let mut found = Vec::new();
    let mut behind_all = false;
    for (index, directive) in record.directives.iter().enumerate() {
        let mut say = |rule| found.push(Lint { rule, span: directive.span.clone() });
        if behind_all {
            say(Rule::Unreachable);
        }
        match &directive.mechanism {
            Mechanism::All if directive.qualifier == Qualifier::Pass => say(Rule::PassAll),
            Mechanism::Ptr(_) => say(Rule::Ptr),
            Mechanism::Ip(network, prefix) if *prefix < if network.is_ipv4() { 16 } else { 32 } => {
                say(Rule::LargeNetwork { prefix: *prefix });
            }
            _ => {}
        }
        if record.directives.iter().take(index).any(|other| other.mechanism == directive.mechanism) {
            say(Rule::Duplicate);
        }
        behind_all |= directive.mechanism == Mechanism::All;
    }
    whole(&record, text, &mut found);
    Ok(found)
}

/// Advice on the record as a whole.
fn whole(record: &Record, text: &str, found: &mut Vec<Lint>) {
    let mut say = |rule, span| found.push(Lint { rule, span });
    let all = 0..text.len();
    match &record.redirect {
        Some((_, span)) if record.has_all() => say(Rule::RedirectIgnored, span.clone()),
        None if !record.has_all() => say(Rule::OpenEnd, all.clone()),
        _ => {}
    }
    let asking = record.directives.iter().filter(|directive| directive.mechanism.asks_dns()).count();
    let count = asking + usize::from(record.redirect.is_some() && !record.has_all());
    if u32::try_from(count).is_ok_and(|count| count > Limits::default().terms) {
        say(Rule::Lookups { count }, all.clone());
    }
    if text.len() > UDP_OCTETS {
        say(Rule::Long { octets: text.len() }, all);
    }
}
