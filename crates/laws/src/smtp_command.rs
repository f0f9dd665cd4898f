//! MAIL and RCPT are read as they are written, and are one line; lenient reading accepts what strict reading does.
use gatepost_smtp::{Command, Paths};

/// The law.
pub fn law(line: &[u8]) {
    let parsed = Command::parse(line);
    let printed = match &parsed {
        Ok(Command::Mail(mail)) => mail.to_string(),
        Ok(Command::Rcpt(recipient)) => recipient.to_string(),
        _ => return,
    };
    assert!(!printed.contains(char::is_control));
    assert_eq!(Command::parse(printed.as_bytes()), parsed);
    if let Ok(Command::Rcpt(recipient)) = &parsed {
        assert_eq!(Command::parse(format!("{recipient:#}").as_bytes()), parsed);
    }
    assert_eq!(Command::parse_with(line, Paths::Lenient), parsed);
}
