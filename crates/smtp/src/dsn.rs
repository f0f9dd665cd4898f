//! What a sender wants to be told of a message's fate (RFC 3461).

use std::fmt;

use crate::report::Returned;

impl Returned {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        if is("FULL") { Some(Returned::Full) } else { is("HDRS").then_some(Returned::Headers) }
    }
}

/// The value of `RET=` (RFC 3461 §4.3).
impl fmt::Display for Returned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Returned::Full => "FULL",
            Returned::Headers => "HDRS",
        })
    }
}

/// On what a report is wanted: `NOTIFY=` (RFC 3461 §4.1). None of them is `NEVER`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Notify {
    pub success: bool,
    pub failure: bool,
    pub delay: bool,
}

impl Notify {
    /// `NEVER` stands alone; the others stand in any order, each once.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut notify = Notify::default();
        if text.eq_ignore_ascii_case("NEVER") {
            return Some(notify);
        }
        for word in text.split(',') {
            let flag = match word.to_ascii_uppercase().as_str() {
                "SUCCESS" => &mut notify.success,
                "FAILURE" => &mut notify.failure,
                "DELAY" => &mut notify.delay,
                _ => return None,
            };
            if std::mem::replace(flag, true) {
                return None;
            }
        }
        Some(notify)
    }
}

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [(self.success, "SUCCESS"), (self.failure, "FAILURE"), (self.delay, "DELAY")];
        let wanted: Vec<&str> = words.iter().filter(|(wanted, _)| *wanted).map(|(_, word)| *word).collect();
        f.write_str(&if wanted.is_empty() { "NEVER".to_owned() } else { wanted.join(",") })
    }
}

/// The sender's own name for a transaction: `ENVID=` (RFC 3461 §4.4), printable ASCII; written as xtext.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeId(Box<str>);

const ENVID_OCTETS: usize = 100; // RFC 3461 §4.4, as written
const ORCPT_OCTETS: usize = 500; // RFC 3461 §4.2, as written

impl EnvelopeId {
    /// Printable ASCII, at most 100 octets when written.
    pub fn new(text: &str) -> Option<Self> {
        let id = EnvelopeId(text.into());
        (is_printable(text) && id.to_string().len() <= ENVID_OCTETS).then_some(id)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > ENVID_OCTETS { None } else { Self::new(&from_xtext(text)?) }
    }

    /// Not encoded.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnvelopeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        xtext(&self.0, f)
    }
}

/// Whom the sender meant before any forwarding: `ORCPT=type;address` (RFC 3461 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginalRecipient {
    kind: Box<str>,
    address: Box<str>,
}

impl OriginalRecipient {
    /// An atom as the type, `rfc822` or `utf-8` (RFC 6533 §3), and an address of printable ASCII, not encoded.
    pub fn new(kind: &str, address: &str) -> Option<Self> {
        let atom = !kind.is_empty() && kind.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
        let recipient = OriginalRecipient { kind: kind.into(), address: address.into() };
        let fits = recipient.to_string().len() <= ORCPT_OCTETS;
        (atom && fits && is_printable(address)).then_some(recipient)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, address) = text.split_once(';')?;
        if text.len() > ORCPT_OCTETS { None } else { Self::new(kind, &from_xtext(address)?) }
    }

    /// `rfc822`, as it was written.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Not encoded.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl fmt::Display for OriginalRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};", self.kind)?;
        xtext(&self.address, f)
    }
}

fn is_printable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| (b' '..=b'~').contains(&octet))
}

/// `xchar = any ASCII CHAR between "!" and "~" inclusive, except for "+" and "="`
fn is_xchar(octet: u8) -> bool {
    octet.is_ascii_graphic() && !matches!(octet, b'+' | b'=')
}

/// `xtext = *( xchar / hexchar )`
fn xtext(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for octet in text.bytes() {
        if is_xchar(octet) { write!(f, "{}", char::from(octet))? } else { write!(f, "+{octet:02X}")? }
    }
    Ok(())
}

/// `hexchar = ASCII "+" immediately followed by two upper case hexadecimal digits`
fn from_xtext(text: &str) -> Option<String> {
    let digit = |octet: u8| match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    };
    let (mut octets, mut out) = (text.bytes(), String::with_capacity(text.len()));
    while let Some(octet) = octets.next() {
        out.push(match octet {
            b'+' => char::from(16 * digit(octets.next()?)? + digit(octets.next()?)?),
            octet if is_xchar(octet) => char::from(octet),
            _ => return None,
        });
    }
    Some(out)
}
