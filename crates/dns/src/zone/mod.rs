//! DNS data in memory: a resolver for tests, demos and offline evaluation.

#[cfg(feature = "json")]
mod json;
mod text;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxBuildHasher;
use thiserror::Error;

use crate::answer::{Answer, Found, LookupError, Question, Record, RecordType, Security};
use crate::name::{Name, NameError};
use crate::resolver::{Lookup, Resolver};

/// Names with their records, and names that fail on purpose.
///
/// A name that is absent and has nothing below it does not exist (NXDOMAIN); one without the asked type has no data.
/// `*.example` answers for names below `example` that do not exist (RFC 4592). Aliases are followed.
///
/// The text form has one record a line, `;` begins a comment:
///
/// ```
/// use gatepost_dns::Zone;
/// let zone = Zone::parse(r#"
/// example.org.        TXT  "v=spf1 mx -all"
/// example.org.        MX   10 mx.example.org.
/// mx.example.org.     A    192.0.2.1
/// flaky.example.org.  TXT  !TIMEOUT        ; also !SERVFAIL, !BOGUS, and * for every type
/// "#).unwrap();
/// assert_eq!(Zone::parse(&zone.to_string()).unwrap(), zone);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// Every name that exists. Hashed fast and not against collisions: they are those of the caller's own file.
    names: HashMap<Name, Entry, FxBuildHasher>,
    /// Whether some name is a wildcard: without one, a name that is absent costs no further search.
    wildcards: bool,
    secure: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    records: BTreeMap<RecordType, Arc<[Record]>>,
    /// `None` is every type.
    failures: Vec<(Option<RecordType>, LookupError)>,
    /// Whether the name exists only since another one is below it (RFC 8020).
    implied: bool,
}

/// Why a zone can not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ZoneError {
    /// The text is not JSON.
    #[error("not JSON: line {line}, column {column}")]
    Json {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// A value of the JSON object has another shape than the format wants.
    #[error("at `{name}`: expected {expected}")]
    Shape {
        /// The owner name, escaped.
        name: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// A name is malformed.
    #[error("at `{name}`: {error}")]
    Name {
        /// The name, escaped.
        name: String,
        /// What is wrong with it.
        error: NameError,
    },
    /// A line of the text form is malformed.
    #[error("line {line}: expected {expected}")]
    Line {
        /// Line, from 1.
        line: usize,
        /// What should stand there.
        expected: &'static str,
    },
}

const TTL: Duration = Duration::from_secs(300);
/// How many aliases are followed.
const ALIASES: usize = 8;

impl Zone {
    /// A zone in which no name exists.
    pub fn new() -> Self {
        Zone::default()
    }

    /// Adds a record.
    pub fn add(&mut self, name: Name, record: Record) -> &mut Self {
        self.add_all(name, record.kind(), vec![record])
    }

    /// Adds records of one type to those that the name has. Cheaper than one at a time.
    fn add_all(&mut self, name: Name, kind: RecordType, records: Vec<Record>) -> &mut Self {
        let entry = self.entry_mut(name);
        if !records.is_empty() {
            let before = entry.records.get(&kind).map(|records| records.to_vec()).unwrap_or_default();
            entry.records.insert(kind, [before, records].concat().into());
        }
        self
    }

    /// Makes questions for a name fail; `None` is every type.
    pub fn fail(&mut self, name: Name, kind: Option<RecordType>, error: LookupError) -> &mut Self {
        self.entry_mut(name).failures.push((kind, error));
        self
    }

    /// Makes a name exist, whether it has records or not.
    pub fn touch(&mut self, name: Name) -> &mut Self {
        self.entry_mut(name);
        self
    }

    /// Marks all answers as proved by DNSSEC.
    pub fn secure(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    fn find(&self, question: &Question) -> Result<Answer, LookupError> {
        let mut name = &question.name;
        for _ in 0..=ALIASES {
            let Some(entry) = self.entry(name) else {
                return Ok(self.answer(Found::NxDomain));
            };
            // records that are given win over a failure of every type
            let given = entry.records.get(&question.kind);
            let fails = |kind: &Option<RecordType>| kind.map_or(given.is_none(), |kind| kind == question.kind);
            let failed = entry.failures.iter().find(|(kind, _)| fails(kind));
            if let Some((_, error)) = failed {
                return Err(*error);
            }
            if let Some(records) = given {
                return Ok(self.answer(Found::Records(Arc::clone(records))));
            }
            match entry.records.get(&RecordType::Cname).map(|aliases| &**aliases) {
                Some([Record::Cname(target), ..]) => name = target,
                _ => return Ok(self.answer(Found::NoData)),
            }
        }
        Err(LookupError::Malformed)
    }

    fn answer(&self, found: Found) -> Answer {
        let security = if self.secure { Security::Secure } else { Security::Insecure };
        Answer { found, security, ttl: TTL }
    }

    /// The entry of a name, or the wildcard's of its closest encloser (RFC 4592 §3.3.1).
    fn entry(&self, name: &Name) -> Option<&Entry> {
        let found = self.names.get(name);
        // an empty non-terminal exists, and no wildcard answers for it
        if found.is_some() || !self.wildcards {
            return found;
        }
        let mut above = name.as_str();
        while let Some((_, rest)) = above.split_once('.') {
            if let Some(entry) = self.names.get(format!("*.{rest}").as_str()) {
                return Some(entry);
            }
            if self.names.contains_key(rest) {
                return None;
            }
            above = rest;
        }
        None
    }

    fn entry_mut(&mut self, name: Name) -> &mut Entry {
        self.wildcards |= name.as_str().starts_with("*.");
        let mut above = name.parent();
        while let Some(parent) = above.take_if(|parent| !self.names.contains_key(parent)) {
            above = parent.parent();
            self.names.insert(parent, Entry { implied: true, ..Entry::default() });
        }
        let entry = self.names.entry(name).or_default();
        entry.implied = false;
        entry
    }
}

impl Resolver for Zone {
    fn lookup<'a>(&'a self, question: &'a Question) -> Lookup<'a> {
        Lookup::ready(self.find(question))
    }
}

fn name_of(text: &str) -> Result<Name, ZoneError> {
    Name::parse(text).map_err(|error| ZoneError::Name { name: gatepost_syntax::escape(text), error })
}

fn failure(word: &str) -> Option<LookupError> {
    match word {
        "TIMEOUT" => Some(LookupError::Timeout),
        "SERVFAIL" => Some(LookupError::ServerFailure),
        "BOGUS" => Some(LookupError::Bogus),
        _ => None,
    }
}
