//! DNS data in memory: a resolver for tests, demos and offline evaluation.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

use crate::answer::{Answer, Found, Lookup, LookupError, Mx, Question, Record, RecordType, Resolver, Security, Txt};
use crate::name::{Name, NameError};

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
    names: BTreeMap<Name, Entry>,
    secure: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    records: Vec<Record>,
    /// `None` is every type.
    failures: Vec<(Option<RecordType>, LookupError)>,
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
        self.names.entry(name).or_default().records.push(record);
        self
    }

    /// Makes questions for a name fail; `None` is every type.
    pub fn fail(&mut self, name: Name, kind: Option<RecordType>, error: LookupError) -> &mut Self {
        self.names.entry(name).or_default().failures.push((kind, error));
        self
    }

    /// Makes a name exist, whether it has records or not.
    pub fn touch(&mut self, name: Name) -> &mut Self {
        self.names.entry(name).or_default();
        self
    }

    /// Marks all answers as proved by DNSSEC.
    pub fn secure(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    /// The records of a name.
    pub fn records(&self, name: &Name) -> &[Record] {
        self.names.get(name).map(|entry| entry.records.as_slice()).unwrap_or_default()
    }

    /// Reads `{name: {TYPE: [values]}}`: TXT values are whole records, MX values `[preference, host]`, and a type whose
    /// value is `"TIMEOUT"`, `"SERVFAIL"` or `"BOGUS"` fails so; the type `"*"` stands for every type.
    pub fn from_json(text: &str) -> Result<Self, ZoneError> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| ZoneError::Json { line: error.line(), column: error.column() })?;
        let shape = |name: &str, expected| ZoneError::Shape { name: gatepost_syntax::escape(name), expected };
        let Value::Object(names) = &value else {
            return Err(shape("", "an object of names"));
        };
        let mut zone = Zone::new();
        for (owner, types) in names {
            let name = name_of(owner)?;
            zone.touch(name.clone());
            let Value::Object(types) = types else {
                return Err(shape(owner, "an object of types"));
            };
            for (kind, values) in types {
                zone.add_json(&name, kind, values).map_err(|expected| shape(owner, expected))?;
            }
        }
        Ok(zone)
    }

    fn add_json(&mut self, name: &Name, kind: &str, values: &Value) -> Result<(), &'static str> {
        let record_type = RecordType::from_mnemonic(kind);
        match values {
            Value::String(word) => {
                let error = failure(word).ok_or("a list, or TIMEOUT, SERVFAIL or BOGUS")?;
                if record_type.is_some() || kind == "*" {
                    self.fail(name.clone(), record_type, error);
                }
            }
            Value::Array(values) => {
                // types that nobody here asks for only make the name exist
                let Some(record_type) = record_type else {
                    return Ok(());
                };
                for value in values {
                    self.add(name.clone(), json_record(record_type, value)?);
                }
            }
            _ => return Err("a list of values"),
        }
        Ok(())
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self, ZoneError> {
        let mut zone = Zone::new();
        for (index, line) in text.lines().enumerate() {
            let error = |expected| ZoneError::Line { line: index + 1, expected };
            let words = words(line).ok_or(error("a closing quote"))?;
            let Some((owner, rest)) = words.split_first() else {
                continue;
            };
            let name = name_of(owner)?;
            match rest {
                [] => {
                    zone.touch(name);
                }
                [kind, mark]
                    if line.trim_end_matches(|c| c != '!' && c != '"').ends_with('!') && mark.starts_with('!') =>
                {
                    let failed = failure(mark.trim_start_matches('!')).ok_or(error("!TIMEOUT, !SERVFAIL or !BOGUS"))?;
                    let record_type = RecordType::from_mnemonic(kind);
                    if record_type.is_none() && kind != "*" {
                        return Err(error("a record type or *"));
                    }
                    zone.fail(name, record_type, failed);
                }
                [kind, values @ ..] => {
                    let record_type = RecordType::from_mnemonic(kind).ok_or(error("a record type"))?;
                    zone.add(name, text_record(record_type, values).map_err(error)?);
                }
            }
        }
        Ok(zone)
    }

    fn find(&self, question: &Question) -> Result<Answer, LookupError> {
        let mut name = question.name.clone();
        for _ in 0..=ALIASES {
            let Some(entry) = self.entry(&name) else {
                return Ok(self.answer(self.nothing(&name)));
            };
            // records that are given win over a failure of every type
            let given = entry.records.iter().any(|record| record.kind() == question.kind);
            let fails = |kind: &Option<RecordType>| kind.map_or(!given, |kind| kind == question.kind);
            let failed = entry.failures.iter().find(|(kind, _)| fails(kind));
            if let Some((_, error)) = failed {
                return Err(*error);
            }
            let records: Arc<[Record]> = entry.records.iter().filter(|r| r.kind() == question.kind).cloned().collect();
            if !records.is_empty() {
                return Ok(self.answer(Found::Records(records)));
            }
            let alias = entry.records.iter().find_map(|record| match record {
                Record::Cname(target) => Some(target.clone()),
                _ => None,
            });
            match alias {
                Some(target) => name = target,
                None => return Ok(self.answer(Found::NoData)),
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
        if let Some(entry) = self.names.get(name) {
            return Some(entry);
        }
        let mut above = name.as_str();
        while let Some((_, rest)) = above.split_once('.') {
            if self.exists_below(name.as_str()) {
                return None;
            }
            let wildcard = Name::parse(&format!("*.{rest}")).ok()?;
            if let Some(entry) = self.names.get(&wildcard) {
                return Some(entry);
            }
            if self.names.keys().any(|known| known.as_str() == rest) || self.exists_below(rest) {
                return None;
            }
            above = rest;
        }
        None
    }

    fn nothing(&self, name: &Name) -> Found {
        if self.exists_below(name.as_str()) { Found::NoData } else { Found::NxDomain }
    }

    /// Whether some name of the zone lies below this one (an empty non-terminal, RFC 8020).
    fn exists_below(&self, name: &str) -> bool {
        self.names.keys().any(|known| known.as_str().strip_suffix(name).is_some_and(|front| front.ends_with('.')))
    }
}

impl Resolver for Zone {
    fn lookup<'a>(&'a self, question: &'a Question) -> Lookup<'a> {
        Box::pin(std::future::ready(self.find(question)))
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

fn json_record(kind: RecordType, value: &Value) -> Result<Record, &'static str> {
    match (kind, value) {
        (RecordType::Mx, Value::Array(pair)) => {
            let preference = pair.first().and_then(Value::as_u64).and_then(|p| u16::try_from(p).ok());
            let host = pair.get(1).and_then(Value::as_str);
            match (preference, host) {
                (Some(preference), Some(host)) => text_record(kind, &[preference.to_string(), host.to_owned()]),
                _ => Err("[preference, host]"),
            }
        }
        (_, Value::String(text)) => text_record(kind, std::slice::from_ref(text)),
        _ => Err("a string"),
    }
}

fn text_record(kind: RecordType, values: &[String]) -> Result<Record, &'static str> {
    let name = |text: &String| Name::parse(text).map_err(|_| "a domain name");
    Ok(match (kind, values) {
        (RecordType::Txt, strings) => Record::Txt(Txt::from_strings(strings)),
        (RecordType::A, [value]) => Record::A(value.parse().map_err(|_| "an IPv4 address")?),
        (RecordType::Aaaa, [value]) => Record::Aaaa(value.parse().map_err(|_| "an IPv6 address")?),
        (RecordType::Ptr, [value]) => Record::Ptr(name(value)?),
        (RecordType::Cname, [value]) => Record::Cname(name(value)?),
        (RecordType::Mx, [preference, host]) => {
            let preference = preference.parse().map_err(|_| "a preference and a host")?;
            Record::Mx(Mx { preference, exchange: name(host)? })
        }
        _ => return Err("a value of this type"),
    })
}

/// Words of a line; quoted ones may hold anything, with `\"` and `\\` escaped. `None` when a quote is not closed.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut characters = line.chars().peekable();
    loop {
        while characters.next_if(|c| c.is_whitespace()).is_some() {}
        match characters.peek() {
            None | Some(';') => return Some(words),
            Some('"') => {
                characters.next();
                let mut word = String::new();
                loop {
                    match characters.next()? {
                        '"' => break,
                        '\\' => match characters.next()? {
                            'n' => word.push('\n'),
                            'r' => word.push('\r'),
                            other => word.push(other),
                        },
                        other => word.push(other),
                    }
                }
                words.push(word);
            }
            Some(_) => {
                let mut word = String::new();
                while let Some(c) = characters.next_if(|c| !c.is_whitespace() && *c != ';') {
                    word.push(c);
                }
                words.push(word);
            }
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\r', "\\r");
            format!("\"{text}\"")
        };
        for (name, entry) in &self.names {
            let plain = !name.is_root() && name.as_str().chars().all(|c| c.is_ascii_graphic() && !"\";\\".contains(c));
            let owner = match plain {
                true => name.as_str().to_owned(),
                false => quoted(&format!("{}.", name.as_str())),
            };
            if entry == &Entry::default() {
                writeln!(f, "{owner}")?;
            }
            for (kind, error) in &entry.failures {
                let kind = kind.map_or("*", RecordType::mnemonic);
                let mark = match error {
                    LookupError::Timeout => "!TIMEOUT",
                    LookupError::Bogus => "!BOGUS",
                    _ => "!SERVFAIL",
                };
                writeln!(f, "{owner} {kind} {mark}")?;
            }
            for record in &entry.records {
                let value = match record {
                    Record::A(address) => address.to_string(),
                    Record::Aaaa(address) => address.to_string(),
                    Record::Mx(mx) => format!("{} {}", mx.preference, quoted(&format!("{}.", mx.exchange.as_str()))),
                    Record::Ptr(target) | Record::Cname(target) => quoted(&format!("{}.", target.as_str())),
                    Record::Txt(txt) => quoted(&String::from_utf8_lossy(txt.as_bytes())),
                    Record::Tlsa(_) => continue,
                };
                writeln!(f, "{owner} {} {value}", record.kind())?;
            }
        }
        Ok(())
    }
}
