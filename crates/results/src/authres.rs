//! Authentication-Results (RFC 8601): written so that nobody can inject, read as untrusted.

use std::fmt;

use gatepost_syntax::cfws::{self, CfwsError};
use thiserror::Error;

use crate::result::{Property, ResInfo};

/// How many results, and properties of one result, a field may have.
pub const MAX_ITEMS: usize = 256;

/// What this server found out about a message.
///
/// ```
/// use gatepost_results::{AuthResults, ResInfo};
/// let results = AuthResults::new("mx.example.org")
///     .with(ResInfo::new("spf", "pass").property("smtp", "mailfrom", "a;b.example"));
/// assert_eq!(results.to_string(), "mx.example.org; spf=pass smtp.mailfrom=\"a;b.example\"");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthResults {
    authserv_id: String,
    results: Vec<ResInfo>,
}

impl AuthResults {
    /// A field of the server that calls itself `authserv_id` (RFC 8601 §2.5), without results.
    pub fn new(authserv_id: &str) -> Self {
        AuthResults { authserv_id: authserv_id.to_owned(), results: Vec::new() }
    }

    /// Adds a result.
    #[must_use]
    pub fn with(mut self, result: ResInfo) -> Self {
        self.results.push(result);
        self
    }

    /// Adds results.
    #[must_use]
    pub fn with_all(mut self, results: impl IntoIterator<Item = ResInfo>) -> Self {
        self.results.extend(results);
        self
    }

    /// Who says so.
    pub fn authserv_id(&self) -> &str {
        &self.authserv_id
    }

    /// The results in order.
    pub fn results(&self) -> &[ResInfo] {
        &self.results
    }

    /// The whole header field, one result a line, with its CRLF.
    pub fn to_field(&self) -> String {
        if self.results.is_empty() {
            return format!("Authentication-Results: {self}\r\n");
        }
        let lines: String = self.results.iter().map(|result| format!(";\r\n\t{result}")).collect();
        format!("Authentication-Results: {}{lines}\r\n", cfws::quote_unless_token(&self.authserv_id))
    }
}

impl fmt::Display for AuthResults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&cfws::quote_unless_token(&self.authserv_id))?;
        if self.results.is_empty() {
            return f.write_str("; none"); // RFC 8601 §2.2, no-result
        }
        self.results.iter().try_for_each(|result| write!(f, "; {result}"))
    }
}

/// A field as it came: whoever sent the message may have written it. It yields nothing to trust until it is matched with
/// the identifiers of one's own servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untrusted {
    authserv_id: String,
    version: Option<u32>,
    results: Vec<ResInfo>,
}

impl Untrusted {
    /// Who claims to say so.
    pub fn authserv_id(&self) -> &str {
        &self.authserv_id
    }

    /// The version, where one is written; 1 is the only one there is (RFC 8601 §2.2).
    pub fn version(&self) -> Option<u32> {
        self.version
    }

    /// The results, to show or to test, not to trust.
    pub fn results(&self) -> &[ResInfo] {
        &self.results
    }

    /// The results, if one of our servers wrote them in a version that we know. The caller knows that the field stands
    /// above all that a stranger could have added (RFC 8601 §4.1).
    pub fn trusted(self, own: &[&str]) -> Option<AuthResults> {
        let ours = own.iter().any(|id| same_server(id, &self.authserv_id));
        let known = self.version.is_none_or(|version| version == 1);
        (ours && known).then_some(AuthResults { authserv_id: self.authserv_id, results: self.results })
    }
}

/// Whether two authserv-ids name the same server: in any case, A-label or U-label, with or without a last dot.
pub(crate) fn same_server(a: &str, b: &str) -> bool {
    let folded = |id: &str| gatepost_syntax::Domain::parse(id).map_or_else(|_| id.to_lowercase(), |d| d.to_string());
    folded(a.trim()) == folded(b.trim())
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
    /// More than [`MAX_ITEMS`] results or properties.
    #[error("more than {MAX_ITEMS} results or properties")]
    Many,
}

/// Reads the body of a field.
///
/// ```text
/// authres-header-field = "Authentication-Results:" authres-payload
/// authres-payload = [CFWS] authserv-id [ CFWS authres-version ] ( no-result / 1*resinfo ) [CFWS] CRLF
/// resinfo = [CFWS] ";" methodspec [ CFWS reasonspec ] [ CFWS 1*propspec ]
/// ```
pub fn parse(body: &str) -> Result<Untrusted, ParseError> {
    let mut reader = Reader { text: body, rest: body };
    reader.skip()?;
    let authserv_id = reader.value()?;
    reader.skip()?;
    let version = reader.number();
    reader.skip()?;
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
    let mut reader = Reader { text: body, rest: body };
    reader.skip()?;
    reader.value()?;
    reader.skip()?;
    reader.number();
    reader.skip()?;
    Ok(reader.rest)
}

