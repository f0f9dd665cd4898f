//! MAIL and RCPT (RFC 5321 §4.1.1.2, §4.1.1.3): a path and parameters.

use gatepost_syntax::{ForwardPath, MailboxError, ReversePath};

use crate::command::{Command, CommandError, Paths, cut, number, upper};
use crate::dsn::{EnvelopeId, Notify, OriginalRecipient};
use crate::envelope::{Body, MailFrom, RcptTo};
use crate::report::Returned;

/// `FROM:` Reverse-path [SP Mail-parameters]
pub(crate) fn mail(rest: &str, paths: Paths) -> Result<Command, CommandError> {
    let (path, parameters, utf8) = path_and_parameters(rest, "FROM:", paths, ReversePath::split)?;
    let mut mail = MailFrom::new(path);
    let (mut body, mut auth) = (None, None);
    for (name, value) in parameters {
        match (upper(name, &mut [0; 10]), value) {
            (b"SIZE", Some(value)) => once(&mut mail.size, number(value))?,
            (b"BODY", Some(value)) => once(&mut body, parse_body(value))?,
            (b"RET", Some(value)) => once(&mut mail.ret, Returned::parse(value))?,
            (b"ENVID", Some(value)) => once(&mut mail.envelope_id, EnvelopeId::parse(value))?,
            // RFC 4954 §5: anybody may send it; nothing is concluded from it
            (b"AUTH", Some(_)) => once(&mut auth, Some(()))?,
            (b"SMTPUTF8", None) => flag(&mut mail.utf8)?,
            (b"REQUIRETLS", None) => flag(&mut mail.require_tls)?,
            (b"SIZE" | b"BODY" | b"RET" | b"ENVID" | b"AUTH" | b"SMTPUTF8" | b"REQUIRETLS", _) => {
                return Err(CommandError::Syntax);
            }
            _ => return Err(CommandError::Parameter),
        }
    }
    mail.body = body.unwrap_or_default();
    if !utf8 || mail.utf8 { Ok(Command::Mail(mail)) } else { Err(CommandError::Utf8) }
}

/// `TO:` Forward-path [SP Rcpt-parameters]
pub(crate) fn rcpt(rest: &str, paths: Paths) -> Result<Command, CommandError> {
    let (path, parameters, _) = path_and_parameters(rest, "TO:", paths, ForwardPath::split)?;
    let mut recipient = RcptTo::new(path);
    for (name, value) in parameters {
        match (upper(name, &mut [0; 10]), value) {
            (b"NOTIFY", Some(value)) => once(&mut recipient.notify, Notify::parse(value))?,
            (b"ORCPT", Some(value)) => once(&mut recipient.original, OriginalRecipient::parse(value))?,
            (b"NOTIFY" | b"ORCPT", None) => return Err(CommandError::Syntax),
            _ => return Err(CommandError::Parameter),
        }
    }
    Ok(Command::Rcpt(recipient))
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

type Parameter<'a> = (&'a str, Option<&'a str>);

/// What follows MAIL or RCPT: the path, each `esmtp-keyword ["=" esmtp-value]` behind a space, and whether the path was
/// written with UTF-8.
fn path_and_parameters<'a, P>(
    rest: &'a str,
    keyword: &str,
    paths: Paths,
    split: impl Fn(&str) -> Result<(P, usize), MailboxError>,
) -> Result<(P, impl Iterator<Item = Parameter<'a>>, bool), CommandError> {
    let (head, rest) = rest.split_at_checked(keyword.len()).ok_or(CommandError::Syntax)?;
    if !head.eq_ignore_ascii_case(keyword) {
        return Err(CommandError::Syntax);
    }
    let rest = if paths == Paths::Lenient { rest.trim_start_matches(' ') } else { rest };
    let (path, length) = if paths == Paths::Lenient && !rest.is_empty() && !rest.starts_with('<') {
        let (bare, _) = cut(rest, b' ');
        split(&format!("<{bare}>")).map(|(path, _)| (path, bare.len()))
    } else {
        split(rest)
    }
    .map_err(CommandError::Path)?;
    let (written, rest) = rest.split_at_checked(length).unwrap_or((rest, ""));
    if !rest.is_empty() && !rest.starts_with(' ') {
        return Err(CommandError::Syntax);
    }
    let mut left = Some(rest);
    let words = std::iter::from_fn(move || {
        let (word, behind) = cut(left?, b' ');
        left = behind;
        Some(word)
    });
    let parameters = words.filter(|word| !word.is_empty()).map(|word| cut(word, b'='));
    Ok((path, parameters, !written.is_ascii()))
}
