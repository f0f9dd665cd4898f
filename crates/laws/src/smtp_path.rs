//! Paths and address literals are read as they are printed, and hold nothing that ends a command.
use gatepost_syntax::{ForwardPath, Host, ReversePath};

/// The law.
pub fn law(text: &str) {
    if let Ok(path) = ReversePath::parse(text) {
        let printed = path.to_string();
        assert!(!printed.contains(char::is_control));
        assert_eq!(ReversePath::parse(&printed).unwrap(), path);
        if let Some(Host::Address(_) | Host::Literal(_)) = path.mailbox().map(|mailbox| mailbox.host()) {
            assert!(printed.ends_with("]>"));
        }
    }
    if let Ok(path) = ForwardPath::parse(text) {
        assert_eq!(ForwardPath::parse(&path.to_string()).unwrap(), path);
    }
}