/// Reads no further than the authserv-id and the version: enough to tell whose field it claims to be.
pub(crate) fn parse_server(body: &str) -> Result<(String, Option<u32>), ParseError> {
    let mut reader = Reader { text: body, rest: body };
    reader.skip()?;
    let authserv_id = reader.value()?;
    reader.skip()?;
    Ok((authserv_id, reader.number()))
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn error(&self, error: CfwsError) -> ParseError {
        ParseError::Syntax { at: self.text.len() - self.rest.len(), error }
    }

    fn skip(&mut self) -> Result<(), ParseError> {
        self.rest = cfws::skip(self.rest).map_err(|error| self.error(error))?;
        Ok(())
    }

    fn take(&mut self, wanted: &'static str) -> Result<(), ParseError> {
        self.rest = self.rest.strip_prefix(wanted).ok_or_else(|| self.error(CfwsError::Expected(wanted)))?;
        Ok(())
    }

    /// `value = token / quoted-string` (RFC 2045 §5.1).
    fn value(&mut self) -> Result<String, ParseError> {
        if self.rest.starts_with('"') {
            let (value, rest) = cfws::quoted_string(self.rest).map_err(|error| self.error(error))?;
            self.rest = rest;
            return Ok(value);
        }
        let (token, rest) = cfws::token(self.rest).map_err(|error| self.error(error))?;
        self.rest = rest;
        Ok(token.to_owned())
    }

    fn number(&mut self) -> Option<u32> {
        let digits: &str = self.rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        let number = digits.parse().ok()?;
        self.rest = self.rest.get(digits.len()..).unwrap_or_default();
        Some(number)
    }

    /// `Keyword = <a "Keyword" as in RFC 5321 §4.1.2>`: letters, digits, inner hyphens; underscores occur.
    fn keyword(&mut self) -> Result<String, ParseError> {
        let end =
            self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).unwrap_or(self.rest.len());
        match self.rest.split_at_checked(end) {
            Some((word, rest)) if !word.is_empty() => {
                self.rest = rest;
                Ok(word.to_ascii_lowercase())
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
            if results.len() == MAX_ITEMS {
                return Err(ParseError::Many);
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
    fn result(&mut self, method: String) -> Result<ResInfo, ParseError> {
        if self.rest.starts_with('/') {
            self.take("/")?;
            self.skip()?;
            self.number().ok_or_else(|| self.error(CfwsError::Expected("a version")))?;
            self.skip()?;
        }
        self.take("=")?;
        self.skip()?;
        let mut info = ResInfo::new(&method, &self.keyword()?);
        loop {
            let before = self.rest;
            self.skip()?;
            if self.rest.is_empty() || self.rest.starts_with(';') {
                return Ok(info);
            }
            if before.len() == self.rest.len() {
                return Err(self.error(CfwsError::Expected("white space")));
            }
            if info.properties.len() == MAX_ITEMS {
                return Err(ParseError::Many);
            }
            self.reason_or_property(&mut info)?;
        }
    }

    fn reason_or_property(&mut self, info: &mut ResInfo) -> Result<(), ParseError> {
        let word = self.keyword()?;
        self.skip()?;
        if word == "reason" && self.rest.starts_with('=') {
            self.take("=")?;
            self.skip()?;
            info.reason = Some(self.value()?);
            return Ok(());
        }
        self.take(".")?;
        self.skip()?;
        let name = self.keyword()?;
        self.skip()?;
        self.take("=")?;
        self.skip()?;
        let value = self.pvalue()?;
        info.properties.push(Property { ptype: word, name, value });
        Ok(())
    }

    /// `pvalue = [CFWS] ( value / [ [ local-part ] "@" ] domain-name ) [CFWS]`; real fields also have `/`, `=`, `+` and
    /// `:` in bare base64 and addresses, which can not be misread.
    fn pvalue(&mut self) -> Result<String, ParseError> {
        let mut value = String::new();
        if self.rest.starts_with('"') {
            value = self.value()?;
            if !self.rest.starts_with('@') {
                return Ok(value);
            }
        }
        let bare = |c: char| cfws::is_token(c) || "@/=:[]".contains(c);
        let end = self.rest.find(|c| !bare(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        if word.is_empty() {
            return Err(self.error(CfwsError::Expected("a value")));
        }
        value.push_str(word);
        self.rest = rest;
        Ok(value)
    }
}
