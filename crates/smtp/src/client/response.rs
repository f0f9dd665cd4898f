//! Replies as a client reads them, and what EHLO's reply offers.

use std::collections::HashSet;
use std::fmt;

use gatepost_syntax::Mailbox;

use crate::command::number;
use crate::envelope::RcptTo;

/// A reply: a stranger's words. Printed, it is escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The three digits.
    pub code: u16,
    /// The texts of its lines.
    pub lines: Vec<String>,
}

impl Response {
    /// 2yz: done. A 3yz is not: the server waits for more (RFC 5321 §4.2.1).
    pub fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// Its front, of so many octets of text at most: a stranger's words are as long as he likes.
    #[must_use]
    pub fn shortened(mut self, octets: usize) -> Self {
        let mut left = octets;
        for line in &mut self.lines {
            let end = (0..=left.min(line.len())).rev().find(|end| line.is_char_boundary(*end)).unwrap_or(0);
            line.truncate(end);
            left = left.saturating_sub(end + 1); // what is printed between lines
        }
        self.lines.truncate(1 + self.lines.iter().rposition(|line| !line.is_empty()).unwrap_or(0));
        self
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
    /// RFC 3030.
    pub chunking: bool,
    /// RFC 3030.
    pub binary_mime: bool,
    /// RFC 3461.
    pub dsn: bool,
    /// RFC 8689.
    pub require_tls: bool,
    /// RFC 2034.
    pub enhanced_status_codes: bool,
    /// RFC 1870: the limit in octets, 0 for none that is told.
    pub size: Option<u64>,
    /// RFC 9422.
    pub limits: Counts,
    /// RFC 4954: mechanisms in upper case.
    pub auth: Vec<String>,
}

/// What the server takes at a time (RFC 9422); what it does not tell is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// `RCPTMAX`: recipients of a message.
    pub recipients: Option<usize>,
    /// `RCPTDOMAINMAX`: domains that they are in.
    pub domains: Option<usize>,
    /// `MAILMAX`: messages of a session.
    pub messages: Option<usize>,
}

impl Capabilities {
    /// From the reply to EHLO; what can not be understood is not offered.
    pub(crate) fn parse(response: &Response) -> Self {
        let mut offered = Capabilities::default();
        for line in response.lines.iter().skip(1) {
            let mut words = line.trim_end_matches(' ').split(' ');
            let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
            let words: Vec<&str> = words.collect();
            match (keyword.as_str(), words.as_slice()) {
                ("PIPELINING", []) => offered.pipelining = true,
                ("8BITMIME", []) => offered.eight_bit_mime = true,
                ("SMTPUTF8", _) => offered.smtputf8 = true, // RFC 6531 §3.1: parameters are for later
                ("STARTTLS", []) => offered.starttls = true,
                ("CHUNKING", []) => offered.chunking = true,
                ("BINARYMIME", []) => offered.binary_mime = true,
                ("DSN", []) => offered.dsn = true,
                ("REQUIRETLS", []) => offered.require_tls = true,
                ("ENHANCEDSTATUSCODES", []) => offered.enhanced_status_codes = true,
                ("SIZE", []) => offered.size = Some(0),
                ("SIZE", [size]) => offered.size = Some(number(size).unwrap_or(0)),
                ("LIMITS", limits) => limits.iter().for_each(|limit| offered.limits.set(limit)),
                ("AUTH", names) => offered.auth.extend(names.iter().map(|name| name.to_ascii_uppercase())),
                _ => {}
            }
        }
        offered
    }
}

impl Counts {
    /// How many of these recipients, from the front, fit into one transaction: one at least, for none has fewer.
    pub fn room(&self, to: &[RcptTo]) -> usize {
        let within = |limit: Option<usize>, count: usize| limit.is_none_or(|limit| count <= limit);
        let (mut domains, mut room) = (HashSet::new(), 0);
        for to in to {
            domains.extend(to.path.mailbox().and_then(Mailbox::domain));
            let fits = within(self.recipients, room + 1) && within(self.domains, domains.len());
            if room > 0 && !fits {
                break;
            }
            room += 1;
        }
        room
    }

    /// `limit-name-value = limit-name ["=" limit-value]`: these have 1 to 6 digits and are not 0; other ones are ignored.
    fn set(&mut self, limit: &str) {
        let (name, value) = limit.split_once('=').unwrap_or((limit, ""));
        let place = match name.to_ascii_uppercase().as_str() {
            "RCPTMAX" => &mut self.recipients,
            "RCPTDOMAINMAX" => &mut self.domains,
            "MAILMAX" => &mut self.messages,
            _ => return,
        };
        let count = number(value).filter(|_| value.len() <= 6).and_then(|count| usize::try_from(count).ok());
        *place = count.filter(|count| *count > 0);
    }
}
