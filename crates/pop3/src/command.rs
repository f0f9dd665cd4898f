//! Commands (RFC 1939, RFC 2449, RFC 2595, RFC 5034, RFC 6856), each from one whole line.

use gatepost_sasl::Secret;
use thiserror::Error;

/// A command. Message numbers are from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Command {
    User(String),
    Pass(Secret),
    Auth { mechanism: Option<String>, initial: Option<Secret> },
    Stls,
    Capa,
    Utf8,
    Lang(Option<String>),
    Stat,
    List(Option<usize>),
    Uidl(Option<usize>),
    Retr(usize),
    Top(usize, u64),
    Dele(usize),
    Noop,
    Rset,
    Quit,
}

/// Why a line is not a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CommandError {
    /// No such keyword.
    #[error("unknown command")]
    Unknown,
    /// The arguments do not follow the grammar.
    #[error("malformed arguments")]
    Arguments,
}

impl Command {
    /// Reads a line without its CRLF.
    pub fn parse(line: &[u8]) -> Result<Self, CommandError> {
        let text = std::str::from_utf8(line).map_err(|_| CommandError::Arguments)?;
        let (keyword, rest) = text.split_once(' ').map_or((text, None), |(keyword, rest)| (keyword, Some(rest)));
        let none = |command: Command| {
            if rest.is_none() { Ok(command) } else { Err(CommandError::Arguments) }
        };
        let needed = || rest.filter(|rest| !rest.is_empty()).ok_or(CommandError::Arguments);
        match keyword.to_ascii_uppercase().as_str() {
            "USER" => Ok(Command::User(needed()?.to_owned())),
            // RFC 1939 §7: spaces belong to the password
            "PASS" => Ok(Command::Pass(Secret::new(needed()?.as_bytes()))),
            "AUTH" => auth(rest),
            "STLS" => none(Command::Stls),
            "CAPA" => none(Command::Capa),
            "UTF8" => none(Command::Utf8),
            "LANG" => Ok(Command::Lang(rest.map(language).transpose()?)),
            "STAT" => none(Command::Stat),
            "LIST" => Ok(Command::List(rest.map(number).transpose()?)),
            "UIDL" => Ok(Command::Uidl(rest.map(number).transpose()?)),
            "RETR" => Ok(Command::Retr(number(needed()?)?)),
            "TOP" => top(needed()?),
            "DELE" => Ok(Command::Dele(number(needed()?)?)),
            "NOOP" => none(Command::Noop),
            "RSET" => none(Command::Rset),
            "QUIT" => none(Command::Quit),
            _ => Err(CommandError::Unknown),
        }
    }
}

/// `language-range` (RFC 4647 §2.1).
fn language(text: &str) -> Result<String, CommandError> {
    let part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|octet| octet.is_ascii_alphanumeric());
    if text == "*" || text.split('-').all(part) { Ok(text.to_owned()) } else { Err(CommandError::Arguments) }
}

/// Whether a line is of a protocol that browsers can be made to speak to any port.
pub(crate) fn is_http(line: &[u8]) -> bool {
    let method = line.split(|octet| *octet == b' ').next().unwrap_or_default();
    ["GET", "HEAD", "POST", "PUT", "PATCH", "OPTIONS", "CONNECT", "DELETE", "TRACE", "PRI"]
        .iter()
        .any(|name| name.as_bytes() == method)
}

fn number(text: &str) -> Result<usize, CommandError> {
    digits(text).and_then(|digits| digits.parse().ok()).filter(|number| *number > 0).ok_or(CommandError::Arguments)
}

fn digits(text: &str) -> Option<&str> {
    let ok = (1..=18).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
    ok.then_some(text)
}

fn top(rest: &str) -> Result<Command, CommandError> {
    let (message, lines) = rest.split_once(' ').ok_or(CommandError::Arguments)?;
    let lines = digits(lines).and_then(|digits| digits.parse().ok()).ok_or(CommandError::Arguments)?;
    Ok(Command::Top(number(message)?, lines))
}

/// `AUTH [mechanism [initial-response]]` (RFC 5034 §4); without a mechanism it asks for the list.
fn auth(rest: Option<&str>) -> Result<Command, CommandError> {
    let mut words = rest.into_iter().flat_map(|rest| rest.split(' '));
    let mechanism = words.next().map(str::to_ascii_uppercase);
    let initial = words.next().map(Secret::from);
    let ok = words.next().is_none() && mechanism.as_ref().is_none_or(|name| (1..=20).contains(&name.len()));
    if ok { Ok(Command::Auth { mechanism, initial }) } else { Err(CommandError::Arguments) }
}
