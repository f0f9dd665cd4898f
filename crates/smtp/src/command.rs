//! Commands (RFC 5321 §4.1.1), each from one whole line.

use std::fmt;

use gatepost_syntax::MailboxError;
use thiserror::Error;

use crate::envelope::{MailFrom, RcptTo};
use crate::parameters;

/// A command. What is used at once is a part of the line; MAIL and RCPT have what a transaction keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Command<'a> {
    /// What the client calls itself: printable ASCII without spaces.
    Ehlo(&'a str),
    /// Likewise.
    Helo(&'a str),
    /// EHLO of LMTP (RFC 2033 §4.1).
    Lhlo(&'a str),
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
        mechanism: &'a str,
        initial: Option<Initial<'a>>,
    },
}

/// The initial response of AUTH in base64 (RFC 4954 §4). It may be a password: it is not shown, and who has the line wipes it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Initial<'a>(pub &'a str);

impl fmt::Debug for Initial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Initial(…)")
    }
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
    /// The forward-path is malformed.
    #[error("malformed path: {0}")]
    Path(MailboxError),
    /// The reverse-path is malformed.
    #[error("malformed path: {0}")]
    Sender(MailboxError),
    /// A parameter that is not offered (RFC 5321 §4.1.1.11).
    #[error("parameter not recognized")]
    Parameter,
    /// A parameter that stands twice.
    #[error("duplicate parameter")]
    Duplicate,
    /// UTF-8 in the path of MAIL without SMTPUTF8 (RFC 6531 §3.5). Of RCPT the line alone does not tell.
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

impl<'a> Command<'a> {
    /// Reads a line without its CRLF.
    pub fn parse(line: &'a [u8]) -> Result<Self, CommandError> {
        Self::parse_with(line, Paths::Strict)
    }

    /// Reads a line without its CRLF.
    pub fn parse_with(line: &'a [u8], paths: Paths) -> Result<Self, CommandError> {
        let mut line = line;
        while let [front @ .., b' '] = line {
            line = front;
        }
        let length = line.iter().take(VERB_OCTETS + 1).take_while(|octet| **octet != b' ').count();
        if length > VERB_OCTETS {
            return Err(unknown(line));
        }
        let (word, rest) = line.split_at_checked(length).unwrap_or((line, b""));
        let rest = text(rest.get(1..).unwrap_or_default())?;
        let none = |command: Command<'a>| if rest.is_empty() { Ok(command) } else { Err(CommandError::Syntax) };
        match (length, verb(word)) {
            (4, MAIL) => parameters::mail(rest, paths),
            (4, RCPT) => parameters::rcpt(rest, paths),
            (4, VRFY | EXPN) if rest.is_empty() => Err(CommandError::Syntax), // RFC 5321 §4.1.1.6, §4.1.1.7
            (4, VRFY) => Ok(Command::Vrfy),                                   // may have UTF-8 (RFC 6531 §3.7.4.2)
            (4, EXPN) => Ok(Command::Expn),
            _ if !rest.is_ascii() => Err(CommandError::Characters),
            (4, EHLO) => hello(rest).map(Command::Ehlo),
            (4, HELO) => hello(rest).map(Command::Helo),
            (4, LHLO) => hello(rest).map(Command::Lhlo),
            (4, DATA) => none(Command::Data),
            (4, BDAT) => bdat(rest),
            (4, RSET) => none(Command::Rset),
            (4, NOOP) => Ok(Command::Noop),
            (4, QUIT) => none(Command::Quit),
            (4, HELP) => Ok(Command::Help),
            (8, STARTTLS) => none(Command::StartTls),
            (4, AUTH) => auth(rest),
            _ => Err(unknown(line)),
        }
    }
}

const VERB_OCTETS: usize = 8; // of the longest verb
const EHLO: u64 = verb(b"EHLO");
const HELO: u64 = verb(b"HELO");
const LHLO: u64 = verb(b"LHLO");
const MAIL: u64 = verb(b"MAIL");
const RCPT: u64 = verb(b"RCPT");
const DATA: u64 = verb(b"DATA");
const BDAT: u64 = verb(b"BDAT");
const RSET: u64 = verb(b"RSET");
const NOOP: u64 = verb(b"NOOP");
const QUIT: u64 = verb(b"QUIT");
const VRFY: u64 = verb(b"VRFY");
const EXPN: u64 = verb(b"EXPN");
const HELP: u64 = verb(b"HELP");
const STARTTLS: u64 = verb(b"STARTTLS");
const AUTH: u64 = verb(b"AUTH");

/// The last eight octets of a word as a number, in upper case: without its sixth bit no other octet equals a letter.
#[allow(clippy::as_conversions)] // an octet; `From` is not const
const fn verb(word: &[u8]) -> u64 {
    let (mut number, mut rest) = (0, word);
    while let [octet, behind @ ..] = rest {
        (number, rest) = (number << 8 | (*octet & !0x20) as u64, behind);
    }
    number
}

/// What a line is that has no verb of SMTP.
fn unknown(line: &[u8]) -> CommandError {
    const FOREIGN: [&str; 9] = ["GET", "POST", "HEAD", "PUT", "CONNECT", "OPTIONS", "DELETE", "TRACE", "PATCH"];
    let (verb, rest) = match text(line) {
        Ok(line) => cut(line, b' '),
        Err(error) => return error,
    };
    match rest.is_none_or(str::is_ascii) {
        true if FOREIGN.iter().any(|foreign| verb.eq_ignore_ascii_case(foreign)) => CommandError::Foreign,
        true => CommandError::Unknown,
        false => CommandError::Characters,
    }
}

/// What is in front of an ASCII octet, and what is behind it if it is there.
pub(crate) fn cut(text: &str, at: u8) -> (&str, Option<&str>) {
    let found = text.as_bytes().iter().position(|octet| *octet == at);
    let pieces = found.and_then(|found| Some((text.get(..found)?, text.get(found + 1..))));
    pieces.unwrap_or((text, None))
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
    let look = |seen: u8, octet: &u8| seen | u8::from(!(b' '..=b'~').contains(octet));
    let (blocks, rest) = line.as_chunks::<16>();
    let rest = line.last_chunk::<16>().map_or(rest, |last| last);
    blocks.iter().fold(rest.iter().fold(0, look), |seen, block| block.iter().fold(seen, look)) == 0
}

/// `EHLO SP ( Domain / address-literal )`. Real clients send odd names; what can not be mistaken for syntax is taken.
fn hello(name: &str) -> Result<&str, CommandError> {
    // no controls are left: only a space is not graphic
    let ok = !name.is_empty() && name.len() <= 255 && !name.contains(' ');
    if ok { Ok(name) } else { Err(CommandError::Syntax) }
}

/// `BDAT SP chunk-size [ SP "LAST" ]`
fn bdat(rest: &str) -> Result<Command<'static>, CommandError> {
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
    let mut number = 0u64;
    for octet in text.bytes() {
        let digit = octet.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.saturating_mul(10).saturating_add(digit.into());
    }
    (1..=20).contains(&text.len()).then_some(number)
}

fn auth(rest: &str) -> Result<Command<'_>, CommandError> {
    let (mechanism, initial) = cut(rest, b' ');
    let ok = !mechanism.is_empty() && mechanism.len() <= 20 && !initial.is_some_and(|initial| initial.contains(' '));
    if ok { Ok(Command::Auth { mechanism, initial: initial.map(Initial) }) } else { Err(CommandError::Syntax) }
}
