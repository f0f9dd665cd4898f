//! Macros (RFC 7208 §7): parsed once, expanded per query.

use std::borrow::Cow;
use std::fmt::Write;
use std::net::IpAddr;
use std::time::UNIX_EPOCH;

use gatepost_dns::Name;

use crate::query::Query;
use crate::record::RecordError;

/// A macro-string (RFC 7208 §7.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MacroString {
    parts: Vec<Part>,
    /// As written.
    text: Box<str>,
    /// The name that it always expands to, where there is no macro in it.
    fixed: Option<Name>,
    /// Whether that is a domain of more than one label, which has a record to check (RFC 7208 §4.3).
    is_domain: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Part {
    Literal(String),
    Macro(Macro),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Macro {
    letter: char,
    /// An upper-case letter: URL-escape the value (RFC 7208 §7.3).
    escape: bool,
    /// How many right-hand parts to keep.
    keep: Option<usize>,
    reverse: bool,
    delimiters: String,
}

/// Where a macro-string stands: `c`, `r` and `t` are for explanations only, as are spaces (RFC 7208 §7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Record,
    Explanation,
}

impl MacroString {
    /// Reads a macro-string; `at` is its place in the record, for errors.
    pub(crate) fn parse(text: &str, at: usize, place: Place) -> Result<Self, RecordError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let position = at + text.len() - rest.len();
            if c == '%' {
                rest = percent(rest, position, place, &mut parts, &mut literal)?;
                continue;
            }
            // macro-literal = %x21-24 / %x26-7E; explain-string adds SP
            if !(c.is_ascii_graphic() || (c == ' ' && place == Place::Explanation)) {
                return Err(RecordError::Character { at: position });
            }
            literal.push(c);
            rest = rest.get(1..).unwrap_or_default();
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(MacroString { parts, text: text.into(), fixed: None, is_domain: false })
    }

    /// Reads a domain-spec: a macro-string that ends in a macro or a top label (RFC 7208 §7.1).
    pub(crate) fn parse_domain_spec(text: &str, at: usize) -> Result<Self, RecordError> {
        let mut parsed = Self::parse(text, at, Place::Record)?;
        let ends_in_macro = matches!(parsed.parts.last(), Some(Part::Macro(_)));
        if !ends_in_macro && !ends_in_top_label(text) {
            return Err(RecordError::DomainSpec { at });
        }
        if let [Part::Literal(literal)] = parsed.parts.as_slice() {
            parsed.fixed = name_of(literal);
            let domain = parsed.fixed.as_ref().and_then(Name::to_domain);
            parsed.is_domain = domain.is_some_and(|domain| domain.label_count() > 1);
        }
        Ok(parsed)
    }

    /// The macro-string as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name that it expands to whatever the query is, if there is one.
    pub fn fixed(&self) -> Option<&Name> {
        self.fixed.as_ref()
    }

    /// The same, where it is a domain that has a record to check.
    pub(crate) fn domain(&self) -> Option<&Name> {
        self.fixed.as_ref().filter(|_| self.is_domain)
    }

    pub(crate) fn uses(&self, letters: &str) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Macro(m) if letters.contains(m.letter)))
    }

    /// The name that a domain-spec becomes (RFC 7208 §7.3); `None` if it becomes none, or if it needs a local part that
    /// is not ASCII (RFC 8616 §4).
    pub(crate) fn expand_to_name(&self, values: &Values<'_>) -> Option<Name> {
        if let Some(name) = self.fixed() {
            return Some(name.clone());
        }
        if self.is_withheld(values.query) {
            return None;
        }
        // RFC 7208 §7.3: only the right-hand end of a long name counts, so the rest need not be written out
        let (mut pieces, mut length) = (Vec::new(), 0);
        for part in self.parts.iter().rev() {
            let piece = part.expand(values);
            length += piece.len();
            pieces.push(piece);
            if length > NAME_OCTETS + 1 {
                break;
            }
        }
        name_of(&pieces.iter().rev().map(|piece| &**piece).collect::<String>())
    }

    /// Whether it needs a local part that is not ASCII: then its term does not match (RFC 8616 §4).
    pub(crate) fn is_withheld(&self, query: &Query<'_>) -> bool {
        !query.local.is_ascii() && self.uses("sl")
    }

    /// The front of what it stands for: it ends when it has `enough` octets.
    pub(crate) fn expand(&self, values: &Values<'_>, enough: usize) -> String {
        let mut out = String::new();
        for part in &self.parts {
            out.push_str(&part.expand(values));
            if out.len() >= enough {
                break;
            }
        }
        out
    }
}

