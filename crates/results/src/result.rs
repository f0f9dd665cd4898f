//! One method's result (RFC 8601 §2.2, `resinfo`), which holds nothing that could not be written.

use std::borrow::Cow;
use std::fmt;

use gatepost_syntax::cfws;

/// `method=result reason=… ptype.property=value …`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResInfo {
    method: Cow<'static, str>,
    version: Option<u32>,
    result: Cow<'static, str>,
    reason: Option<Cow<'static, str>>,
    comment: Option<Cow<'static, str>>,
    properties: Vec<Property>,
}

/// `ptype.name=value`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    ptype: Cow<'static, str>,
    name: Cow<'static, str>,
    value: Cow<'static, str>,
}

/// Octets of a value, reason or comment as written; more are cut off, so that lines stay within RFC 5322 §2.1.1.
const VALUE_OCTETS: usize = 400;
/// Octets of a keyword.
const KEYWORD_OCTETS: usize = 64;

impl ResInfo {
    /// A result without properties. Both words are keywords: other characters than those of one become hyphens.
    pub fn new(method: impl Into<Cow<'static, str>>, result: impl Into<Cow<'static, str>>) -> Self {
        ResInfo {
            method: keyword(method.into()),
            version: None,
            result: keyword(result.into()),
            reason: None,
            comment: None,
            properties: Vec::new(),
        }
    }

    /// Adds a property. The value may hold anything: it is quoted where needed, and what no quoted string can hold is
    /// escaped.
    #[must_use]
    pub fn property(
        mut self,
        ptype: impl Into<Cow<'static, str>>,
        name: impl Into<Cow<'static, str>>,
        value: impl AsRef<str>,
    ) -> Self {
        let value = clean(value.as_ref());
        if self.properties.capacity() == 0 {
            self.properties.reserve_exact(4); // what DKIM has: one allocation
        }
        self.properties.push(Property { ptype: keyword(ptype.into()), name: keyword(name.into()), value });
        self
    }

    /// Gives a reason.
    #[must_use]
    pub fn reason(mut self, reason: impl AsRef<str>) -> Self {
        self.reason = Some(clean(reason.as_ref()));
        self
    }

    /// Adds a comment behind the result: written, not read back.
    #[must_use]
    pub fn comment(mut self, comment: impl AsRef<str>) -> Self {
        self.comment = Some(clean(comment.as_ref()));
        self
    }

    pub(crate) fn with_version(mut self, version: Option<u32>) -> Self {
        self.version = version;
        self
    }

    /// The method in lower case, `spf`.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The version of the method, where one is written; 1 is the only one there is (RFC 8601 §2.2).
    pub fn version(&self) -> Option<u32> {
        self.version
    }

    /// The result in lower case, `pass`.
    pub fn result(&self) -> &str {
        &self.result
    }

    /// Why, for people.
    pub fn why(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// What the result is about.
    pub fn properties(&self) -> &[Property] {
        &self.properties
    }

    /// The value of a property.
    pub fn get(&self, ptype: &str, name: &str) -> Option<&str> {
        self.properties.iter().find(|p| p.ptype == ptype && p.name == name).map(|p| &*p.value)
    }

    /// Writes the parts; `fold` is told where a line may end.
    pub(crate) fn write(&self, out: &mut String, mut fold: impl FnMut(&mut String)) {
        out.push_str(&self.method);
        if let Some(version) = self.version {
            out.push('/');
            out.push_str(&version.to_string());
        }
        out.push('=');
        out.push_str(&self.result);
        if let Some(comment) = &self.comment {
            fold(out);
            out.push_str(" (");
            push_escaped(out, comment, |c| matches!(c, '(' | ')' | '\\'));
            out.push(')');
        }
        if let Some(reason) = &self.reason {
            fold(out);
            out.push_str(" reason=");
            push_quoted(out, reason);
        }
        for Property { ptype, name, value } in &self.properties {
            fold(out);
            out.push(' ');
            for part in [ptype, ".", name, "="] {
                out.push_str(part);
            }
            if is_bare(value) { out.push_str(value) } else { push_quoted(out, value) }
        }
    }
}

impl Property {
    /// `smtp`, `header`, `body` or `policy` (RFC 8601 §2.3), or one that nobody knows yet.
    pub fn ptype(&self) -> &str {
        &self.ptype
    }

    /// `mailfrom`, `d` …
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value, unquoted.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Display for ResInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out, |_| ());
        f.write_str(&out)
    }
}

/// `Keyword = Ldh-str` (RFC 5321 §4.1.2), in lower case; underscores occur.
fn keyword(word: Cow<'static, str>) -> Cow<'static, str> {
    let fits = |octet: u8| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    if word.is_empty() {
        return Cow::Borrowed("-");
    }
    if word.len() <= KEYWORD_OCTETS && word.bytes().all(fits) {
        return word;
    }
    let folded = |c: char| if is_keyword(c) { c.to_ascii_lowercase() } else { '-' };
    word.chars().take(KEYWORD_OCTETS).map(folded).collect()
}

pub(crate) fn is_keyword(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

/// What neither a quoted string nor a comment can hold, and what would turn a line around for its reader, becomes an escape.
fn clean(value: &str) -> Cow<'static, str> {
    let plain = |octet: u8| matches!(octet, b' '..=b'~') && !is_special(char::from(octet));
    if value.len() <= VALUE_OCTETS && value.bytes().all(plain) {
        return Cow::Owned(value.to_owned());
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
fn is_bare(value: &str) -> bool {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'+');
    if !value.is_empty() && value.bytes().all(plain) {
        return true; // a domain, as most values are
    }
    match value.rsplit_once('@') {
        None => !value.is_empty() && value.chars().all(cfws::is_token),
        Some((local, domain)) => !domain.is_empty() && domain.bytes().all(plain) && local.bytes().all(plain),
    }
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
