//! Printed mailboxes and domains are read back.
use gatepost_syntax::{Domain, Mailbox, author};

/// The law.
pub fn law(text: &str) {
    if let Ok(mailbox) = Mailbox::parse(text) {
        assert_eq!(Mailbox::parse(&mailbox.to_string()).unwrap(), mailbox);
    }
    if let Ok(domain) = Domain::parse(text) {
        assert_eq!(Domain::parse(domain.as_str()).unwrap(), domain);
    }
    let _ = author::parse(text);
}
