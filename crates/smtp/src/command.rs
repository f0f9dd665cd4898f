//! Commands (RFC 5321 §4.1.1), each from one whole line.

use gatepost_syntax::{ForwardPath, MailboxError, ReversePath, split_path};
use thiserror::Error;

use crate::envelope::{Body, Hello, MailFrom, RcptTo};

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Command {
    Hello(Hello),
    Mail(MailFrom),
    Rcpt(RcptTo),
    Data,
    Rset,
    Noop,
    Quit,
    Vrfy,
    Expn,
    Help,
    StartTls,
    Auth { mechanism: String, initial: Option<String> },
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
    /// The line is not UTF-8 or has control characters.
    #[error("characters that no command has")]
    Characters,
}

impl Command {
    /// Reads a line without its CRLF.
    pub fn parse(line: &[u8]) -> Result<Self, CommandError> {
        let text = std::str::from_utf8(line).map_err(|_| CommandError::Characters)?;
        if text.chars().any(char::is_control) {
            return Err(CommandError::Characters);
        }
        let text = text.trim_end_matches(' ');
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        let none = |command: Command| {
            if rest.is_empty() { Ok(command) } else { Err(CommandError::Syntax) }
        };
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => hello(rest, true),
            "HELO" => hello(rest, false),
            "MAIL" => mail(rest),
            "RCPT" => rcpt(rest),
            "DATA" => none(Command::Data),
            "RSET" => none(Command::Rset),
            "NOOP" => Ok(Command::Noop),
            "QUIT" => none(Command::Quit),
            "VRFY" => Ok(Command::Vrfy),
            "EXPN" => Ok(Command::Expn),
            "HELP" => Ok(Command::Help),
            "STARTTLS" => none(Command::StartTls),
            "AUTH" => auth(rest),
            "GET" | "POST" | "HEAD" | "PUT" | "CONNECT" | "OPTIONS" | "DELETE" => Err(CommandError::Foreign),
            _ => Err(CommandError::Unknown),
        }
    }
}

/// `EHLO SP ( Domain / address-literal )`. Real clients send odd names; what can not be mistaken for syntax is taken.
fn hello(name: &str, extended: bool) -> Result<Command, CommandError> {
    let ok = !name.is_empty() && name.len() <= 255 && name.bytes().all(|octet| octet.is_ascii_graphic());
    if ok { Ok(Command::Hello(Hello { name: name.to_owned(), extended })) } else { Err(CommandError::Syntax) }
}

/// Parameters of MAIL and RCPT: names in upper case, values as written.
type Parameters<'a> = Vec<(String, Option<&'a str>)>;

/// What follows `FROM:` or `TO:`: the path and the parameters.
fn path_and_parameters<'a>(rest: &'a str, keyword: &str) -> Result<(&'a str, Parameters<'a>), CommandError> {
    let (head, rest) = rest.split_at_checked(keyword.len()).ok_or(CommandError::Syntax)?;
    if !head.eq_ignore_ascii_case(keyword) {
        return Err(CommandError::Syntax);
    }
    let (path, rest) = split_path(rest).ok_or(CommandError::Path(MailboxError::Brackets))?;
    if !rest.is_empty() && !rest.starts_with(' ') {
        return Err(CommandError::Syntax);
    }
    let mut parameters = Parameters::new();
    for word in rest.split(' ').filter(|word| !word.is_empty()).take(32) {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        let name = name.to_ascii_uppercase();
        if parameters.iter().any(|(other, _)| *other == name) {
            return Err(CommandError::Duplicate);
        }
        parameters.push((name, value));
    }
    Ok((path, parameters))
}

fn mail(rest: &str) -> Result<Command, CommandError> {
    let (path, parameters) = path_and_parameters(rest, "FROM:")?;
    let path_text = path;
    let path = ReversePath::parse(path).map_err(CommandError::Path)?;
    let mut mail = MailFrom { path, size: None, body: Body::SevenBit, utf8: false };
    for (name, value) in &parameters {
        match (name.as_str(), value) {
            ("SIZE", Some(size)) => mail.size = Some(number(size).ok_or(CommandError::Syntax)?),
            ("BODY", Some(body)) if body.eq_ignore_ascii_case("7BIT") => mail.body = Body::SevenBit,
            ("BODY", Some(body)) if body.eq_ignore_ascii_case("8BITMIME") => mail.body = Body::EightBitMime,
            ("SMTPUTF8", None) => mail.utf8 = true,
            // RFC 4954 §5: anybody may send it; nothing is concluded from it
            ("AUTH", Some(_)) => {}
            ("SIZE" | "BODY" | "SMTPUTF8" | "AUTH", _) => return Err(CommandError::Syntax),
            _ => return Err(CommandError::Parameter),
        }
    }
    if path_text.is_ascii() || mail.utf8 { Ok(Command::Mail(mail)) } else { Err(CommandError::Utf8) }
}

fn rcpt(rest: &str) -> Result<Command, CommandError> {
    let (path, parameters) = path_and_parameters(rest, "TO:")?;
    if !parameters.is_empty() {
        return Err(CommandError::Parameter);
    }
    Ok(Command::Rcpt(RcptTo { path: ForwardPath::parse(path).map_err(CommandError::Path)? }))
}

/// `1*20DIGIT` (RFC 1870 §6).
fn number(text: &str) -> Option<u64> {
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
