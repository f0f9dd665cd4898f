//! Advice on a record, from the evaluator's own parser: what is allowed and still not what its author wants.

mod rule;
mod survey;

use std::collections::HashSet;
use std::ops::Range;

use gatepost_results::{Cite, Defect};
pub use rule::Rule;
pub use survey::{Page, Survey, survey};

use crate::query::Limits;
use crate::record::{Mechanism, Qualifier, Record, RecordError};

/// One piece of advice.
pub type Lint = gatepost_results::Lint<Rule>;

impl Defect for RecordError {
    fn cite(&self) -> Cite {
        Cite::new(7208, "4.6")
    }

    fn place(&self, _: &str) -> Option<Range<usize>> {
        self.at().map(|at| at..at + 1)
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
    Record::parse(text).map(|record| advise(&record))
}

fn advise(record: &Record) -> Vec<Lint> {
    let mut found = Vec::new();
    let mut behind_all = false;
    let mut before = HashSet::new();
    for directive in &record.directives {
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
        if !before.insert(&directive.mechanism) {
            say(Rule::Duplicate);
        }
        behind_all |= directive.mechanism == Mechanism::All;
    }
    whole(record, &mut found);
    found
}

/// Advice on the record as a whole.
fn whole(record: &Record, found: &mut Vec<Lint>) {
    let text = record.as_str();
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
