//! Authentication-Results (RFC 8601): written so that nobody can inject, read as untrusted.

mod parse;
mod trust;

use std::fmt;

use gatepost_syntax::cfws;

pub use parse::{Limits, ParseError, parse, parse_within, results_text};
pub(crate) use parse::{claimed_server, same_server};
pub use trust::{Trust, Untrusted};

use crate::result::{ResInfo, is_bare};

/// What one of our servers found out about a message: results that are made here, or that [`Trust`] lets through.
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

/// A line longer than this is folded in front of the next item; with the longest item it stays below 998 octets before any
/// escapes (RFC 5322 §2.1.1).
const LINE_OCTETS: usize = 300;

impl AuthResults {
    /// A field of the server that calls itself `authserv_id` (RFC 8601 §2.5), without results.
    #[inline]
    pub fn new(authserv_id: &str) -> Self {
        AuthResults { authserv_id: authserv_id.to_owned(), results: Vec::with_capacity(4) }
    }

    /// Adds a result.
    #[inline] // to move the whole for each of them is what writing would wait for
    #[must_use]
    pub fn with(mut self, result: ResInfo) -> Self {
        self.results.push(result);
        self
    }

    /// Adds results.
    #[inline]
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

    /// The results of one method, `dkim`.
    pub fn of<'a>(&'a self, method: &'a str) -> impl Iterator<Item = &'a ResInfo> {
        self.results.iter().filter(move |result| result.method() == method)
    }

    /// The whole header field, one result a line, with its CRLF.
    pub fn to_field(&self) -> String {
        let mut out = String::with_capacity(64 + 96 * self.results.len());
        out.push_str("Authentication-Results: ");
        self.write(&mut out, ";\r\n\t", LINE_OCTETS);
        out.push_str("\r\n");
        out
    }

    /// The body of a field of another name, one result a line, without CRLF at its end (RFC 8617 §4.1.1).
    pub fn to_payload(&self) -> String {
        let mut out = String::with_capacity(32 + 96 * self.results.len());
        self.write(&mut out, ";\r\n\t", LINE_OCTETS);
        out
    }

    /// Writes the body with `between` in front of each result; lines that are longer than `line` are folded.
    fn write(&self, out: &mut String, between: &str, line: usize) {
        push_server(out, &self.authserv_id);
        if self.results.is_empty() {
            out.push_str("; none"); // RFC 8601 §2.2, no-result
        }
        for result in &self.results {
            out.push_str(between);
            result.write(out, line);
        }
    }
}

fn push_server(out: &mut String, authserv_id: &str) {
    if is_bare(authserv_id) || (!authserv_id.is_empty() && authserv_id.chars().all(cfws::is_token)) {
        out.push_str(authserv_id);
    } else {
        out.push_str(&cfws::quote(authserv_id));
    }
}

impl fmt::Display for AuthResults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out, "; ", usize::MAX);
        f.write_str(&out)
    }
}
