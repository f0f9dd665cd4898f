//! What a sender wants to be told of a message's fate (RFC 3461).

use std::fmt;

use crate::command::cut;
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
    /// `NEVER` stands alone; the others stand in any order, and may stand again.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut notify = Notify::default();
        if text.eq_ignore_ascii_case("NEVER") {
            return Some(notify);
        }
        let mut words = Some(text);
        while let Some((word, behind)) = words.map(|words| cut(words, b',')) {
            words = behind;
            let is = |keyword: &str| word.eq_ignore_ascii_case(keyword);
            match word.len() {
                7 if is("SUCCESS") => notify.success = true,
                7 if is("FAILURE") => notify.failure = true,
                5 if is("DELAY") => notify.delay = true,
                _ => return None,
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
        let fits = text.bytes().map(xtext_length).sum::<usize>() <= ENVID_OCTETS;
        (fits && is_printable(text)).then(|| EnvelopeId(text.into()))
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let short = !text.is_empty() && text.len() <= ENVID_OCTETS;
        if text.bytes().all(is_xchar) {
            return short.then(|| EnvelopeId(text.into())); // as it stands, as nearly all are
        }
        let id = from_xtext(text, String::with_capacity(text.len())).filter(|id| short && is_printable(id))?;
        Some(EnvelopeId(id.into()))
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

/// Whom the sender meant before any forwarding: `ORCPT=type;address` (RFC 3461 §4.2, RFC 6533 §3). Printed it is ASCII;
/// with `{:#}` the address of a `utf-8` one is UTF-8, for servers that take SMTPUTF8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginalRecipient {
    /// The type, `;`, and the address, not encoded.
    text: Box<str>,
    /// Where the `;` is.
    kind: usize,
}

impl OriginalRecipient {
    /// An atom as the type, and an address, not encoded: of printable ASCII, or with the type `utf-8` of any characters but
    /// controls.
    pub fn new(kind: &str, address: &str) -> Option<Self> {
        if kind.contains(';') { None } else { Self::of([kind, ";", address].concat(), kind.len()) }
    }

    fn of(text: String, kind: usize) -> Option<Self> {
        let recipient = OriginalRecipient { text: text.into(), kind };
        let (kind, address) = (recipient.kind(), recipient.address());
        let atom = is_atom(kind);
        let (sayable, length) = if is_utf8(kind) {
            let sayable = !address.is_empty() && !address.chars().any(char::is_control);
            (sayable, address.chars().map(unitext_length).sum::<usize>())
        } else {
            (is_printable(address), address.bytes().map(xtext_length).sum())
        };
        (atom && sayable && kind.len() + 1 + length <= ORCPT_OCTETS).then_some(recipient)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, address) = cut(text, b';');
        let address = address.filter(|_| text.len() <= ORCPT_OCTETS)?;
        let utf8 = is_utf8(kind);
        if !utf8 && !address.is_empty() && address.bytes().all(is_xchar) {
            let kind = is_atom(kind).then_some(kind.len())?;
            return Some(OriginalRecipient { text: text.into(), kind }); // as it stands, as nearly all do
        }
        let mut decoded = String::with_capacity(text.len());
        decoded.extend([kind, ";"]);
        Self::of(if utf8 { from_unitext(address, decoded)? } else { from_xtext(address, decoded)? }, kind.len())
    }

    /// `rfc822`, as it was written.
    pub fn kind(&self) -> &str {
        self.text.get(..self.kind).unwrap_or_default()
    }

    /// Not encoded.
    pub fn address(&self) -> &str {
        self.text.get(self.kind + 1..).unwrap_or_default()
    }
}

impl fmt::Display for OriginalRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};", self.kind())?;
        if is_utf8(self.kind()) { unitext(self.address(), f) } else { xtext(self.address(), f) }
    }
}

fn is_atom(kind: &str) -> bool {
    !kind.is_empty() && kind.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
}

pub(crate) fn is_utf8(kind: &str) -> bool {
    kind.eq_ignore_ascii_case("utf-8")
}

/// `utf-8-addr-xtext = 1*(QCHAR / EmbeddedUnicodeChar)`; with `{:#}` `utf-8-addr-unitext`, where UTF-8 stays.
fn unitext(address: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    address.chars().try_for_each(|c| match is_quchar(c) && (c.is_ascii() || f.alternate()) {
        true => write!(f, "{c}"),
        false => write!(f, "\\x{{{:02X}}}", u32::from(c)),
    })
}

/// Octets of a character in ASCII: at most `\x{10FFFF}`.
fn unitext_length(c: char) -> usize {
    match u32::from(c) {
        _ if is_quchar(c) && c.is_ascii() => 1,
        ..0x100 => 6,
        0x100..0x1000 => 7,
        0x1000..0x1_0000 => 8,
        0x1_0000..0x10_0000 => 9,
        _ => 10,
    }
}

/// `QUCHAR = QCHAR / UTF8-2 / UTF8-3 / UTF8-4`: no controls, no space, no `\`, `+` and `=`.
fn is_quchar(c: char) -> bool {
    !c.is_control() && !matches!(c, ' ' | '\\' | '+' | '=')
}

/// Either form; nothing is embedded that may not be so (RFC 6533 §3: `HEXPOINT`), and no control.
fn from_unitext(text: &str, mut out: String) -> Option<String> {
    let mut pieces = text.split('\\');
    out.push_str(pieces.next()?);
    for piece in pieces {
        let (point, rest) = piece.strip_prefix("x{")?.split_once('}')?;
        let digits = point.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'A'..=b'F'));
        let short = (2..=6).contains(&point.len()) && (point.len() == 2 || !point.starts_with('0'));
        let c = u32::from_str_radix(point, 16).ok().and_then(char::from_u32).filter(|_| digits && short)?;
        if is_quchar(c) && c.is_ascii() {
            return None; // there is one way to write it
        }
        out.push(c);
        out.push_str(rest);
    }
    text.chars().all(|c| is_quchar(c) || c == '\\').then_some(out)
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

/// Octets of an `xchar` or a `hexchar`.
fn xtext_length(octet: u8) -> usize {
    if is_xchar(octet) { 1 } else { 3 }
}

/// Whether something is written as xtext.
pub(crate) fn is_xtext(text: &str) -> bool {
    !text.is_empty() && from_xtext(text, String::new()).is_some()
}

/// `hexchar = ASCII "+" immediately followed by two upper case hexadecimal digits`; what is read is put behind what is there.
fn from_xtext(text: &str, mut out: String) -> Option<String> {
    if text.bytes().all(is_xchar) {
        out.push_str(text);
        return Some(out);
    }
    let digit = |octet: u8| match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    };
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        out.push(match octet {
            b'+' => char::from(16 * digit(octets.next()?)? + digit(octets.next()?)?),
            octet if is_xchar(octet) => char::from(octet),
            _ => return None,
        });
    }
    Some(out)
}
