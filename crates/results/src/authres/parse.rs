//! The reader of the whole grammar (RFC 8601 §2.2).

use std::borrow::Cow;

use gatepost_syntax::cfws::{self, CfwsError};
use thiserror::Error;

use super::trust::Untrusted;
use crate::result::{KEYWORD, ResInfo, WRITTEN, front, is_keyword};

/// Bounds of reading.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Results of a field, and properties of a result (default 256).
    pub items: usize,
    /// How deep comments may nest (default 32; RFC 5322 §3.2.2 has no bound).
    pub comment_depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { items: 256, comment_depth: cfws::COMMENT_DEPTH }
    }
}

/// Whether two authserv-ids name the same server: in any case, A-label or U-label, with or without a last dot or white space.
pub(crate) fn same_server(a: &str, b: &str) -> bool {
    let folded = |id: &str| {
        let id: String = id.split_whitespace().collect();
        gatepost_syntax::Domain::parse(&id).map_or_else(|_| id.to_lowercase(), |domain| domain.to_string())
    };
    a.eq_ignore_ascii_case(b) || folded(a) == folded(b)
}

/// Why a field can not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The grammar is violated.
    #[error("at byte {at}: {error}")]
    Syntax {
        /// Where, counted from behind the field's colon.
        at: usize,
        /// What is wrong.
        error: CfwsError,
    },
    /// More results or properties than [`Limits::items`].
    #[error("more than {limit} results or properties")]
    Many {
        /// The limit.
        limit: usize,
    },
}

/// Reads the body of a field.
///
/// ```text
/// authres-header-field = "Authentication-Results:" authres-payload
/// authres-payload = [CFWS] authserv-id [ CFWS authres-version ] ( no-result / 1*resinfo ) [CFWS] CRLF
/// resinfo = [CFWS] ";" methodspec [ CFWS reasonspec ] [ CFWS 1*propspec ]
/// ```
pub fn parse(body: &str) -> Result<Untrusted, ParseError> {
    parse_within(body, &Limits::default())
}

/// Reads the body of a field within other bounds.
pub fn parse_within(body: &str, limits: &Limits) -> Result<Untrusted, ParseError> {
    let mut reader = Reader { text: body, rest: body, limits };
    let (authserv_id, version) = reader.server()?;
    if version.is_none() && !reader.rest.starts_with(';') && !reader.rest.is_empty() {
        return Err(reader.error(CfwsError::Expected("a version or `;`")));
    }
    let results = reader.results()?;
    Ok(Untrusted { authserv_id, version, results })
}

/// The results of a field as they are written, comments included, from the first `;` on: what one's own field says, to be
/// said again elsewhere (RFC 8617 §4.1.1). The whole body must be readable.
pub fn results_text(body: &str) -> Result<&str, ParseError> {
    parse(body)?;
    let limits = Limits::default();
    let mut reader = Reader { text: body, rest: body, limits: &limits };
    reader.server()?;
    let read = body.len() - reader.rest.len();
    Ok(body.get(read..).unwrap_or_default())
}

/// Whose field it claims to be, and of which version: reads no further than to the first `;`, where the results begin. An
/// error where anything else stands before it.
pub(crate) fn claimed_server(body: &str) -> Result<(String, Option<u32>), ParseError> {
    let mut reader = Reader { text: body, rest: body, limits: &Limits::default() };
    let server = reader.server()?;
    let ended = reader.rest.is_empty() || reader.rest.starts_with(';');
    if ended { Ok(server) } else { Err(reader.error(CfwsError::Expected("`;`"))) }
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    limits: &'a Limits,
}

impl<'a> Reader<'a> {
    fn error(&self, error: CfwsError) -> ParseError {
        ParseError::Syntax { at: self.text.len() - self.rest.len(), error }
    }

    /// `[CFWS] authserv-id [ CFWS authres-version ] [CFWS]`
    fn server(&mut self) -> Result<(String, Option<u32>), ParseError> {
        self.skip()?;
        let authserv_id = self.value()?.into_owned();
        self.skip()?;
        let version = self.number();
        self.skip()?;
        Ok((authserv_id, version))
    }

    fn skip(&mut self) -> Result<(), ParseError> {
        self.rest = cfws::skip_within(self.rest, self.limits.comment_depth).map_err(|error| self.error(error))?;
        Ok(())
    }

    fn take(&mut self, wanted: &'static str) -> Result<(), ParseError> {
        self.rest = self.rest.strip_prefix(wanted).ok_or_else(|| self.error(CfwsError::Expected(wanted)))?;
        Ok(())
    }

