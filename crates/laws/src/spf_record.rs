//! A record that parses is made of its terms: each span holds one, and advice stays inside.
use gatepost_spf::lint::lint;
use gatepost_spf::record::Record;

/// The law.
pub fn law(text: &str) {
    let Ok(record) = Record::parse(text) else { return };
    assert_eq!(record.as_str(), text);
    for directive in &record.directives {
        let alone = Record::parse(&format!("v=spf1 {}", record.term(&directive.span))).unwrap();
        assert_eq!(alone.directives[0].mechanism, directive.mechanism);
    }
    assert!(lint(text).unwrap().iter().all(|lint| text.get(lint.span.clone()).is_some()));
}
