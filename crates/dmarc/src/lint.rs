//! Advice on records: what is allowed and still not what its author wants.

use std::ops::Range;

use gatepost_results::{Advice, Cite, Defect};
use gatepost_syntax::taglist::{self, Tag as Written};
use thiserror::Error;

use crate::record::{Record, RecordError, Request, TAGS, Tag};

/// One piece of advice.
pub type Lint = gatepost_results::Lint<Rule>;

/// What there is to say.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rule {
    /// RFC 9989 §4.8: what is no tag is passed over.
    #[error("this is no tag and is passed over")]
    NoTag,
    /// The first of several counts.
    #[error("{0}= stands before: this one is ignored")]
    Repeated(String),
    /// RFC 7489 had them, RFC 9989 §4.7 dropped them.
    #[error("{0}= was dropped from DMARC and is ignored")]
    Dropped(String),
    /// RFC 9989 §4.7: tags that nobody knows are ignored.
    #[error("{0}= is not known and is ignored")]
    Unknown(String),
    /// RFC 9989 §4.8: a tag with a malformed value is as none.
    #[error("{0}= has a value that it does not take: the tag is as none")]
    Value(&'static str),
    /// RFC 9989 §4.10.1: with such a record there is no DMARC processing.
    #[error("no valid policy, and no address for reports: the record is as none")]
    AsksNothing,
    /// RFC 9989 §4.10.1.
    #[error("without a valid p=, sp= and np= the record asks for reports alone, as p=none does")]
    NotSound,
    /// RFC 9989 §4.8.
    #[error("an address is no URI such as mailto:dmarc@example.org: it gets no reports")]
    Address,
    /// Nobody learns anything by such a record.
    #[error("p=none without rua=: nothing is asked for, and no report tells what it would change")]
    Blind,
    /// RFC 9989 §4.7.
    #[error("t=y: the domain is testing, receivers do one level less than asked for")]
    Testing,
    /// A spoofer takes a subdomain.
    #[error("{0}= asks for less than p=: whoever spoofs takes a subdomain")]
    Weaker(&'static str),
}

impl Advice for Rule {
    fn cite(&self) -> Cite {
        match self {
            Rule::NoTag | Rule::Value(_) | Rule::Address => Cite::new(9989, "4.8"),
            Rule::AsksNothing | Rule::NotSound => Cite::new(9989, "4.10.1"),
            _ => Cite::new(9989, "4.7"),
        }
    }

    fn is_fatal(&self) -> bool {
        *self == Rule::AsksNothing
    }
}

/// A defect is one of the whole record.
impl Defect for RecordError {
    fn cite(&self) -> Cite {
        Cite::new(9989, "4.7")
    }

    fn place(&self, _: &str) -> Option<Range<usize>> {
        None
    }
}

/// Advice on a record, in the order of its tags; an error if it does not begin as one.
///
/// ```
/// use gatepost_dmarc::lint::{Rule, lint};
/// let found = lint("v=DMARC1; p=reject; pct=50; sp=none").unwrap();
/// assert_eq!((&found[0].rule, found[0].span.clone()), (&Rule::Dropped("pct".into()), 20..26));
/// assert_eq!((&found[1].rule, found[1].span.clone()), (&Rule::Weaker("sp"), 28..35));
/// ```
pub fn lint(text: &str) -> Result<Vec<Lint>, RecordError> {
    let record = Record::parse(text)?;
    let (mut found, mut seen) = (Vec::new(), Vec::new());
    for piece in taglist::split(text).skip(1) {
        match piece {
            Ok(tag) => {
                let span = tag.at..tag.at + text.get(tag.at..tag.value_span.end).unwrap_or_default().trim_end().len();
                let name = tag.name.to_ascii_lowercase();
                let rule = match TAGS.iter().copied().find(|known| *known == name) {
                    _ if seen.contains(&name) => Some(Rule::Repeated(name.clone())),
                    None if ["pct", "rf", "ri"].contains(&&*name) => Some(Rule::Dropped(name.clone())),
                    None => Some(Rule::Unknown(name.clone())),
                    Some(known) => advice(&record, known, &tag),
                };
                seen.push(name);
                found.extend(rule.map(|rule| Lint { rule, span }));
            }
            Err(error) => found.extend(error.place(text).map(|span| Lint { rule: Rule::NoTag, span })),
        }
    }
    let whole = record.span("p").unwrap_or(0..text.len());
    if record.requests().is_err() {
        found.push(Lint { rule: Rule::AsksNothing, span: whole });
    } else if !record.is_sound() {
        found.push(Lint { rule: Rule::NotSound, span: whole });
    } else if record.policy == Tag::Valid(Request::None) && record.rua.is_empty() {
        found.push(Lint { rule: Rule::Blind, span: whole });
    }
    found.sort_by_key(|lint| lint.span.start);
    Ok(found)
}

/// What there is to say of the tag of this name that counts.
fn advice(record: &Record, name: &'static str, tag: &Written<'_>) -> Option<Rule> {
    let one_of = |words: &[&str]| words.iter().any(|word| tag.value.eq_ignore_ascii_case(word));
    let addresses = |taken: usize| (taken < tag.value.split(',').count()).then_some(Rule::Address);
    let policy = |own: Tag| match (own, record.policy) {
        (Tag::Invalid, _) => Some(Rule::Value(name)),
        (Tag::Valid(own), Tag::Valid(policy)) if own < policy => Some(Rule::Weaker(name)),
        _ => None,
    };
    let right = match name {
        "p" => return policy(record.policy),
        "sp" => return policy(record.subdomain_policy),
        "np" => return policy(record.nonexistent_policy),
        "rua" => return addresses(record.rua.len()),
        "ruf" => return addresses(record.ruf.len()),
        "t" if record.testing => return Some(Rule::Testing),
        "t" => one_of(&["y", "n"]),
        "adkim" | "aspf" => one_of(&["r", "s"]),
        "psd" => one_of(&["y", "n", "u"]),
        "fo" => record.failure_options.eq_ignore_ascii_case(tag.value),
        _ => true,
    };
    (!right).then_some(Rule::Value(name))
}
