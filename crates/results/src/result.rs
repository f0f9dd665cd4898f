//! One method's result (RFC 8601 §2.2, `resinfo`), which holds nothing that could not be written.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use gatepost_syntax::{Domain, cfws};

/// `method=result reason=… ptype.property=value …`, kept as it is written: each part is quoted where it needs to be the moment
/// it comes in, and read back when it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResInfo {
    text: String,
    /// Where the comment stands, which may be empty, as may the reason; the properties begin behind both.
    comment: Range<usize>,
    reason: Range<usize>,
}

/// `ptype.name=value`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property<'a> {
    ptype: &'a str,
    name: &'a str,
    value: Cow<'a, str>,
}

/// Names of properties that our methods use, RFC 8601 §2.7 and what others added. They are written
/// as they are, without a look at each octet; [`ResInfo::property`] takes any name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Key {
    /// `header.a`: the algorithm of a signature (RFC 8601 §6.3.1).
    HeaderA,
    /// `header.b`: the beginning of a signature (RFC 6008).
    HeaderB,
    /// `header.d`: the domain of a signature (RFC 8601 §2.7.1).
    HeaderD,
    /// `header.from`: the author domain.
    HeaderFrom,
    /// `header.oldest-pass` (RFC 8617 §6).
    HeaderOldestPass,
    /// `header.s`: the selector of a signature (RFC 8601 §6.3.2).
    HeaderS,
    /// `policy.dmarc`: the policy that was found (RFC 9989 §9.2).
    PolicyDmarc,
    /// `smtp.auth`: who logged in (RFC 8601 §2.7.4).
    SmtpAuth,
    /// `smtp.helo` (RFC 8601 §2.7.2).
    SmtpHelo,
    /// `smtp.mailfrom` (RFC 8601 §2.7.2).
    SmtpMailfrom,
    /// `smtp.remote-ip` (RFC 8617 §6).
    SmtpRemoteIp,
}

impl Key {
    /// As it is written, with the space in front of it.
    fn written(self) -> &'static str {
        match self {
            Key::HeaderA => " header.a=",
            Key::HeaderB => " header.b=",
            Key::HeaderD => " header.d=",
            Key::HeaderFrom => " header.from=",
            Key::HeaderOldestPass => " header.oldest-pass=",
            Key::HeaderS => " header.s=",
            Key::PolicyDmarc => " policy.dmarc=",
            Key::SmtpAuth => " smtp.auth=",
            Key::SmtpHelo => " smtp.helo=",
            Key::SmtpMailfrom => " smtp.mailfrom=",
            Key::SmtpRemoteIp => " smtp.remote-ip=",
        }
    }
}

/// Octets of a value, reason or comment as written; more are cut off, so that lines stay within RFC 5322 §2.1.1.
const VALUE_OCTETS: usize = 400;
/// Octets of a keyword.
const KEYWORD_OCTETS: usize = 64;
/// Room for what most results say: one allocation.
const TEXT_OCTETS: usize = 112;

impl ResInfo {
    /// A result without properties. Both words are keywords: other characters than those of one become hyphens.
    pub fn new(method: impl AsRef<str>, result: impl AsRef<str>) -> Self {
        Self::of_version(method.as_ref(), None, result.as_ref())
    }

    pub(crate) fn of_version(method: &str, version: Option<u32>, result: &str) -> Self {
        let mut text = String::with_capacity(TEXT_OCTETS);
        push_keyword(&mut text, method);
        if let Some(version) = version {
            text.push('/');
            text.push_str(&version.to_string());
        }
        text.push('=');
        push_keyword(&mut text, result);
        let end = text.len();
        ResInfo { text, comment: end..end, reason: end..end }
    }

    /// Adds a property of a known name; for the value see [`ResInfo::property`].
    #[must_use]
    pub fn with(mut self, key: Key, value: impl AsRef<str>) -> Self {
        self.add(key, value);
        self
    }

    /// Adds a property of a known name whose value is a domain: no octet of one needs a quote, and none is looked at.
    #[must_use]
    pub fn with_domain(mut self, key: Key, domain: &Domain) -> Self {
        self.add_domain(key, domain);
        self
    }

    /// The same as [`ResInfo::with`], in place: what has many properties is not moved for each of them.
    pub fn add(&mut self, key: Key, value: impl AsRef<str>) {
        self.text.push_str(key.written());
        push_value(&mut self.text, value.as_ref());
    }

    /// The same as [`ResInfo::with_domain`], in place.
    pub fn add_domain(&mut self, key: Key, domain: &Domain) {
        self.text.push_str(key.written());
        self.text.push_str(domain.as_str());
    }

