//! Signatures: the semicolon at the end of a tag-list changes nothing, and limits hold.
use gatepost_dkim::{Limits, lint, signature::Signature};

/// The law.
pub fn law(text: &str) {
    let limits = Limits::default();
    let read = Signature::parse(text, &limits);
    assert_eq!(lint::signature(text).is_ok(), read.is_ok());
    let Ok(read) = read else { return };
    assert!(read.headers.contains("From") && read.headers.iter().count() <= limits.signed_names);
    if !text.trim_end().ends_with(';') {
        assert_eq!(Signature::parse(&format!("{text};"), &limits), Ok(read));
    }
}
