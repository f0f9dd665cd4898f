//! White space, comments and quoted strings (RFC 5322 §3.2), as functions that take a text and return what they read and
//! the rest. All are iterative.

use thiserror::Error;

/// How deep comments may nest where the caller has no bound of his own.
pub const COMMENT_DEPTH: usize = 32;

/// What was expected and not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CfwsError {
    /// A comment without its closing parenthesis.
    #[error("an unclosed comment")]
    UnclosedComment,
    /// Comments nested deeper than the limit.
    #[error("comments nested too deep")]
    DeepComment,
    /// A quoted string without its closing quote.
    #[error("an unclosed quoted string")]
    UnclosedQuote,
    /// A control character where none may be.
    #[error("a control character")]
    Control,
    /// Something else than what the grammar wants here.
    #[error("expected {0}")]
    Expected(&'static str),
}

/// Skips `[CFWS]` and returns the rest (RFC 5322 §3.2.2). Comments may nest [`COMMENT_DEPTH`] deep.
pub fn skip(text: &str) -> Result<&str, CfwsError> {
    skip_within(text, COMMENT_DEPTH)
}

/// Skips `[CFWS]` with comments that nest at most `depth` deep.
pub fn skip_within(text: &str, depth: usize) -> Result<&str, CfwsError> {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(is_fws);
        if !rest.starts_with('(') {
            return Ok(rest);
        }
        rest = comment(rest, depth)?;
    }
}

fn is_fws(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Skips one comment that begins here.
fn comment(text: &str, limit: usize) -> Result<&str, CfwsError> {
    let mut depth = 0usize;
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => {
                characters.next();
            }
            '(' if depth == limit => return Err(CfwsError::DeepComment),
            '(' => depth += 1,
            ')' => {
                depth -= 1; // the first character is an opening one
                if depth == 0 {
                    return Ok(text.get(at + 1..).unwrap_or_default());
                }
            }
            c if c.is_control() && !is_fws(c) => return Err(CfwsError::Control),
            _ => {}
        }
    }
    Err(CfwsError::UnclosedComment)
}

/// Reads a quoted string that begins here: its content, unquoted and unfolded, and the rest (RFC 5322 §3.2.4).
pub fn quoted_string(text: &str) -> Result<(String, &str), CfwsError> {
    let Some(inner) = text.strip_prefix('"') else {
        return Err(CfwsError::Expected("a quoted string"));
    };
    let mut content = String::new();
    let mut characters = inner.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Ok((content, inner.get(at + 1..).unwrap_or_default())),
            '\\' => match characters.next() {
                Some((_, escaped)) if !escaped.is_control() || escaped == '\t' => content.push(escaped),
                Some(_) => return Err(CfwsError::Control),
                None => return Err(CfwsError::UnclosedQuote),
            },
            '\r' | '\n' => {} // unfolding
            c if c.is_control() && c != '\t' => return Err(CfwsError::Control),
            c => content.push(c),
        }
    }
    Err(CfwsError::UnclosedQuote)
}

/// Reads `1*atext *("." 1*atext)` (RFC 5322 §3.2.3, with UTF-8 as in RFC 6532 §3.2).
pub fn dot_atom(text: &str) -> Result<(&str, &str), CfwsError> {
    let ascii = ascii_dot_atom(text.as_bytes());
    if ascii > 0 && text.as_bytes().get(ascii).is_none_or(u8::is_ascii) {
        return text.split_at_checked(ascii).ok_or(CfwsError::Expected("an atom"));
    }
    let (mut end, mut before) = (0, '.');
    for c in text.chars().take_while(|c| is_atext(*c) || *c == '.') {
        if (before, c) == ('.', '.') {
            return Err(CfwsError::Expected("an atom"));
        }
        (end, before) = (end + c.len_utf8(), c);
    }
    match text.split_at_checked(end) {
        Some(split) if before != '.' => Ok(split),
        _ => Err(CfwsError::Expected("an atom")),
    }
}

/// How many octets at the front are a dot-atom of ASCII; none if something is odd about it.
pub(crate) fn ascii_dot_atom(octets: &[u8]) -> usize {
    let (mut length, mut before) = (0, b'.');
    for octet in octets {
        match ATEXT.get(usize::from(*octet)) {
            Some(true) => {}
            _ if *octet == b'.' && before != b'.' => {}
            _ => break,
        }
        (length, before) = (length + 1, *octet);
    }
    if before == b'.' { 0 } else { length }
}

/// Which octets are `atext` by themselves.
#[allow(clippy::as_conversions, clippy::indexing_slicing)] // an octet, when it is compiled
const ATEXT: [bool; 256] = {
    let (mut table, mut octet) = ([false; 256], 0u8);
    while octet < 0x80 {
        table[octet as usize] = is_atext(octet as char);
        octet += 1;
    }
    table
};

/// `atext` of RFC 5322 §3.2.3, and UTF-8 beyond ASCII (RFC 6532 §3.2).
pub const fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '!' | '#'..='\'' | '*' | '+' | '-' | '/' | '=' | '?' | '^'..='`' | '{'..='~')
        || !matches!(c, '\0'..='\x7f' | '\u{80}'..='\u{9f}') // those are the controls beyond ASCII
}

/// Reads a MIME token (RFC 2045 §5.1): `1*<any CHAR except SPACE, CTLs, or tspecials>`.
pub fn token(text: &str) -> Result<(&str, &str), CfwsError> {
    let end = text.find(|c| !is_token(c)).unwrap_or(text.len());
    match text.split_at_checked(end) {
        Some((token, rest)) if !token.is_empty() => Ok((token, rest)),
        _ => Err(CfwsError::Expected("a token")),
    }
}

/// Whether a character may stand in a token; UTF-8 beyond ASCII may (RFC 8616 §4).
pub const fn is_token(c: char) -> bool {
    let is_special = matches!(c, '(' | ')' | '<'..='@' | ',' | ':' | ';' | '\\' | '"' | '/' | '[' | ']');
    // those beyond ASCII that may not are its controls
    if c.is_ascii() { c.is_ascii_graphic() && !is_special } else { !matches!(c, '\u{80}'..='\u{9f}') }
}

/// Writes a value: as it is when it is a token, else as a quoted string with `"` and `\` escaped and controls left out.
pub fn quote_unless_token(value: &str) -> String {
    if !value.is_empty() && value.chars().all(is_token) { value.to_owned() } else { quote(value) }
}

/// Writes a quoted string; control characters, which no quoted string can hold, are left out.
pub fn quote(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    if value
        .bytes()
        .fold(true, |plain, octet| plain & (matches!(octet, b' '..=b'~') & (octet != b'"') & (octet != b'\\')))
    {
        out.push_str(value);
        out.push('"');
        return out;
    }
    for c in value.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}
