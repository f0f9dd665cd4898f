//! An envelope of the queue's folder: what can be read is written so that it is read again, and the same.
use gatepost_queue::Entry;

/// The law.
pub fn law(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let Ok(entry) = Entry::parse("1-2-3", &text) else { return };
    let written = entry.to_json();
    let again = Entry::parse("1-2-3", &written).unwrap();
    assert_eq!(again, entry);
    assert_eq!(again.to_json(), written);
}
