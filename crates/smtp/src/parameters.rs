//! MAIL and RCPT (RFC 5321 §4.1.1.2, §4.1.1.3): a path and parameters.

use gatepost_syntax::{ForwardPath, MailboxError, ReversePath};

use crate::command::{Command, CommandError, Paths, cut, number};
use crate::dsn::{EnvelopeId, Notify, OriginalRecipient, is_xtext};
use crate::envelope::{Body, MailFrom, RcptTo};
use crate::report::Returned;

/// `FROM:` Reverse-path [SP Mail-parameters]
pub(crate) fn mail(rest: &str, paths: Paths) -> Result<Command<'static>, CommandError> {
    let (path, written, mut rest) =
        split_path(rest, "FROM:", paths, ReversePath::split).map_err(|error| match error {
            CommandError::Path(error) => CommandError::Sender(error),
            other => other,
        })?;
    let mut mail = MailFrom::new(path);
    let (mut body, mut auth) = (None, None);
    while let Some((name, value)) = parameter(&mut rest) {
        let is = |keyword: &str| name.eq_ignore_ascii_case(keyword);
        match (name.len(), value) {
            (4, Some(value)) if is("SIZE") => once(&mut mail.size, number(value))?,
            (4, Some(value)) if is("BODY") => once(&mut body, parse_body(value))?,
            (3, Some(value)) if is("RET") => once(&mut mail.ret, Returned::parse(value))?,
            (5, Some(value)) if is("ENVID") => once(&mut mail.envelope_id, EnvelopeId::parse(value))?,
            // RFC 4954 §5: anybody may send it; nothing is concluded from a mailbox
            (4, Some(value)) if is("AUTH") => {
                mail.unknown_submitter = value == "<>";
                once(&mut auth, (mail.unknown_submitter || is_xtext(value)).then_some(()))?;
            }
            (8, None) if is("SMTPUTF8") => flag(&mut mail.utf8)?,
            (10, None) if is("REQUIRETLS") => flag(&mut mail.require_tls)?,
            _ => return Err(not_taken(&["SIZE", "BODY", "RET", "ENVID", "AUTH", "SMTPUTF8", "REQUIRETLS"], name)),
        }
    }
    mail.body = body.unwrap_or_default();
    if mail.utf8 || written.is_ascii() { Ok(Command::Mail(mail)) } else { Err(CommandError::Utf8) }
}

/// `TO:` Forward-path [SP Rcpt-parameters]
pub(crate) fn rcpt(rest: &str, paths: Paths) -> Result<Command<'static>, CommandError> {
    let (path, _, mut rest) = split_path(rest, "TO:", paths, ForwardPath::split)?;
    let mut recipient = RcptTo::new(path);
    while let Some((name, value)) = parameter(&mut rest) {
        let is = |keyword: &str| name.eq_ignore_ascii_case(keyword);
        match (name.len(), value) {
            (6, Some(value)) if is("NOTIFY") => once(&mut recipient.notify, Notify::parse(value))?,
            (5, Some(value)) if is("ORCPT") => once(&mut recipient.original, OriginalRecipient::parse(value))?,
            _ => return Err(not_taken(&["NOTIFY", "ORCPT"], name)),
        }
    }
    Ok(Command::Rcpt(recipient))
}

/// Whether a line that is MAIL has a source route.
pub(crate) fn has_route(line: &[u8]) -> bool {
    let mut behind = line.iter().skip_while(|octet| **octet != b':').skip(1);
    behind.find(|octet| !matches!(octet, b' ' | b'<')) == Some(&b'@')
}

/// Whether the path of a line that is RCPT was written in ASCII.
pub(crate) fn has_ascii_path(line: &[u8], paths: Paths) -> bool {
    let rest = std::str::from_utf8(line).ok().and_then(|line| cut(line, b' ').1).unwrap_or_default();
    split_path(rest, "TO:", paths, ForwardPath::split).is_ok_and(|(_, written, _)| written.is_ascii())
}

/// A parameter of no use here: a known one with a value or without one, where it should be otherwise, or one that is not known.
fn not_taken(known: &[&str], name: &str) -> CommandError {
    let is_known = known.iter().any(|known| name.eq_ignore_ascii_case(known));
    if is_known { CommandError::Syntax } else { CommandError::Parameter }
}

fn once<T>(place: &mut Option<T>, value: Option<T>) -> Result<(), CommandError> {
    let value = value.ok_or(CommandError::Syntax)?;
    if place.replace(value).is_some() { Err(CommandError::Duplicate) } else { Ok(()) }
}

fn flag(place: &mut bool) -> Result<(), CommandError> {
    if std::mem::replace(place, true) { Err(CommandError::Duplicate) } else { Ok(()) }
}

fn parse_body(value: &str) -> Option<Body> {
    let bodies = [("7BIT", Body::SevenBit), ("8BITMIME", Body::EightBitMime), ("BINARYMIME", Body::BinaryMime)];
    bodies.into_iter().find(|(word, _)| value.eq_ignore_ascii_case(word)).map(|(_, body)| body)
}

/// What follows MAIL or RCPT: the path, as what it was written, and the parameters, behind spaces.
fn split_path<'a, P>(
    rest: &'a str,
    keyword: &str,
    paths: Paths,
    split: impl Fn(&str) -> Result<(P, usize), MailboxError>,
) -> Result<(P, &'a str, &'a str), CommandError> {
    let (head, rest) = rest.split_at_checked(keyword.len()).ok_or(CommandError::Syntax)?;
    if !head.eq_ignore_ascii_case(keyword) {
        return Err(CommandError::Syntax);
    }
    let (path, length, rest) = match paths {
        Paths::Strict => split(rest).map(|(path, length)| (path, length, rest)),
        Paths::Lenient => split_lenient(rest.trim_start_matches(' '), split),
    }
    .map_err(CommandError::Path)?;
    let (written, rest) = rest.split_at_checked(length).unwrap_or((rest, ""));
    if rest.is_empty() || rest.starts_with(' ') { Ok((path, written, rest)) } else { Err(CommandError::Syntax) }
}

/// A path that may stand without its brackets.
fn split_lenient<P>(
    rest: &str,
    split: impl Fn(&str) -> Result<(P, usize), MailboxError>,
) -> Result<(P, usize, &str), MailboxError> {
    if rest.is_empty() || rest.starts_with('<') {
        return split(rest).map(|(path, length)| (path, length, rest));
    }
    let (bare, _) = cut(rest, b' ');
    let (path, length) = split(&format!("<{bare}>"))?;
    // a bracket of its own would end it earlier, and what is behind that be ignored
    if length == bare.len() + "<>".len() { Ok((path, bare.len(), rest)) } else { Err(MailboxError::Brackets) }
}

/// Takes `esmtp-keyword ["=" esmtp-value]` off the front, and the spaces before it.
fn parameter<'a>(rest: &mut &'a str) -> Option<(&'a str, Option<&'a str>)> {
    let front = rest.trim_ascii_start(); // a line has no other white space than spaces
    let length = front.bytes().take_while(|octet| !matches!(octet, b'=' | b' ')).count();
    let (name, behind) = front.split_at_checked(length).filter(|_| !front.is_empty())?;
    let value = behind.strip_prefix('=').map(|behind| cut(behind, b' '));
    *rest = value.map_or(behind, |(_, behind)| behind.unwrap_or_default());
    Some((name, value.map(|(value, _)| value)))
}
