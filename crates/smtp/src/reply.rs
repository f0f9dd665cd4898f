//! Replies (RFC 5321 §4.2) with enhanced codes (RFC 2034, RFC 3463): the one table of what a server says.

use std::fmt::Write;

/// A reply. The text is printable ASCII, one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    enhanced: Option<&'static str>,
    text: String,
}

impl Reply {
    /// A refusal for good: `code` is 5yz and `enhanced` 5.y.z; another class is a mistake and becomes 554 5.0.0.
    pub fn permanent(code: u16, enhanced: &'static str, text: &str) -> Self {
        let right = (500..600).contains(&code) && enhanced.starts_with("5.");
        if right { Self::new(code, Some(enhanced), text) } else { Self::new(554, Some("5.0.0"), text) }
    }

    /// A refusal for now: `code` is 4yz and `enhanced` 4.y.z; another class is a mistake and becomes 451 4.0.0.
    pub fn transient(code: u16, enhanced: &'static str, text: &str) -> Self {
        let right = (400..500).contains(&code) && enhanced.starts_with("4.");
        if right { Self::new(code, Some(enhanced), text) } else { Self::new(451, Some("4.0.0"), text) }
    }

    pub(crate) fn new(code: u16, enhanced: Option<&'static str>, text: &str) -> Self {
        Reply { code, enhanced, text: gatepost_syntax::escape(text).chars().take(400).collect() }
    }

    pub(crate) fn ok(enhanced: &'static str, text: &str) -> Self {
        Self::new(250, Some(enhanced), text)
    }

    /// The three digits.
    pub fn code(&self) -> u16 {
        self.code
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut line = self.code.to_string();
        line.push(' ');
        if let Some(enhanced) = self.enhanced {
            let _ = write!(line, "{enhanced} "); // writing to a String can not fail
        }
        line.push_str(&self.text);
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}
