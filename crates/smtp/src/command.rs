//! Commands (RFC 5321 §4.1.1), each from one whole line.

use gatepost_sasl::Secret;
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
        /// In base64: it may be a password.
        initial: Option<Secret>,
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
        let (verb, rest) = cut(text, b' ');
        let rest = rest.unwrap_or_default();
        let none = |command: Command| if rest.is_empty() { Ok(command) } else { Err(CommandError::Syntax) };
        let name = &mut [0; 8]; // no verb is longer
        let name = upper(verb, name);
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

/// What is in front of an ASCII octet, and what is behind it if it is there.
pub(crate) fn cut(text: &str, at: u8) -> (&str, Option<&str>) {
    let found = text.bytes().position(|octet| octet == at);
    let pieces = found.and_then(|found| Some((text.get(..found)?, text.get(found + 1..))));
    pieces.unwrap_or((text, None))
}

/// A word in upper case; nothing if it is longer than all that are known.
pub(crate) fn upper<'a>(word: &str, buffer: &'a mut [u8]) -> &'a [u8] {
    let Some(upper) = buffer.get_mut(..word.len()) else {
        return &[];
    };
    upper.copy_from_slice(word.as_bytes());
    upper.make_ascii_uppercase();
    upper
}

/// UTF-8 without control characters.
fn text(line: &[u8]) -> Result<&str, CommandError> {
    match std::str::from_utf8(line) {
        Ok(text) if is_plain(line) || !text.chars().any(char::is_control) => Ok(text),
        _ => Err(CommandError::Characters),
    }
}

/// Whether there are but printable octets of ASCII: 16 at a time, without a branch, the last ones twice. This stands in front
/// of every command.
fn is_plain(line: &[u8]) -> bool {
    let look = |seen: bool, octet: &u8| seen | octet.is_ascii_control() | !octet.is_ascii();
    let (blocks, rest) = line.as_chunks::<16>();
    let rest = line.last_chunk::<16>().map_or(rest, |last| last);
    !blocks.iter().fold(rest.iter().fold(false, look), |seen, block| seen | block.iter().fold(false, look))
}

/// `EHLO SP ( Domain / address-literal )`. Real clients send odd names; what can not be mistaken for syntax is taken.
fn hello(name: &str, extended: bool) -> Result<Hello, CommandError> {
    let ok = !name.is_empty() && name.len() <= 255 && name.bytes().all(|octet| octet.is_ascii_graphic());
    if ok { Ok(Hello { name: name.to_owned(), extended }) } else { Err(CommandError::Syntax) }
}

/// `BDAT SP chunk-size [ SP "LAST" ]`
fn bdat(rest: &str) -> Result<Command, CommandError> {
    let (size, last) = cut(rest, b' ');
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
    let (mechanism, initial) = cut(rest, b' ');
    let ok = !mechanism.is_empty() && mechanism.len() <= 20 && !initial.is_some_and(|initial| initial.contains(' '));
    if !ok {
        return Err(CommandError::Syntax);
    }
    Ok(Command::Auth { mechanism: mechanism.to_ascii_uppercase(), initial: initial.map(Secret::from) })
}
