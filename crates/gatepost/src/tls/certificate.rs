//! What clients that verify will find wrong with a certificate of ours: when it holds, and for which hosts.

use std::time::SystemTime;

use gatepost_syntax::{Domain, date_time};
use rustls::client::verify_server_name;
use rustls::server::ParsedCertificate;
use rustls_pki_types::{CertificateDer, ServerName};
use thiserror::Error;
use x509_cert::Certificate;
use x509_cert::der::Decode;

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

/// When a certificate holds (RFC 5280 §4.1.2.5).
fn validity(certificate: &[u8]) -> Option<(SystemTime, SystemTime)> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let validity = certificate.tbs_certificate().validity();
    Some((validity.not_before.to_system_time(), validity.not_after.to_system_time()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_wrong_is_told() {
        let made = rcgen::generate_simple_self_signed(vec!["mx.example.test".to_owned()]).unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec!["*.example.test".to_owned()]).unwrap();
        (parameters.not_before, parameters.not_after) =
            (rcgen::date_time_ymd(2020, 1, 2), rcgen::date_time_ymd(2051, 3, 1)); // a UTCTime and a GeneralizedTime
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
            assert_eq!(validity(dated.der().get(..cut).unwrap_or_default()), None);
        }
    }
}
