//! Replies as a client reads them, and what EHLO's reply offers.

use std::fmt;

/// A reply: a stranger's words. Printed, it is escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The three digits.
    pub code: u16,
    /// The texts of its lines.
    pub lines: Vec<String>,
}

impl Response {
    /// 2yz, or 3yz.
    pub fn is_positive(&self) -> bool {
        (200..400).contains(&self.code)
    }

    /// 5yz: trying again is of no use.
    pub fn is_permanent(&self) -> bool {
        (500..600).contains(&self.code)
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, gatepost_syntax::escape(self.lines.join(" / ")))
    }
}

/// One reply line: its code, whether it is the last one, its text. A missing separator is the end (RFC 5321 §4.2.1).
pub(crate) fn line(line: &[u8]) -> Option<(u16, bool, String)> {
    let (digits, rest) = line.split_at_checked(3)?;
    let code: u16 = std::str::from_utf8(digits).ok()?.parse().ok().filter(|code| (200..600).contains(code))?;
    let last = match rest.first() {
        None | Some(b' ') => true,
        Some(b'-') => false,
        Some(_) => return None,
    };
    Some((code, last, String::from_utf8_lossy(rest.get(1..).unwrap_or_default()).into_owned()))
}

/// What the server offers (RFC 5321 §4.1.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 6152.
    pub eight_bit_mime: bool,
    /// RFC 6531.
    pub smtputf8: bool,
    /// RFC 3207.
    pub starttls: bool,
    /// RFC 1870: the limit in octets, 0 for none that is told.
    pub size: Option<u64>,
    /// RFC 4954: mechanisms in upper case.
    pub auth: Vec<String>,
}

impl Capabilities {
    /// From the reply to EHLO; what can not be understood is not offered.
    pub(crate) fn parse(response: &Response) -> Self {
        let mut offered = Capabilities::default();
        for line in response.lines.iter().skip(1) {
            let mut words = line.split(' ').filter(|word| !word.is_empty());
            match words.next().unwrap_or_default().to_ascii_uppercase().as_str() {
                "PIPELINING" => offered.pipelining = true,
                "8BITMIME" => offered.eight_bit_mime = true,
                "SMTPUTF8" => offered.smtputf8 = true,
                "STARTTLS" => offered.starttls = true,
                "SIZE" => offered.size = Some(words.next().and_then(|size| size.parse().ok()).unwrap_or(0)),
                "AUTH" => offered.auth.extend(words.map(str::to_ascii_uppercase)),
                _ => {}
            }
        }
        offered
    }
}
