//! What clients that verify will find wrong with a certificate of ours: when it holds, and for which hosts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gatepost_syntax::{Domain, date_time};
use rustls::client::verify_server_name;
use rustls::server::ParsedCertificate;
use rustls_pki_types::{CertificateDer, ServerName};
use thiserror::Error;

/// What is wrong with a certificate. It is used all the same: between servers most take any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// Its time is over.
    #[error("it expired on {}", date_time(*.0))]
    Expired(SystemTime),
    /// Its time has not come.
    #[error("it is not valid before {}", date_time(*.0))]
    NotYetValid(SystemTime),
    /// It is not for this server.
    #[error("it does not name the server's host")]
    OtherHost,
    /// It does not say when it holds.
    #[error("its dates can not be read")]
    NoDates,
}

/// What is wrong with a certificate in DER for a host at a time.
pub(super) fn problems(certificate: &CertificateDer<'_>, host: &Domain, now: SystemTime) -> Vec<CertificateProblem> {
    let dates = match validity(certificate) {
        Some((_, end)) if now > end => Some(CertificateProblem::Expired(end)),
        Some((begin, _)) if now < begin => Some(CertificateProblem::NotYetValid(begin)),
        Some(_) => None,
        None => Some(CertificateProblem::NoDates),
    };
    let is_for_host = || {
        let name = ServerName::try_from(host.as_str()).ok()?;
        verify_server_name(&ParsedCertificate::try_from(certificate).ok()?, &name).ok()
    };
    dates.into_iter().chain(is_for_host().is_none().then_some(CertificateProblem::OtherHost)).collect()
}

/// `TBSCertificate ::= SEQUENCE { [0] version, serialNumber, signature, issuer, validity SEQUENCE { Time, Time }, … }`
/// (RFC 5280 §4.1).
fn validity(certificate: &[u8]) -> Option<(SystemTime, SystemTime)> {
    let (certificate, _) = inside(certificate, 0x30)?;
    let (signed, _) = inside(certificate, 0x30)?;
    let rest = inside(signed, 0xa0).map_or(signed, |(_, rest)| rest);
    let (_, rest) = inside(rest, 0x02)?;
    let (_, rest) = inside(rest, 0x30)?;
    let (_, rest) = inside(rest, 0x30)?;
    let (dates, _) = inside(rest, 0x30)?;
    let (begin, rest) = time(dates)?;
    Some((begin, time(rest)?.0))
}

/// `UTCTime` or `GeneralizedTime`, with seconds and a Z (RFC 5280 §4.1.2.5); before 1970 is 1970.
fn time(der: &[u8]) -> Option<(SystemTime, &[u8])> {
    let (century, (text, rest)) = match inside(der, 0x17) {
        Some(utc) => (None, utc),
        None => (Some(()), inside(der, 0x18)?),
    };
    let digits =
        text.strip_suffix(b"Z").filter(|digits| digits.len() % 2 == 0 && digits.iter().all(u8::is_ascii_digit))?;
    let numbers: Vec<i64> =
        digits.chunks(2).map(|two| two.iter().fold(0, |n, d| n * 10 + i64::from(d - b'0'))).collect();
    let (year, [month, day, hour, minute, second]) = match (century, numbers.as_slice()) {
        (None, &[year, ref rest @ ..]) => (if year < 50 { 2000 + year } else { 1900 + year }, rest.try_into().ok()?),
        (Some(()), &[century, year, ref rest @ ..]) => (century * 100 + year, rest.try_into().ok()?),
        _ => return None,
    };
    let seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some((UNIX_EPOCH.checked_add(Duration::from_secs(seconds.try_into().unwrap_or(0)))?, rest))
}

/// Days since 1970: years begin in March, so that the day that some years have more is their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469
}

/// What is inside of the first element if it has this tag, and what is behind it.
pub(super) fn inside(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = der.split_first_chunk::<2>()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (octets.iter().fold(0, |length, octet| (length << 8) | usize::from(*octet)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length).filter(|_| found == tag)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn dates_are_read_in_both_forms() {
        for (tag, text, seconds) in [
            (0x17, "700101000000Z", Some(0)),
            (0x17, "491231235959Z", Some(2_524_607_999)),
            (0x17, "500101000000Z", Some(0)), // 1950
            (0x18, "20000229120000Z", Some(951_825_600)),
            (0x18, "99991231235959Z", Some(253_402_300_799)),
            (0x18, "20261125011555Z", Some(1_795_569_355)),
            (0x18, "2026112501155Z", None),
            (0x17, "261125011555+0000", None),
            (0x17, "2611250115Z", None),
            (0x17, "", None),
        ] {
            let der = [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
            assert_eq!(time(&der).map(|(time, _)| time), seconds.map(at), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        let made = rcgen::generate_simple_self_signed(vec!["mx.example.test".to_owned()]).unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec!["*.example.test".to_owned()]).unwrap();
        (parameters.not_before, parameters.not_after) =
            (rcgen::date_time_ymd(2020, 1, 2), rcgen::date_time_ymd(2051, 3, 1));
        let dated = parameters.self_signed(&made.signing_key).unwrap();
        let (begin, end) = (at(1_577_923_200), at(2_561_241_600));
        let (host, other) = ("mx.example.test".parse().unwrap(), "mx.example.org".parse().unwrap());
        let second = Duration::from_secs(1);
        for (host, now, wanted) in [
            (&host, begin, vec![]),
            (&host, end, vec![]),
            (&host, begin - second, vec![CertificateProblem::NotYetValid(begin)]),
            (&host, end + second, vec![CertificateProblem::Expired(end)]),
            (&other, begin, vec![CertificateProblem::OtherHost]),
            (&other, end + second, vec![CertificateProblem::Expired(end), CertificateProblem::OtherHost]),
        ] {
            assert_eq!(problems(dated.der(), host, now), wanted);
        }
        assert_eq!(problems(made.cert.der(), &host, SystemTime::now()), []);
        assert_eq!(CertificateProblem::Expired(end).to_string(), "it expired on Wed, 1 Mar 2051 00:00:00 +0000");
        for cut in 0..dated.der().len() {
            validity(dated.der().get(..cut).unwrap_or_default()); // never panics
        }
    }
}