impl Part {
    fn expand(&self, values: &Values<'_>) -> Cow<'_, str> {
        match self {
            Part::Literal(literal) => Cow::Borrowed(literal),
            Part::Macro(one) => Cow::Owned(one.expand(values)),
        }
    }
}

/// Octets of a name without its final dot (RFC 7208 §7.3).
const NAME_OCTETS: usize = 253;

/// RFC 7208 §7.3: a name of more than 253 octets loses labels on the left until it fits.
fn name_of(text: &str) -> Option<Name> {
    let mut text = text.strip_suffix('.').unwrap_or(text);
    while text.len() > NAME_OCTETS {
        text = text.split_once('.')?.1;
    }
    Name::parse(text).ok().filter(|name| !name.is_root())
}

/// `%%`, `%_`, `%-` or `%{…}`; returns what follows it.
fn percent<'a>(
    rest: &'a str,
    at: usize,
    place: Place,
    parts: &mut Vec<Part>,
    literal: &mut String,
) -> Result<&'a str, RecordError> {
    let simple = match rest.as_bytes().get(1) {
        Some(b'%') => "%",
        Some(b'_') => " ",
        Some(b'-') => "%20",
        Some(b'{') => "",
        _ => return Err(RecordError::Macro { at }),
    };
    if !simple.is_empty() {
        literal.push_str(simple);
        return Ok(rest.get(2..).unwrap_or_default());
    }
    let end = rest.find('}').ok_or(RecordError::Macro { at })?;
    let one = parse_macro(rest.get(2..end).unwrap_or_default(), place).ok_or(RecordError::Macro { at })?;
    if !literal.is_empty() {
        parts.push(Part::Literal(std::mem::take(literal)));
    }
    parts.push(Part::Macro(one));
    Ok(rest.get(end + 1..).unwrap_or_default())
}

/// `macro-letter transformers *delimiter`
fn parse_macro(inner: &str, place: Place) -> Option<Macro> {
    let letter = inner.chars().next()?;
    let lower = letter.to_ascii_lowercase();
    let known = "slodiphv".contains(lower) || ("crt".contains(lower) && place == Place::Explanation);
    if !known {
        return None;
    }
    let rest = inner.get(1..)?;
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = rest.split_at_checked(digits)?;
    let keep = match number {
        "" => None,
        zero if zero.bytes().all(|digit| digit == b'0') => return None, // RFC 7208 §7.3: must be nonzero
        number => Some(number.parse().unwrap_or(usize::MAX)),
    };
    let (reverse, rest) = match rest.strip_prefix(['r', 'R']) {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    if !rest.chars().all(|c| ".-+,/_=".contains(c)) {
        return None;
    }
    let delimiters = if rest.is_empty() { "." } else { rest }.to_owned();
    Some(Macro { letter: lower, escape: letter.is_ascii_uppercase(), keep, reverse, delimiters })
}

/// `"." toplabel [ "." ]`; toplabel has at least one letter or an inner hyphen (RFC 7208 §7.1).
fn ends_in_top_label(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    let Some((_, label)) = text.rsplit_once('.') else {
        return false;
    };
    !label.is_empty()
        && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !label.starts_with('-')
        && !label.ends_with('-')
        && !label.chars().all(|c| c.is_ascii_digit())
}

/// What macros stand for in one evaluation.
pub(crate) struct Values<'a> {
    pub(crate) query: &'a Query<'a>,
    /// The sender's domain as A-labels where it is a domain.
    pub(crate) sender_domain: &'a str,
    /// `%{d}`
    pub(crate) domain: &'a str,
    /// `%{p}`, found beforehand where it is needed
    pub(crate) validated: &'a str,
}

impl Macro {
    fn expand(&self, values: &Values<'_>) -> String {
        let value = self.value(values);
        let mut parts: Vec<&str> = value.split(|c| self.delimiters.contains(c)).collect();
        if self.reverse {
            parts.reverse();
        }
        let dropped = self.keep.map_or(0, |keep| parts.len().saturating_sub(keep));
        let kept = parts.get(dropped..).unwrap_or_default().join(".");
        if !self.escape {
            return kept;
        }
        let mut out = String::with_capacity(kept.len());
        for octet in kept.bytes() {
            // RFC 3986 §2.3, unreserved
            if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
                out.push(char::from(octet));
            } else {
                let _ = write!(out, "%{octet:02X}"); // writing to a String can not fail
            }
        }
        out
    }

    fn value(&self, values: &Values<'_>) -> String {
        let query = values.query;
        match self.letter {
            's' => format!("{}@{}", query.local, values.sender_domain),
            'l' => query.local.to_owned(),
            'o' => values.sender_domain.to_owned(),
            'd' => values.domain.to_owned(),
            'i' => dotted(query.ip),
            'p' => values.validated.to_owned(),
            'h' => query.helo.to_owned(),
            'c' => query.ip.to_string(),
            'r' => query.receiver.to_owned(),
            't' => query.now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()).to_string(),
            _ => if query.ip.is_ipv4() { "in-addr" } else { "ip6" }.to_owned(),
        }
    }
}

/// `%{i}`: an IPv6 address as 32 nibbles with dots between them (RFC 7208 §7.3).
fn dotted(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let nibbles: Vec<String> = v6
                .octets()
                .iter()
                .flat_map(|octet| [octet >> 4, octet & 15])
                .map(|nibble| format!("{nibble:x}"))
                .collect();
            nibbles.join(".")
        }
    }
}
