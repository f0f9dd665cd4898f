//! The `tls-server-end-point` channel binding (RFC 5929 §4): the server's certificate under its signature's hash.

use ring::digest::{self, Algorithm, SHA256, SHA384, SHA512};

use super::certificate::inside;

/// Of a certificate in DER; `None` where its signature algorithm has no one hash, as Ed25519 has none.
pub(super) fn of(certificate: &[u8]) -> Option<Vec<u8>> {
    Some(digest::digest(signature_hash(certificate)?, certificate).as_ref().to_vec())
}

/// `Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID, parameters }, … }`.
fn signature_hash(certificate: &[u8]) -> Option<&'static Algorithm> {
    let (certificate, _) = inside(certificate, 0x30)?;
    let (_, rest) = inside(certificate, 0x30)?;
    let (algorithm, _) = inside(rest, 0x30)?;
    let (oid, parameters) = inside(algorithm, 0x06)?;
    match oid {
        // MD5 and SHA-1 count as SHA-256
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4 | 5 | 11] => Some(&SHA256),
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12] => Some(&SHA384),
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13] => Some(&SHA512),
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10] => pss_hash(parameters),
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1] | [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2] => Some(&SHA256),
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3] => Some(&SHA384),
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4] => Some(&SHA512),
        _ => None,
    }
}

/// `RSASSA-PSS-params ::= SEQUENCE { [0] SEQUENCE { OID } DEFAULT sha1, … }` (RFC 4055 §3.1).
fn pss_hash(parameters: &[u8]) -> Option<&'static Algorithm> {
    let (parameters, _) = inside(parameters, 0x30)?;
    let Some((hash, _)) = inside(parameters, 0xa0) else {
        return Some(&SHA256);
    };
    let (hash, _) = inside(hash, 0x30)?;
    match inside(hash, 0x06)?.0 {
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1] | [0x2b, 0x0e, 3, 2, 0x1a] => Some(&SHA256),
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2] => Some(&SHA384),
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3] => Some(&SHA512),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate's frame around a signature algorithm.
    fn certificate(oid: &[u8], parameters: &[u8]) -> Vec<u8> {
        let wrap = |tag: u8, inside: &[u8]| [&[tag, u8::try_from(inside.len()).unwrap_or(0)], inside].concat();
        let algorithm = wrap(0x30, &[wrap(0x06, oid), parameters.to_vec()].concat());
        wrap(0x30, &[wrap(0x30, b"tbs"), algorithm, wrap(0x03, b"\0sig")].concat())
    }

    #[test]
    fn the_hash_is_the_signatures() {
        let rsa = |last| [&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1][..], &[last]].concat();
        let sha384_pss = [0x30, 15, 0xa0, 13, 0x30, 11, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2];
        for (oid, parameters, octets) in [
            (rsa(5), &b"\x05\0"[..], Some(32)), // SHA-1 counts as SHA-256
            (rsa(11), b"\x05\0", Some(32)),
            (rsa(12), b"\x05\0", Some(48)),
            (rsa(13), b"\x05\0", Some(64)),
            (rsa(10), b"\x30\0", Some(32)),
            (rsa(10), &sha384_pss, Some(48)),
            (vec![0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4], b"", Some(64)),
            (vec![0x2b, 0x65, 0x70], b"", None), // Ed25519
        ] {
            let certificate = certificate(&oid, parameters);
            assert_eq!(of(&certificate).map(|hash| hash.len()), octets, "{oid:x?}");
            for cut in 0..certificate.len() - 7 {
                assert_eq!(of(certificate.get(..cut).unwrap_or_default()), None);
            }
        }
    }
}
