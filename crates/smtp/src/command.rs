//! Commands (RFC 5321 §4.1.1), each from one whole line.

use gatepost_syntax::MailboxError;
use thiserror::Error;

use crate::envelope::{Hello, MailFrom, RcptTo};
use crate::parameters;

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Command {
    /// HELO and EHLO.
    Hello(Hello),
    /// LHLO: EHLO of LMTP (RFC 2033 §4.1).
    Lhlo(Hello),
    Mail(MailFrom),
    Rcpt(RcptTo),
    Data,
    /// RFC 3030 §2: so many octets follow the line.
    Bdat {
        octets: u64,
        last: bool,
    },
    Rset,
    Noop,
    Quit,
    Vrfy,
    Expn,
    Help,
    StartTls,
    Auth {
        mechanism: String,
        initial: Option<String>,
    },
}

/// Why a line is not a command.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CommandError {
    /// No such verb.
    #[error("command not recognized")]
    Unknown,
    /// A verb of another protocol: the peer is not speaking SMTP.
    #[error("this is an SMTP server")]
    Foreign,
    /// The arguments do not follow the grammar.
    #[error("syntax error in parameters")]
    Syntax,
    /// BDAT whose count can not be read: where the next command begins is not known.
    #[error("syntax error in BDAT")]
    Chunk,
    /// The path is malformed.
    #[error("malformed path: {0}")]
    Path(MailboxError),
    /// A parameter that is not offered (RFC 5321 §4.1.1.11).
    #[error("parameter not recognized")]
    Parameter,
    /// A parameter that stands twice.
    #[error("duplicate parameter")]
    Duplicate,
    /// UTF-8 in a path without SMTPUTF8 (RFC 6531 §3.4).
    #[error("UTF-8 needs SMTPUTF8")]
    Utf8,
    /// The line is not UTF-8, has control characters, or has UTF-8 where no command has any.
    #[error("characters that no command has")]
    Characters,
}

/// How paths of MAIL and RCPT may be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paths {
    /// As RFC 5321 §4.1.2 says.
    #[default]
    Strict,
    /// Also with spaces behind the colon and without angle brackets, as some old clients write them (RFC 5321 §3.3 warns
    /// of them). What is accepted so is the same path.
    Lenient,
}

impl Command {
    /// Reads a line without its CRLF.
    pub fn parse(line: &[u8]) -> Result<Self, CommandError> {
        Self::parse_with(line, Paths::Strict)
    }

    /// Reads a line without its CRLF.
    pub fn parse_with(line: &[u8], paths: Paths) -> Result<Self, CommandError> {
        let text = text(line)?.trim_end_matches(' ');
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        let none = |command: Command| if rest.is_empty() { Ok(command) } else { Err(CommandError::Syntax) };
        let mut name = [0; 8]; // no verb is longer
        let name = match name.get_mut(..verb.len()) {
            None => return Err(CommandError::Unknown),
            Some(name) => {
                name.copy_from_slice(verb.as_bytes());
                name.make_ascii_uppercase();
                &*name
            }
        };
        match name {
            b"MAIL" => return parameters::mail(rest, paths),
            b"RCPT" => return parameters::rcpt(rest, paths),
            b"VRFY" => return Ok(Command::Vrfy), // may have UTF-8 (RFC 6531 §3.7.4.2)
            b"EXPN" => return Ok(Command::Expn),
            _ if !rest.is_ascii() => return Err(CommandError::Characters),
            _ => {}
        }
        match name {
            b"EHLO" => hello(rest, true).map(Command::Hello),
            b"HELO" => hello(rest, false).map(Command::Hello),
            b"LHLO" => hello(rest, true).map(Command::Lhlo),
            b"DATA" => none(Command::Data),
            b"BDAT" => bdat(rest),
            b"RSET" => none(Command::Rset),
            b"NOOP" => Ok(Command::Noop),
            b"QUIT" => none(Command::Quit),
            b"HELP" => Ok(Command::Help),
            b"STARTTLS" => none(Command::StartTls),
            b"AUTH" => auth(rest),
            b"GET" | b"POST" | b"HEAD" | b"PUT" | b"CONNECT" | b"OPTIONS" | b"DELETE" | b"TRACE" | b"PATCH" => {
                Err(CommandError::Foreign)
            }
            _ => Err(CommandError::Unknown),
        }
    }
}

/// UTF-8 without control characters.
fn text(line: &[u8]) -> Result<&str, CommandError> {
    // without a branch an octet: this stands in front of every command
    let control = line.iter().fold(false, |control, octet| control | octet.is_ascii_control());
    match std::str::from_utf8(line) {
        Ok(text) if !control && (text.is_ascii() || !text.chars().any(char::is_control)) => Ok(text),
        _ => Err(CommandError::Characters),
    }
}

/// `EHLO SP ( Domain / address-literal )`. Real clients send odd names; what can not be mistaken for syntax is taken.
fn hello(name: &str, extended: bool) -> Result<Hello, CommandError> {
    let ok = !name.is_empty() && name.len() <= 255 && name.bytes().all(|octet| octet.is_ascii_graphic());
    if ok { Ok(Hello { name: name.to_owned(), extended }) } else { Err(CommandError::Syntax) }
}

/// `BDAT SP chunk-size [ SP "LAST" ]`
fn bdat(rest: &str) -> Result<Command, CommandError> {
    let (size, last) = rest.split_once(' ').map_or((rest, None), |(size, last)| (size, Some(last)));
    let last = match last {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("LAST") => true,
        Some(_) => return Err(CommandError::Chunk),
    };
    Ok(Command::Bdat { octets: number(size).ok_or(CommandError::Chunk)?, last })
}

/// `1*20DIGIT` (RFC 1870 §6); what does not fit is the largest.
pub(crate) fn number(text: &str) -> Option<u64> {
    let digits = (1..=20).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
    if digits { Some(text.parse().unwrap_or(u64::MAX)) } else { None }
}

fn auth(rest: &str) -> Result<Command, CommandError> {
    let (mechanism, initial) = rest.split_once(' ').map_or((rest, None), |(name, initial)| (name, Some(initial)));
    let ok = !mechanism.is_empty() && mechanism.len() <= 20 && !initial.is_some_and(|initial| initial.contains(' '));
    if !ok {
        return Err(CommandError::Syntax);
    }
    Ok(Command::Auth { mechanism: mechanism.to_ascii_uppercase(), initial: initial.map(str::to_owned) })
}
