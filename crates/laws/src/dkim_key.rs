//! Key records, and any octets as the key in them: only a revoked key has no size, and none verifies what it did not sign.
use gatepost_dkim::{Algorithm, lint, record::KeyRecord};
use gatepost_syntax::base64;

/// The law.
pub fn law(octets: &[u8]) {
    let key = base64::encode(octets);
    let text = String::from_utf8_lossy(octets).into_owned();
    for record in [text, format!("k=rsa; p={key}"), format!("v=DKIM1; k=ed25519; p={key}")] {
        let read = KeyRecord::parse(&record);
        assert_eq!(lint::key(&record).is_ok(), read.is_ok());
        let Ok(read) = read else { continue };
        assert_eq!(read.is_revoked(), read.bits() == 0);
        assert!(!read.verifies(Algorithm::RsaSha256, b"a message", octets));
        assert!(!read.verifies(Algorithm::Ed25519Sha256, b"a message", octets));
    }
}
