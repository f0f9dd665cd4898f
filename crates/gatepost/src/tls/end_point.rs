//! The `tls-server-end-point` channel binding (RFC 5929 §4): the server's certificate under its signature's hash.

use ring::digest::{self, Algorithm, SHA256, SHA384, SHA512};
use x509_cert::Certificate;
use x509_cert::der::asn1::AnyRef;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512, ID_RSASSA_PSS, ID_SHA_1, ID_SHA_256, ID_SHA_384,
    ID_SHA_512, MD_5_WITH_RSA_ENCRYPTION, SHA_1_WITH_RSA_ENCRYPTION, SHA_256_WITH_RSA_ENCRYPTION,
    SHA_384_WITH_RSA_ENCRYPTION, SHA_512_WITH_RSA_ENCRYPTION,
};
use x509_cert::der::{self, Decode, Reader, TagMode, TagNumber};
use x509_cert::spki::AlgorithmIdentifierOwned;

/// ecdsa-with-SHA1, which the list of names lacks.
const ECDSA_WITH_SHA_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.1");

/// Of a certificate in DER; `None` where its signature algorithm has no one hash, as Ed25519 has none.
pub(super) fn of(certificate: &[u8]) -> Option<Vec<u8>> {
    let read = Certificate::from_der(certificate).ok()?;
    Some(digest::digest(signature_hash(read.signature_algorithm())?, certificate).as_ref().to_vec())
}

/// MD5 and SHA-1 count as SHA-256.
fn signature_hash(algorithm: &AlgorithmIdentifierOwned) -> Option<&'static Algorithm> {
    match algorithm.oid {
        MD_5_WITH_RSA_ENCRYPTION | SHA_1_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_1 => Some(&SHA256),
        SHA_256_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_256 => Some(&SHA256),
        SHA_384_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_384 => Some(&SHA384),
        SHA_512_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_512 => Some(&SHA512),
        ID_RSASSA_PSS => pss_hash(algorithm.parameters.as_ref()?.into()),
        _ => None,
    }
}

/// `RSASSA-PSS-params ::= SEQUENCE { [0] HashAlgorithm DEFAULT sha1, … }` (RFC 4055 §3.1).
fn pss_hash(parameters: AnyRef<'_>) -> Option<&'static Algorithm> {
    let hash = parameters.sequence(|reader| -> der::Result<Option<AlgorithmIdentifierOwned>> {
        let hash = reader.context_specific(TagNumber(0), TagMode::Explicit)?;
        reader.drain(reader.remaining_len())?; // of the mask and the salt
        Ok(hash)
    });
    match hash.ok()?.map(|hash| hash.oid) {
        None | Some(ID_SHA_1 | ID_SHA_256) => Some(&SHA256),
        Some(ID_SHA_384) => Some(&SHA384),
        Some(ID_SHA_512) => Some(&SHA512),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use x509_cert::der::{Any, Encode, Tag};

    use super::*;

    /// A certificate as if it were signed by this algorithm.
    fn certificate(oid: &str, parameters: &[u8]) -> Vec<u8> {
        let made = rcgen::generate_simple_self_signed(vec!["mx.example.test".to_owned()]).unwrap();
        let signed = Certificate::from_der(made.cert.der()).unwrap().tbs_certificate().to_der().unwrap();
        let parameters = Some(parameters).filter(|der| !der.is_empty()).map(|der| Any::from_der(der).unwrap());
        let algorithm = AlgorithmIdentifierOwned { oid: oid.parse().unwrap(), parameters };
        let parts = [signed, algorithm.to_der().unwrap(), b"\x03\x04\0sig".to_vec()].concat();
        Any::new(Tag::Sequence, parts).unwrap().to_der().unwrap()
    }

    #[test]
    fn the_hash_is_the_signatures() {
        let rsa = |last: u8| format!("1.2.840.113549.1.1.{last}");
        let sha384_pss = [0x30, 15, 0xa0, 13, 0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2];
        let sha1_pss_with_salt = [0x30, 5, 0xa2, 3, 2, 1, 20];
        for (oid, parameters, octets) in [
            (rsa(4), &b"\x05\0"[..], Some(32)), // MD5 and SHA-1 count as SHA-256
            (rsa(5), b"\x05\0", Some(32)),
            (rsa(11), b"\x05\0", Some(32)),
            (rsa(12), b"\x05\0", Some(48)),
            (rsa(13), b"\x05\0", Some(64)),
            (rsa(10), b"\x30\0", Some(32)),
            (rsa(10), &sha1_pss_with_salt, Some(32)),
            (rsa(10), &sha384_pss, Some(48)),
            (rsa(10), b"", None), // RFC 4055 §3.1: there have to be parameters
            ("1.2.840.10045.4.1".to_owned(), b"", Some(32)),
            ("1.2.840.10045.4.3.2".to_owned(), b"", Some(32)),
            ("1.2.840.10045.4.3.3".to_owned(), b"", Some(48)),
            ("1.2.840.10045.4.3.4".to_owned(), b"", Some(64)),
            ("1.3.101.112".to_owned(), b"", None), // Ed25519
        ] {
            let certificate = certificate(&oid, parameters);
            assert_eq!(of(&certificate).map(|hash| hash.len()), octets, "{oid}");
            for cut in 0..certificate.len() {
                assert_eq!(of(certificate.get(..cut).unwrap_or_default()), None);
            }
        }
        let made = rcgen::generate_simple_self_signed(vec!["mx.example.test".to_owned()]).unwrap();
        assert_eq!(of(made.cert.der()).unwrap(), digest::digest(&SHA256, made.cert.der()).as_ref());
    }
}
