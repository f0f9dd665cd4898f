//! Between hickory's types and ours: nothing is guessed on the way.

use std::sync::Arc;
use std::time::Duration;

use gatepost_dns::{Answer, Found, LookupError, Mx, Name, Record, RecordType, Security, Tlsa, Txt};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{self, RData};
use hickory_resolver::net::{DnsError, NetError};

/// A fully qualified name of raw labels: hickory's own parser refuses some that SPF macros make.
pub(crate) fn name(name: &Name) -> Option<rr::Name> {
    let mut wire = rr::Name::from_labels(name.labels().map(str::as_bytes)).ok()?;
    wire.set_fqdn(true);
    Some(wire)
}

/// A name of an answer; octets that are not UTF-8 make it unusable.
fn name_from(wire: &rr::Name) -> Option<Name> {
    let labels: Option<Vec<&str>> = wire.iter().map(|label| std::str::from_utf8(label).ok()).collect();
    let labels = labels.filter(|labels| labels.iter().all(|label| !label.contains('.')))?;
    Name::parse(&labels.join(".")).ok()
}

pub(crate) fn record_type(kind: RecordType) -> Result<rr::RecordType, LookupError> {
    Ok(match kind {
        RecordType::A => rr::RecordType::A,
        RecordType::Aaaa => rr::RecordType::AAAA,
        RecordType::Mx => rr::RecordType::MX,
        RecordType::Ptr => rr::RecordType::PTR,
        RecordType::Txt => rr::RecordType::TXT,
        RecordType::Tlsa => rr::RecordType::TLSA,
        RecordType::Cname => rr::RecordType::CNAME,
        _ => return Err(LookupError::Malformed),
    })
}

/// The records of the asked type; aliases on the way to them are left out.
pub(crate) fn answer(answers: &[rr::Record], kind: RecordType) -> Result<Answer, LookupError> {
    let wanted = record_type(kind)?;
    let of_kind = answers.iter().filter(|record| record.record_type() == wanted);
    let ttl = of_kind.clone().map(|record| record.ttl).min().unwrap_or(0);
    let records: Option<Vec<Record>> = of_kind.map(|record| record_from(&record.data)).collect();
    let records = records.ok_or(LookupError::Malformed)?;
    let found = if records.is_empty() { Found::NoData } else { Found::Records(Arc::from(records)) };
    Ok(known(found, ttl))
}

/// Not validated here, so never more than insecure.
fn known(found: Found, ttl: u32) -> Answer {
    Answer { found, security: Security::Insecure, ttl: Duration::from_secs(ttl.into()) }
}

fn record_from(data: &RData) -> Option<Record> {
    Some(match data {
        RData::A(address) => Record::A(address.0),
        RData::AAAA(address) => Record::Aaaa(address.0),
        RData::MX(mx) => Record::Mx(Mx { preference: mx.preference, exchange: name_from(&mx.exchange)? }),
        RData::PTR(target) => Record::Ptr(name_from(&target.0)?),
        RData::CNAME(target) => Record::Cname(name_from(&target.0)?),
        RData::TXT(txt) => Record::Txt(Txt::from_strings(txt.txt_data.iter())),
        RData::TLSA(tlsa) => Record::Tlsa(Tlsa {
            usage: tlsa.cert_usage.into(),
            selector: tlsa.selector.into(),
            matching: tlsa.matching.into(),
            data: tlsa.cert_data.as_slice().into(),
        }),
        _ => return None,
    })
}

/// What an error of hickory's says: no data and no such name are answers, all else is a failure of its kind.
pub(crate) fn nothing(error: &NetError) -> Result<Answer, LookupError> {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(nothing)) => {
            let ttl = nothing.negative_ttl.unwrap_or(0); // RFC 2308 §5: without an SOA it is not to be kept
            match nothing.response_code {
                ResponseCode::NXDomain => Ok(known(Found::NxDomain, ttl)),
                ResponseCode::NoError => Ok(known(Found::NoData, ttl)),
                code => Err(failure(code)),
            }
        }
        NetError::Dns(DnsError::ResponseCode(code)) => match code {
            ResponseCode::NXDomain => Ok(known(Found::NxDomain, 0)),
            code => Err(failure(*code)),
        },
        NetError::Dns(DnsError::DnssecBogus) => Err(LookupError::Bogus),
        NetError::Timeout => Err(LookupError::Timeout),
        NetError::Proto(_) => Err(LookupError::Malformed),
        // no connection, no route, too busy: nobody answered
        _ => Err(LookupError::Timeout),
    }
}

fn failure(code: ResponseCode) -> LookupError {
    match code {
        ResponseCode::Refused => LookupError::Refused,
        ResponseCode::FormErr => LookupError::Malformed,
        _ => LookupError::ServerFailure,
    }
}