    /// `value = token / quoted-string` (RFC 2045 §5.1).
    fn value(&mut self) -> Result<Cow<'a, str>, ParseError> {
        if self.rest.starts_with('"') {
            let (value, rest) = cfws::quoted_string(self.rest).map_err(|error| self.error(error))?;
            self.rest = rest;
            return Ok(Cow::Owned(value));
        }
        let (token, rest) = cfws::token(self.rest).map_err(|error| self.error(error))?;
        self.rest = rest;
        Ok(Cow::Borrowed(token))
    }

    fn number(&mut self) -> Option<u32> {
        let digits: &str = self.rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        let number = digits.parse().ok()?;
        self.rest = self.rest.get(digits.len()..).unwrap_or_default();
        Some(number)
    }

    /// `Keyword = <a "Keyword" as in RFC 5321 §4.1.2>`: letters, digits, inner hyphens; underscores occur.
    fn keyword(&mut self) -> Result<Cow<'a, str>, ParseError> {
        let lower = front(self.rest, KEYWORD);
        let end = match self.rest.as_bytes().get(lower) {
            Some(b'A'..=b'Z') => self.rest.find(|c| !is_keyword(c)).unwrap_or(self.rest.len()),
            _ => lower,
        };
        match self.rest.split_at_checked(end) {
            Some((word, rest)) if !word.is_empty() => {
                self.rest = rest;
                Ok(if end == lower { Cow::Borrowed(word) } else { Cow::Owned(word.to_ascii_lowercase()) })
            }
            _ => Err(self.error(CfwsError::Expected("a keyword"))),
        }
    }

    fn results(&mut self) -> Result<Vec<ResInfo>, ParseError> {
        let mut results = Vec::new();
        loop {
            self.skip()?;
            if self.rest.is_empty() && !results.is_empty() {
                return Ok(results);
            }
            self.take(";")?;
            self.skip()?;
            if self.rest.is_empty() && !results.is_empty() {
                return Ok(results); // a last semicolon, which many writers leave
            }
            if results.len() == self.limits.items {
                return Err(ParseError::Many { limit: self.limits.items });
            }
            let method = self.keyword()?;
            self.skip()?;
            if method == "none" && results.is_empty() && (self.rest.is_empty() || self.rest == ";") {
                return Ok(results);
            }
            results.push(self.result(method)?);
        }
    }

    /// What follows a method's name: `[ CFWS "/" version ] "=" result [reasonspec] *propspec`.
    fn result(&mut self, method: Cow<'_, str>) -> Result<ResInfo, ParseError> {
        let mut version = None;
        if self.rest.starts_with('/') {
            self.take("/")?;
            self.skip()?;
            version = Some(self.number().ok_or_else(|| self.error(CfwsError::Expected("a version")))?);
            self.skip()?;
        }
        self.take("=")?;
        self.skip()?;
        let mut info = ResInfo::of_version(&method, version, &self.keyword()?);
        let mut parts = 0;
        loop {
            let before = self.rest;
            self.skip()?;
            if self.rest.is_empty() || self.rest.starts_with(';') {
                return Ok(info);
            }
            if before.len() == self.rest.len() {
                return Err(self.error(CfwsError::Expected("white space")));
            }
            if parts == self.limits.items {
                return Err(ParseError::Many { limit: self.limits.items });
            }
            info = self.reason_or_property(info)?;
            parts += 1;
        }
    }

    fn reason_or_property(&mut self, info: ResInfo) -> Result<ResInfo, ParseError> {
        let word = self.keyword()?;
        self.skip()?;
        if word == "reason" && self.rest.starts_with('=') {
            self.take("=")?;
            self.skip()?;
            return Ok(info.reason(self.value()?));
        }
        self.take(".")?;
        self.skip()?;
        let name = self.keyword()?;
        self.skip()?;
        self.take("=")?;
        self.skip()?;
        Ok(info.property(word, name, self.pvalue()?))
    }

    /// `pvalue = [CFWS] ( value / [ [ local-part ] "@" ] domain-name ) [CFWS]`
    fn pvalue(&mut self) -> Result<Cow<'a, str>, ParseError> {
        let mut quoted = None;
        if self.rest.starts_with('"') {
            let value = self.value()?;
            if !self.rest.starts_with('@') {
                return Ok(value);
            }
            quoted = Some(value.into_owned());
        }
        let mut end = front(self.rest, WRITTEN);
        if self.rest.as_bytes().get(end).is_some_and(|octet| !octet.is_ascii()) {
            let written =
                |c: char| if c.is_ascii() { front(c.encode_utf8(&mut [0; 4]), WRITTEN) > 0 } else { cfws::is_token(c) };
            end = self.rest.find(|c| !written(c)).unwrap_or(self.rest.len());
        }
        let (word, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        if word.is_empty() {
            return Err(self.error(CfwsError::Expected("a value")));
        }
        self.rest = rest;
        Ok(match quoted {
            Some(quoted) => Cow::Owned(quoted + word),
            None => Cow::Borrowed(word),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_what_the_grammar_says() {
        for c in '\0'..='\x7f' {
            let text = c.to_string();
            let is_lower = is_keyword(c) && !c.is_ascii_uppercase();
            assert_eq!(front(&text, WRITTEN) > 0, cfws::is_token(c) || "@/=:[]".contains(c), "{c:?}");
            assert_eq!(front(&text, KEYWORD) > 0, is_lower, "{c:?}");
        }
        assert_eq!((front("ä", WRITTEN), front("aä", WRITTEN)), (0, 1));
    }
}
