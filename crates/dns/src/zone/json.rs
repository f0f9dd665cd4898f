//! The JSON form of a zone.

use serde_json::Value;

use super::text::text_record;
use super::{Zone, ZoneError, failure, name_of};
use crate::answer::{Record, RecordType};
use crate::name::Name;

impl Zone {
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
                let records = values.iter().map(|value| json_record(record_type, value)).collect::<Result<_, _>>()?;
                self.add_all(name.clone(), record_type, records);
            }
            _ => return Err("a list of values"),
        }
        Ok(())
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
