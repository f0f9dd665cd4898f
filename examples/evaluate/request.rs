//! The fields of a request, each read with an error that names it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gatepost_dns::Zone;
use gatepost_syntax::{HeaderBlock, HeaderLimits};
use serde_json::{Map, Value};

/// Why a request can not be judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    #[error("`{0}` is missing")]
    Missing(&'static str),
    #[error("`{field}` must be {expected}")]
    Type { field: &'static str, expected: &'static str },
    #[error("`{field}`: {reason}")]
    Value { field: &'static str, reason: String },
    #[error("`{path}`: {reason}")]
    File { path: String, reason: String },
    #[error("unknown op `{0}`")]
    UnknownOperation(String),
}

impl Error {
    /// An error of the value of `field`.
    pub(crate) fn value(field: &'static str, reason: impl ToString) -> Self {
        Error::Value { field, reason: reason.to_string() }
    }
}

/// One request.
pub(crate) struct Request {
    fields: Map<String, Value>,
    base: PathBuf,
}

impl Request {
    pub(crate) fn new(fields: Map<String, Value>, base: &Path) -> Self {
        Request { fields, base: base.to_owned() }
    }

    pub(crate) fn id(&self) -> Value {
        self.fields.get("id").cloned().unwrap_or(Value::Null)
    }

    /// A field that may be absent; `null` counts as absent.
    pub(crate) fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, field: &'static str) -> Result<&str, Error> {
        self.optional_text(field)?.ok_or(Error::Missing(field))
    }

    pub(crate) fn optional_text(&self, field: &'static str) -> Result<Option<&str>, Error> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Error::Type { field, expected: "a string" }),
        }
    }

    pub(crate) fn flag(&self, field: &'static str) -> Result<bool, Error> {
        match self.get(field) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(Error::Type { field, expected: "true or false" }),
        }
    }

    /// A list of strings; `None` when the field is absent.
    pub(crate) fn texts(&self, field: &'static str) -> Result<Option<Vec<String>>, Error> {
        let expected = "a list of strings";
        match self.get(field) {
            None => Ok(None),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned).ok_or(Error::Type { field, expected }))
                .collect::<Result<_, _>>()
                .map(Some),
            Some(_) => Err(Error::Type { field, expected }),
        }
    }

    /// An object of strings, such as `users`.
    pub(crate) fn pairs(&self, field: &'static str) -> Result<Vec<(String, String)>, Error> {
        let expected = "an object of strings";
        let Some(value) = self.get(field) else {
            return Ok(Vec::new());
        };
        let Value::Object(map) = value else {
            return Err(Error::Type { field, expected });
        };
        let pair = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        map.iter().map(|entry| pair(entry).ok_or(Error::Type { field, expected })).collect()
    }

    pub(crate) fn ip(&self) -> Result<IpAddr, Error> {
        self.text("ip")?.parse().map_err(|error| Error::value("ip", error))
    }

    /// `clock` in Unix seconds, else the real time.
    pub(crate) fn now(&self) -> Result<SystemTime, Error> {
        match self.get("clock") {
            None => Ok(SystemTime::now()),
            Some(clock) => {
                let seconds = clock.as_u64().ok_or(Error::Type { field: "clock", expected: "Unix seconds" })?;
                UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).ok_or(Error::value("clock", "out of range"))
            }
        }
    }

    /// The message: `message_file` as it is, or `message`, whose lone LF become CRLF.
    pub(crate) fn message(&self) -> Result<Vec<u8>, Error> {
        if let Some(path) = self.optional_text("message_file")? {
            return self.read(path);
        }
        Ok(crlf(self.text("message")?))
    }

    /// The zone of `dns` or `dns_file`; empty with neither.
    pub(crate) fn zone(&self) -> Result<Zone, Error> {
        if let Some(dns) = self.get("dns") {
            return Zone::from_json(&dns.to_string()).map_err(|error| Error::value("dns", error));
        }
        let Some(path) = self.optional_text("dns_file")? else {
            return Ok(Zone::new());
        };
        let octets = self.read(path)?;
        let text = String::from_utf8(octets).map_err(|error| Error::value("dns_file", error))?;
        Zone::from_json(&text).map_err(|error| Error::value("dns_file", error))
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, Error> {
        let full = self.base.join(path);
        std::fs::read(full).map_err(|error| Error::File { path: path.to_owned(), reason: error.to_string() })
    }
}

/// The header section and the body. The bounds are not a server's: whoever asks about a hundred thousand fields is to have
/// his answer, as far as a line of the input may hold them.
pub(crate) fn split(message: &[u8]) -> Result<(HeaderBlock, &[u8]), Error> {
    let mut limits = HeaderLimits::default();
    (limits.bytes, limits.fields, limits.field_bytes) = (message.len(), message.len(), message.len());
    let (headers, body) = HeaderBlock::parse(message, &limits).map_err(|error| Error::value("message", error))?;
    Ok((headers, message.get(body..).unwrap_or_default()))
}

/// Inline messages: a lone LF becomes CRLF.
pub(crate) fn crlf(text: &str) -> Vec<u8> {
    let mut message = Vec::with_capacity(text.len() + text.len() / 32);
    let mut previous = 0;
    for octet in text.bytes() {
        if octet == b'\n' && previous != b'\r' {
            message.push(b'\r');
        }
        message.push(octet);
        previous = octet;
    }
    message
}