    /// Adds a property of any name. The value may hold anything: it is quoted where needed, and what no quoted string can hold is
    /// escaped.
    #[must_use]
    pub fn property(mut self, ptype: impl AsRef<str>, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let text = &mut self.text;
        text.push(' ');
        push_keyword(text, ptype.as_ref());
        text.push('.');
        push_keyword(text, name.as_ref());
        text.push('=');
        push_value(text, value.as_ref());
        self
    }

    /// Gives a reason.
    #[must_use]
    pub fn reason(mut self, reason: impl AsRef<str>) -> Self {
        let mut written = String::from(" reason=");
        push_quoted(&mut written, &clean(reason.as_ref()));
        self.text.replace_range(self.reason.clone(), &written);
        self.reason.end = self.reason.start + written.len();
        self
    }

    /// Adds a comment behind the result: written, not read back.
    #[must_use]
    pub fn comment(mut self, comment: impl AsRef<str>) -> Self {
        let mut written = String::from(" (");
        push_escaped(&mut written, &clean(comment.as_ref()), |c| matches!(c, '(' | ')' | '\\'));
        written.push(')');
        self.text.replace_range(self.comment.clone(), &written);
        let begin = self.comment.start + written.len();
        self.reason = begin..begin + self.reason.len();
        self.comment.end = begin;
        self
    }

    /// `method=result`, with a version.
    fn verdict(&self) -> (&str, &str) {
        self.part(0..self.comment.start).split_once('=').unwrap_or_default()
    }

    fn part(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// The method in lower case, `spf`.
    pub fn method(&self) -> &str {
        let (method, _) = self.verdict();
        method.split_once('/').map_or(method, |(method, _)| method)
    }

    /// The version of the method, where one is written; 1 is the only one there is (RFC 8601 §2.2).
    pub fn version(&self) -> Option<u32> {
        self.verdict().0.split_once('/').and_then(|(_, version)| version.parse().ok())
    }

    /// The result in lower case, `pass`.
    pub fn result(&self) -> &str {
        self.verdict().1
    }

    /// Why, for people.
    pub fn why(&self) -> Option<Cow<'_, str>> {
        self.part(self.reason.clone()).strip_prefix(" reason=").map(unquoted)
    }

    /// What the result is about.
    pub fn properties(&self) -> impl Iterator<Item = Property<'_>> {
        self.written().filter_map(|property| {
            let (name, value) = property.strip_prefix(' ')?.split_once('=')?;
            let (ptype, name) = name.split_once('.')?;
            Some(Property { ptype, name, value: unquoted(value) })
        })
    }

    /// The value of a property.
    pub fn get(&self, ptype: &str, name: &str) -> Option<Cow<'_, str>> {
        self.properties().find(|p| p.ptype == ptype && p.name == name).map(|p| p.value)
    }

    /// The properties as written, each with the space in front of it.
    fn written(&self) -> impl Iterator<Item = &str> {
        let mut rest = self.part(self.reason.end..self.text.len());
        std::iter::from_fn(move || {
            let (mut quoted, mut escaped) = (false, false);
            let end = rest.bytes().skip(1).position(|octet| {
                let ends = octet == b' ' && !quoted;
                quoted ^= octet == b'"' && !escaped;
                escaped = octet == b'\\' && !escaped;
                ends
            });
            let (property, behind) = rest.split_at_checked(end.map_or(rest.len(), |end| end + 1))?;
            rest = behind;
            (!property.is_empty()).then_some(property)
        })
    }

    /// Writes the result; a line longer than `line` is folded in front of a part.
    pub(crate) fn write(&self, out: &mut String, line: usize) {
        if self.text.len() <= line {
            out.push_str(&self.text);
            return;
        }
        let mut begin = out.len();
        let parts = [0..self.comment.start, self.comment.clone(), self.reason.clone()].map(|part| self.part(part));
        for part in parts.into_iter().filter(|part| !part.is_empty()).chain(self.written()) {
            if out.len() - begin > line {
                out.push_str("\r\n\t");
                begin = out.len();
            }
            out.push_str(part);
        }
    }
}

impl<'a> Property<'a> {
    /// `smtp`, `header`, `body` or `policy` (RFC 8601 §2.3), or one that nobody knows yet.
    pub fn ptype(&self) -> &'a str {
        self.ptype
    }

    /// `mailfrom`, `d` …
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The value, unquoted.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for ResInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `Keyword = Ldh-str` (RFC 5321 §4.1.2), in lower case; underscores occur.
fn push_keyword(out: &mut String, word: &str) {
    let folded = |c: char| if is_keyword(c) { c.to_ascii_lowercase() } else { '-' };
    match word {
        "" => out.push('-'),
        word if word.len() <= KEYWORD_OCTETS && are(word, KEYWORD) => out.push_str(word),
        word => out.extend(word.chars().take(KEYWORD_OCTETS).map(folded)),
    }
}

