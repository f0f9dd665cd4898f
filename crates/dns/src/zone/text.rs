//! The text form of a zone.

use std::collections::BTreeMap;
use std::fmt;

use super::{Entry, Zone, ZoneError, failure, name_of};
use crate::answer::{LookupError, Mx, Record, RecordType};
use crate::name::Name;
use crate::txt::Txt;

impl Zone {
    /// Reads the text form. Words are divided by white space, as in a zone file: the text of a TXT record stands in quotation
    /// marks, else each of its words is a string of its own, and strings are joined without a blank (RFC 7208 §3.3).
    pub fn parse(text: &str) -> Result<Self, ZoneError> {
        let mut zone = Zone::new();
        let mut records: BTreeMap<(Name, RecordType), Vec<Record>> = BTreeMap::new();
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
                    let record = text_record(record_type, values).map_err(error)?;
                    records.entry((name, record_type)).or_default().push(record);
                }
            }
        }
        for ((name, kind), records) in records {
            zone.add_all(name, kind, records);
        }
        Ok(zone)
    }
}

pub(super) fn text_record(kind: RecordType, values: &[String]) -> Result<Record, &'static str> {
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
        let names: BTreeMap<&Name, &Entry> = self.names.iter().collect();
        for (name, entry) in names {
            let plain = !name.is_root() && name.as_str().chars().all(|c| c.is_ascii_graphic() && !"\";\\".contains(c));
            let owner = match plain {
                true => name.as_str().to_owned(),
                false => quoted(&format!("{}.", name.as_str())),
            };
            if *entry == Entry::default() {
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
            for record in entry.records.values().flat_map(|records| records.iter()) {
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
