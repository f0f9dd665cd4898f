//! RSA keys in DER: what is read is the one encoding of its numbers, each encoding is read, and the bits are the modulus's.
use gatepost_dkim::record::KeyRecord;
use gatepost_syntax::base64;

const RSA_ENCRYPTION: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];

fn bits(der: &[u8]) -> Option<usize> {
    KeyRecord::parse(&format!("p={}", base64::encode(der))).ok().map(|key| key.bits())
}

fn wrapped(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let length = match (high, low) {
        (0, ..=0x7f) => vec![low],
        (0, _) => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [vec![tag], length, content.to_vec()].concat()
}

fn trimmed(number: &[u8]) -> &[u8] {
    &number[number.iter().take_while(|octet| **octet == 0).count()..]
}

fn integer(number: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if number.first().is_some_and(|first| *first >= 0x80) { &[0] } else { &[] };
    wrapped(2, &[sign, number].concat())
}

/// RSAPublicKey, and SubjectPublicKeyInfo with and without parameters.
fn encodings(modulus: &[u8], exponent: &[u8]) -> [Vec<u8>; 3] {
    let pkcs1 = wrapped(0x30, &[integer(modulus), integer(exponent)].concat());
    let key = wrapped(3, &[&[0], pkcs1.as_slice()].concat());
    let info = |parameters: &[u8]| {
        wrapped(0x30, &[wrapped(0x30, &[RSA_ENCRYPTION, parameters].concat()), key.clone()].concat())
    };
    [info(&[5, 0]), info(&[]), pkcs1]
}

/// An element of any tag, its length in any form: the content, and what follows.
fn element(der: &[u8]) -> (&[u8], &[u8]) {
    let octets = usize::from(der[1].saturating_sub(0x80));
    let long = der[2..2 + octets].iter().fold(0, |length, octet| length << 8 | usize::from(*octet));
    let length = if octets == 0 { usize::from(der[1]) } else { long };
    der[2 + octets..].split_at(length)
}

/// The law.
pub fn law(octets: &[u8]) {
    let size = |modulus: &[u8]| modulus.len() * 8 - modulus[0].leading_zeros() as usize;
    if let Some(bits) = bits(octets).filter(|_| !octets.is_empty()) {
        let (mut numbers, _) = element(octets);
        if numbers[0] == 0x30 {
            let (key, _) = element(element(numbers).1);
            numbers = element(&key[1..]).0;
        }
        let (modulus, rest) = element(numbers);
        let (modulus, exponent) = (trimmed(modulus), trimmed(element(rest).0));
        assert!(encodings(modulus, exponent).contains(&octets.to_vec()));
        assert_eq!(bits, size(modulus));
    }
    let modulus = trimmed(&octets[..octets.len().min(4096)]);
    if !modulus.is_empty() {
        for der in encodings(modulus, &[1, 0, 1]) {
            assert_eq!(bits(&der), Some(size(modulus)));
            assert_eq!(bits(&[der, vec![0]].concat()), None);
        }
    }
}
