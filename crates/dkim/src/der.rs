//! A strict DER reader for RSA public keys: definite minimal lengths, no trailing octets.

/// A public key as PKCS#1 `RSAPublicKey`, with the size of its modulus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RsaKey {
    pub(crate) pkcs1: Vec<u8>,
    pub(crate) bits: usize,
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const NULL: u8 = 0x05;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// rsaEncryption, 1.2.840.113549.1.1.1
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// Reads a key in either form that DKIM keys have: SubjectPublicKeyInfo, or RSAPublicKey (RFC 6376 §3.6.1).
pub(crate) fn rsa_key(der: &[u8]) -> Option<RsaKey> {
    let pkcs1 = unwrap_spki(der).unwrap_or(der);
    let bits = modulus_bits(pkcs1)?;
    Some(RsaKey { pkcs1: pkcs1.to_vec(), bits })
}

fn unwrap_spki(der: &[u8]) -> Option<&[u8]> {
    let info = only(der, SEQUENCE)?;
    let (algorithm, rest) = element(info, SEQUENCE)?;
    let (oid, parameters) = element(algorithm, OID)?;
    let parameters_ok = parameters.is_empty() || only(parameters, NULL) == Some(&[]);
    let key = only(rest, BIT_STRING)?.strip_prefix(&[0])?;
    (oid == RSA_ENCRYPTION && parameters_ok).then_some(key)
}

/// `SEQUENCE { modulus INTEGER, publicExponent INTEGER }`; the exponent is odd, at least 3, at most 33 bits.
fn modulus_bits(pkcs1: &[u8]) -> Option<usize> {
    let (modulus, rest) = element(only(pkcs1, SEQUENCE)?, INTEGER)?;
    let exponent = positive(only(rest, INTEGER)?)?;
    let modulus = positive(modulus)?;
    let small = exponent.len() < 5 || (exponent.len() == 5 && exponent.first() == Some(&1));
    let odd = exponent.last().is_some_and(|octet| octet & 1 == 1);
    let first = modulus.first()?;
    let leading = usize::try_from(first.leading_zeros()).ok()?;
    (small && odd && exponent != [1]).then_some(modulus.len() * 8 - leading)
}

/// The octets of a positive INTEGER in its shortest form, without the sign octet.
fn positive(integer: &[u8]) -> Option<&[u8]> {
    match integer {
        [0, rest @ ..] => rest.first().filter(|octet| **octet >= 0x80).map(|_| rest),
        [first, ..] if *first < 0x80 => Some(integer),
        _ => None,
    }
}

fn only(der: &[u8], tag: u8) -> Option<&[u8]> {
    element(der, tag).filter(|(_, rest)| rest.is_empty()).map(|(content, _)| content)
}

/// One element of this tag: its content, and what follows.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    if *found != tag {
        return None;
    }
    let (length, rest) = match *length {
        short @ 0..=0x7f => (usize::from(short), rest),
        0x81 => {
            let (octet, rest) = rest.split_first()?;
            (Some(usize::from(*octet)).filter(|length| *length >= 0x80)?, rest)
        }
        0x82 => {
            let (octets, rest) = rest.split_first_chunk::<2>()?;
            (Some(usize::from(u16::from_be_bytes(*octets))).filter(|length| *length > 0xff)?, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// SubjectPublicKeyInfo around an RSAPublicKey.
pub(crate) fn spki(pkcs1: &[u8]) -> Vec<u8> {
    let algorithm = [wrapped(OID, RSA_ENCRYPTION), vec![NULL, 0]].concat();
    let key = [&[0], pkcs1].concat();
    wrapped(SEQUENCE, &[wrapped(SEQUENCE, &algorithm), wrapped(BIT_STRING, &key)].concat())
}

fn wrapped(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    let mut out = vec![tag];
    match length {
        0..=0x7f => out.push(low),
        0x80..=0xff => out.extend([0x81, low]),
        _ => out.extend([0x82, high, low]),
    }
    out.extend_from_slice(content);
    out
}