/// What octets may stand in: a keyword as it is written, a value without quotes.
pub(crate) const KEYWORD: u8 = 1;
const BARE: u8 = 2;
/// In a value as others write it, beside what is not ASCII (RFC 8616 §4): real fields also have `/`, `=`, `+` and `:` in bare
/// base64 and addresses, which can not be misread.
pub(crate) const WRITTEN: u8 = 4;

#[allow(clippy::as_conversions)] // an octet, when it is compiled
const CLASSES: [u8; 256] = {
    let (mut classes, mut octet) = ([0; 256], 0u8);
    let mut left: &mut [u8] = &mut classes;
    while let [class, rest @ ..] = left {
        *class = match octet {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => KEYWORD | BARE | WRITTEN,
            b'A'..=b'Z' | b'.' | b'+' => BARE | WRITTEN,
            b'@' | b'/' | b'=' | b':' | b'[' | b']' => WRITTEN,
            b'!'..=b'~' if cfws::is_token(octet as char) => WRITTEN,
            _ => 0,
        };
        octet = octet.wrapping_add(1);
        left = rest;
    }
    classes
};

/// Whether all octets of a text, which is short, are of a class: one octet after the other without a branch.
fn are(text: &str, class: u8) -> bool {
    text.bytes().fold(class, |all, octet| all & class_of(octet)) != 0
}

fn is(octet: u8, class: u8) -> bool {
    class_of(octet) & class != 0
}

fn class_of(octet: u8) -> u8 {
    CLASSES.get(usize::from(octet)).copied().unwrap_or_default()
}

/// Whether a value is written as it is: nothing in it that somebody could take for another part of the field.
pub(crate) fn is_bare(value: &str) -> bool {
    !value.is_empty() && value.len() <= VALUE_OCTETS && are(value, BARE)
}

/// How many octets at the front of a text are of a class.
pub(crate) fn front(text: &str, class: u8) -> usize {
    text.bytes().take_while(|octet| is(*octet, class)).count()
}

pub(crate) fn is_keyword(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

/// What neither a quoted string nor a comment can hold, and what would turn a line around for its reader, becomes an escape.
fn clean(value: &str) -> Cow<'_, str> {
    let plain = |octet: u8| matches!(octet, b' '..=b'~') && !is_special(char::from(octet));
    if value.len() <= VALUE_OCTETS && value.bytes().all(plain) {
        return Cow::Borrowed(value);
    }
    let (mut out, mut specials) = (String::with_capacity(value.len().min(VALUE_OCTETS)), 0);
    for c in value.chars() {
        let before = out.len();
        if c.is_control() || is_format(c) {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
        specials += out.get(before..).unwrap_or_default().chars().filter(|c| is_special(*c)).count();
        if out.len() + specials > VALUE_OCTETS {
            out.truncate(before);
            break;
        }
    }
    Cow::Owned(out)
}

/// What is written with a backslash, in a quoted string or in a comment.
fn is_special(c: char) -> bool {
    matches!(c, '"' | '\\' | '(' | ')')
}

/// Directions of text, and line and paragraph separators (Unicode UAX #9 §2).
fn is_format(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// `pvalue = [CFWS] ( value / [ [ local-part ] "@" ] domain-name ) [CFWS]` (RFC 8601 §2.2): bare where that is safe.
fn push_value(out: &mut String, value: &str) {
    if is_bare(value) {
        return out.push_str(value); // a domain, as most values are
    }
    let value = clean(value);
    let bare = match value.rsplit_once('@') {
        None => !value.is_empty() && value.chars().all(cfws::is_token),
        Some((local, domain)) => !domain.is_empty() && are(domain, BARE) && are(local, BARE),
    };
    if bare { out.push_str(&value) } else { push_quoted(out, &value) }
}

/// What a value that was written here says.
fn unquoted(written: &str) -> Cow<'_, str> {
    let Some(inner) = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(written);
    };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut characters = inner.chars();
    std::iter::from_fn(|| match characters.next()? {
        '\\' => characters.next(),
        other => Some(other),
    })
    .collect()
}

fn push_quoted(out: &mut String, value: &str) {
    out.push('"');
    push_escaped(out, value, |c| matches!(c, '"' | '\\'));
    out.push('"');
}

fn push_escaped(out: &mut String, value: &str, special: impl Fn(char) -> bool) {
    for c in value.chars() {
        if special(c) {
            out.push('\\');
        }
        out.push(c);
    }
}
