//! Replay bundles: all that a judgement depended on in one JSON object, so that the same verdict can be had again, offline.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gatepost_dmarc::Preset;
use gatepost_dns::{
    Answer, Found, Lookup, LookupError, Mx, Name, Question, Record, RecordType, Recorder, Resolver, Security, Txt,
};
use gatepost_results::Explain;
use gatepost_syntax::{Domain, base64};
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::crypto::Sha256;
use crate::judge::{Envelope, Inbound, Judge, JudgeError};

/// What [`Judge::bundles`] keeps: the message's hash, its envelope, every answer of DNS, the clock and the bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// SHA-256 of the message as it came, in hexadecimal digits.
    pub message_sha256: String,
    /// The envelope; its time in whole seconds.
    pub envelope: Envelope,
    /// Who judged.
    pub authserv_id: String,
    /// Under which preset.
    pub preset: Preset,
    /// Which sealers were trusted.
    pub trusted_sealers: Vec<Domain>,
    /// The bounds that were in force, as text: they are compared, not read.
    pub limits: String,
    /// What was asked, and what came, in order.
    pub asked: Vec<(Question, Result<Answer, LookupError>)>,
    /// What came of it.
    pub verdict: String,
}

/// Why a bundle can not be read or replayed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Not JSON.
    #[error("not JSON: line {line}, column {column}")]
    Json {
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// A member is missing or is something else than it should be.
    #[error("`{member}` is missing, or not {expected}")]
    Member {
        /// Which.
        member: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// The bundle is of another message.
    #[error("the bundle is of another message: its SHA-256 is {expected}, that of this one {found}")]
    OtherMessage {
        /// The hash in the bundle.
        expected: String,
        /// The hash of the message.
        found: String,
    },
    /// The judgement ran under other bounds than this program has.
    #[error("the message was judged under other limits: {recorded}")]
    OtherLimits {
        /// Those of the bundle.
        recorded: String,
    },
    /// The message can not be judged.
    #[error(transparent)]
    Judge(#[from] JudgeError),
}

/// A judgement that is being recorded.
pub(crate) struct Recording {
    pub(crate) resolver: Recorder<Arc<dyn Resolver>>,
    hash: Sha256,
}

impl Recording {
    pub(crate) fn new(resolver: Arc<dyn Resolver>) -> Self {
        Recording { resolver: Recorder::new(resolver), hash: Sha256::new() }
    }

    pub(crate) fn octets(&mut self, chunk: &[u8]) {
        self.hash.update(chunk);
    }

    pub(crate) fn finish(self, judge: &Judge, envelope: &Envelope, inbound: &Inbound) -> Bundle {
        Bundle {
            message_sha256: self.hash.finish(),
            envelope: Envelope { now: UNIX_EPOCH + Duration::from_secs(seconds(envelope.now)), ..envelope.clone() },
            authserv_id: judge.authserv_id.clone(),
            preset: judge.preset,
            trusted_sealers: judge.sealers.clone(),
            limits: format!("{:?}", judge.limits),
            asked: self.resolver.asked(),
            verdict: inbound.explain().line(),
        }
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The presets with their words.
const PRESETS: [(Preset, &str); 3] =
    [(Preset::Record, "record"), (Preset::Rfc9989, "rfc9989"), (Preset::Strict, "strict")];

/// The answers without records, with their words.
const NOTHING: [(Found, &str); 2] = [(Found::NoData, "NODATA"), (Found::NxDomain, "NXDOMAIN")];

/// The failures with their words.
const FAILURES: [(LookupError, &str); 5] = [
    (LookupError::Timeout, "TIMEOUT"),
    (LookupError::ServerFailure, "SERVFAIL"),
    (LookupError::Refused, "REFUSED"),
    (LookupError::Bogus, "BOGUS"),
    (LookupError::Malformed, "MALFORMED"),
];

impl Bundle {
    /// Judges the message again, from what is in the bundle alone.
    pub async fn replay(&self, message: &[u8]) -> Result<Inbound, BundleError> {
        let mut hash = Sha256::new();
        hash.update(message);
        let found = hash.finish();
        if found != self.message_sha256 {
            return Err(BundleError::OtherMessage { expected: self.message_sha256.clone(), found });
        }
        let replay = Replay(self.asked.iter().cloned().collect());
        let judge = Judge::new(Arc::new(replay), &self.authserv_id);
        let judge = judge.preset(self.preset).trusted_sealers(self.trusted_sealers.clone()).bundles();
        if format!("{:?}", judge.limits) != self.limits {
            return Err(BundleError::OtherLimits { recorded: self.limits.clone() });
        }
        Ok(judge.message(&self.envelope, message).await?)
    }

    /// The bundle as one JSON object.
    pub fn to_json(&self) -> String {
        let word = |preset| PRESETS.iter().find(|(one, _)| *one == preset).map(|(_, word)| *word);
        let value = json!({
            "message_sha256": self.message_sha256,
            "envelope": {
                "ip": self.envelope.ip.to_string(),
                "helo": self.envelope.helo,
                "mail_from": self.envelope.mail_from,
            },
            "clock": seconds(self.envelope.now),
            "authserv_id": self.authserv_id,
            "preset": word(self.preset),
            "trusted_sealers": self.trusted_sealers.iter().map(Domain::as_str).collect::<Vec<_>>(),
            "limits": self.limits,
            "dns": self.asked.iter().map(|(question, answer)| write(question, answer)).collect::<Vec<_>>(),
            "verdict": self.verdict,
        });
        format!("{value:#}\n")
    }

    /// Reads a bundle.
    pub fn from_json(text: &str) -> Result<Self, BundleError> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| BundleError::Json { line: error.line(), column: error.column() })?;
        let members = Members(value.as_object().ok_or(BundleError::Member { member: "", expected: "an object" })?);
        let envelope = Members(members.get("envelope", "an object", Value::as_object)?);
        let ip = envelope.text("ip")?;
        let preset = members.text("preset")?;
        let preset = PRESETS.iter().find(|(_, word)| *word == preset).map(|(preset, _)| *preset);
        let sealers = members.get("trusted_sealers", "a list", Value::as_array)?.iter();
        let sealers = sealers.map(|name| name.as_str().and_then(|name| Domain::parse(name).ok()));
        let clock = members.get("clock", "Unix seconds", Value::as_u64)?;
        let wrong = |member, expected| BundleError::Member { member, expected };
        Ok(Bundle {
            message_sha256: members.text("message_sha256")?.to_owned(),
            envelope: Envelope {
                ip: ip.parse().map_err(|_| wrong("ip", "an address"))?,
                helo: envelope.text("helo")?.to_owned(),
                mail_from: envelope.text("mail_from")?.to_owned(),
                now: UNIX_EPOCH.checked_add(Duration::from_secs(clock)).ok_or(wrong("clock", "Unix seconds"))?,
            },
            authserv_id: members.text("authserv_id")?.to_owned(),
            preset: preset.ok_or(wrong("preset", "record, rfc9989 or strict"))?,
            trusted_sealers: sealers.collect::<Option<_>>().ok_or(wrong("trusted_sealers", "a list of domains"))?,
            limits: members.text("limits")?.to_owned(),
            asked: members.get("dns", "a list", Value::as_array)?.iter().map(read).collect::<Result<_, _>>()?,
            verdict: members.text("verdict")?.to_owned(),
        })
    }
}

/// The members of a JSON object.
#[derive(Clone, Copy)]
struct Members<'a>(&'a Map<String, Value>);

impl<'a> Members<'a> {
    fn get<T>(
        self,
        member: &'static str,
        expected: &'static str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<T, BundleError> {
        self.0.get(member).and_then(read).ok_or(BundleError::Member { member, expected })
    }

    fn text(self, member: &'static str) -> Result<&'a str, BundleError> {
        self.get(member, "a string", Value::as_str)
    }
}

/// `{"name": …, "type": …, "answer": [records] or a word, "ttl": seconds, "secure": true}`
fn write(question: &Question, answer: &Result<Answer, LookupError>) -> Value {
    let mut value = json!({"name": question.name.as_str(), "type": question.kind.mnemonic()});
    let Value::Object(members) = &mut value else { return value };
    let told = match answer {
        Err(error) => FAILURES.iter().find(|(one, _)| one == error).map_or("SERVFAIL", |(_, word)| *word).into(),
        Ok(answer) => {
            members.insert("ttl".into(), answer.ttl.as_secs().into());
            members.insert("secure".into(), (answer.security == Security::Secure).into());
            match &answer.found {
                Found::Records(records) => records.iter().filter_map(write_record).collect(),
                nothing => {
                    NOTHING.iter().find(|(one, _)| one == nothing).map_or(Value::Null, |(_, word)| (*word).into())
                }
            }
        }
    };
    members.insert("answer".into(), told);
    value
}

/// Nothing for kinds of records that no judgement asks for.
fn write_record(record: &Record) -> Option<Value> {
    Some(match record {
        Record::A(address) => address.to_string().into(),
        Record::Aaaa(address) => address.to_string().into(),
        Record::Mx(Mx { preference, exchange }) => json!([preference, exchange.as_str()]),
        Record::Ptr(name) | Record::Cname(name) => name.as_str().into(),
        Record::Txt(txt) => match txt.as_str() {
            Some(text) => text.into(),
            None => json!({"base64": base64::encode(txt.as_bytes())}),
        },
        _ => return None,
    })
}

fn read(value: &Value) -> Result<(Question, Result<Answer, LookupError>), BundleError> {
    let wrong = |expected| BundleError::Member { member: "dns", expected };
    let members = Members(value.as_object().ok_or(wrong("a list of objects"))?);
    let name = Name::parse(members.text("name")?).map_err(|_| wrong("with names"))?;
    let kind = RecordType::from_mnemonic(members.text("type")?).ok_or(wrong("with types"))?;
    let found = match members.get("answer", "a list or a word", Some)? {
        Value::Array(records) => {
            let records: Option<Vec<Record>> = records.iter().map(|record| read_record(kind, record)).collect();
            Found::Records(records.ok_or(wrong("with records of their types"))?.into())
        }
        Value::String(word) => match NOTHING.iter().find(|(_, one)| one == word) {
            Some((nothing, _)) => nothing.clone(),
            None => {
                let (error, _) = FAILURES.iter().find(|(_, one)| one == word).ok_or(wrong("with known answers"))?;
                return Ok((Question::new(name, kind), Err(*error)));
            }
        },
        _ => return Err(wrong("with answers")),
    };
    let ttl = Duration::from_secs(members.get("ttl", "seconds", Value::as_u64)?);
    let secure = members.get("secure", "true or false", Value::as_bool)?;
    let security = if secure { Security::Secure } else { Security::Insecure };
    Ok((Question::new(name, kind), Ok(Answer { found, security, ttl })))
}

fn read_record(kind: RecordType, value: &Value) -> Option<Record> {
    Some(match kind {
        RecordType::A => Record::A(value.as_str()?.parse().ok()?),
        RecordType::Aaaa => Record::Aaaa(value.as_str()?.parse().ok()?),
        RecordType::Mx => Record::Mx(Mx {
            preference: value.get(0)?.as_u64()?.try_into().ok()?,
            exchange: Name::parse(value.get(1)?.as_str()?).ok()?,
        }),
        RecordType::Ptr => Record::Ptr(Name::parse(value.as_str()?).ok()?),
        RecordType::Cname => Record::Cname(Name::parse(value.as_str()?).ok()?),
        RecordType::Txt => Record::Txt(match value.get("base64") {
            Some(octets) => Txt::from_strings([base64::decode(octets.as_str()?).ok()?]),
            None => Txt::from_strings([value.as_str()?]),
        }),
        _ => return None,
    })
}

/// Answers what was asked then; a question that nobody asked is refused.
struct Replay(HashMap<Question, Result<Answer, LookupError>>);

impl Resolver for Replay {
    fn lookup<'a>(&'a self, question: &'a Question) -> Lookup<'a> {
        Lookup::ready(self.0.get(question).cloned().unwrap_or(Err(LookupError::Refused)))
    }
}
