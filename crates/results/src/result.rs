//! One method's result (RFC 8601 §2.2, `resinfo`).

use std::fmt;

use gatepost_syntax::cfws;

/// `method=result reason=… ptype.property=value …`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResInfo {
    /// The method in lower case, `spf`.
    pub method: String,
    /// The result in lower case, `pass`.
    pub result: String,
    /// Why, for people.
    pub reason: Option<String>,
    /// A comment behind the result; written, not read back.
    pub comment: Option<String>,
    /// What the result is about.
    pub properties: Vec<Property>,
}

/// `ptype.name=value`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// `smtp`, `header`, `body` or `policy` (RFC 8601 §2.3).
    pub ptype: String,
    /// `mailfrom`, `d` …
    pub name: String,
    /// The value, unquoted.
    pub value: String,
}

impl ResInfo {
    /// A result without properties.
    pub fn new(method: &str, result: &str) -> Self {
        ResInfo { method: method.to_owned(), result: result.to_owned(), ..Default::default() }
    }

    /// Adds a property. The value may hold anything: it is quoted where needed, and what no quoted string can hold is
    /// escaped.
    #[must_use]
    pub fn property(mut self, ptype: &str, name: &str, value: impl AsRef<str>) -> Self {
        let value = clean(value.as_ref());
        self.properties.push(Property { ptype: ptype.to_owned(), name: name.to_owned(), value });
        self
    }

    /// Gives a reason.
    #[must_use]
    pub fn reason(mut self, reason: impl AsRef<str>) -> Self {
        self.reason = Some(clean(reason.as_ref()));
        self
    }

    /// Adds a comment.
    #[must_use]
    pub fn comment(mut self, comment: impl AsRef<str>) -> Self {
        self.comment = Some(clean(comment.as_ref()));
        self
    }

    /// The value of a property.
    pub fn get(&self, ptype: &str, name: &str) -> Option<&str> {
        self.properties.iter().find(|p| p.ptype == ptype && p.name == name).map(|p| p.value.as_str())
    }
}

/// Control characters, which neither a quoted string nor a comment can hold, become escapes.
fn clean(value: &str) -> String {
    if value.chars().any(char::is_control) {
        value
            .chars()
            .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
            .collect()
    } else {
        value.to_owned()
    }
}

impl fmt::Display for ResInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.method, self.result)?;
        if let Some(comment) = &self.comment {
            f.write_str(" (")?;
            for c in comment.chars().filter(|c| !c.is_control()) {
                if matches!(c, '(' | ')' | '\\') {
                    f.write_str("\\")?;
                }
                write!(f, "{c}")?;
            }
            f.write_str(")")?;
        }
        if let Some(reason) = &self.reason {
            write!(f, " reason={}", cfws::quote(reason))?;
        }
        for property in &self.properties {
            write!(f, " {}.{}={}", property.ptype, property.name, pvalue(&property.value))?;
        }
        Ok(())
    }
}

/// `pvalue = [CFWS] ( value / [ [ local-part ] "@" ] domain-name ) [CFWS]` (RFC 8601 §2.2): bare where that is safe.
fn pvalue(value: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "-._+".contains(c);
    let (local, domain) = value.rsplit_once('@').unwrap_or(("", value));
    let ok = !domain.is_empty() && domain.chars().all(bare) && local.chars().all(bare);
    if ok { value.to_owned() } else { cfws::quote_unless_token(value) }
}
