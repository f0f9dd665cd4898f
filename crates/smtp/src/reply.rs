//! Replies (RFC 5321 §4.2) with enhanced codes (RFC 2034, RFC 3463): the one table of what a server says.

use std::borrow::Cow;

use crate::command::CommandError;

/// A reply. The text is printable ASCII, one line. The class of the enhanced code is the reply's first digit and not
/// kept apart, so that they can not differ (RFC 2034 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    detail: Option<Detail>,
    text: Cow<'static, str>,
}

/// Subject and detail of an enhanced code, the `1.5` of `2.1.5`.
type Detail = (u16, u16);

impl Reply {
    /// A refusal for good: `code` is 5yz and `enhanced` 5.y.z; another class is a mistake and becomes 554 5.0.0.
    pub fn permanent(code: u16, enhanced: &'static str, text: &str) -> Self {
        let right = (500..600).contains(&code) && enhanced.starts_with("5.");
        if right { Self::new(code, Some(enhanced), text) } else { Self::new(554, None, text).detail(0, 0) }
    }

    /// A refusal for now: `code` is 4yz and `enhanced` 4.y.z; another class is a mistake and becomes 451 4.0.0.
    pub fn transient(code: u16, enhanced: &'static str, text: &str) -> Self {
        let right = (400..500).contains(&code) && enhanced.starts_with("4.");
        if right { Self::new(code, Some(enhanced), text) } else { Self::new(451, None, text).detail(0, 0) }
    }

    /// To MAIL: the sender's domain takes no mail, so that nobody could be told of a failure (RFC 7505 §4.2).
    pub const SENDER_NULL_MX: Reply = Reply::of(550, 7, 27, "the sender's domain takes no mail (null MX)");

    /// To RCPT: the recipient's domain takes no mail (RFC 7505 §4.1).
    pub const RECIPIENT_NULL_MX: Reply = Reply::of(556, 1, 10, "the recipient's domain takes no mail (null MX)");

    pub(crate) fn new(code: u16, enhanced: Option<&'static str>, text: &str) -> Self {
        let mut numbers = enhanced.unwrap_or_default().split('.').skip(1).map(str::parse);
        let detail = match (numbers.next(), numbers.next()) {
            (Some(Ok(subject)), Some(Ok(detail))) => Some((subject, detail)),
            _ => None,
        };
        let mut text = gatepost_syntax::escape(text);
        text.truncate(400); // what is escaped is ASCII
        Reply { code, detail, text: text.into() }
    }

    /// A line of the table.
    const fn of(code: u16, subject: u16, detail: u16, text: &'static str) -> Self {
        Reply { code, detail: Some((subject, detail)), text: Cow::Borrowed(text) }
    }

    fn detail(mut self, subject: u16, detail: u16) -> Self {
        self.detail = Some((subject, detail));
        self
    }

    /// The three digits.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// Whether the server closes the connection behind it (RFC 5321 §3.8).
    pub(crate) fn is_farewell(&self) -> bool {
        self.code == 421
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        decimal(self.code, out);
        out.push(b' ');
        if let Some((subject, detail)) = self.detail {
            for (number, end) in [(self.code / 100, b'.'), (subject, b'.'), (detail, b' ')] {
                decimal(number, out);
                out.push(end);
            }
        }
        out.extend_from_slice(self.text.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// Each command has a reply: `write!` takes ten times as long.
fn decimal(number: u16, out: &mut Vec<u8>) {
    if number > 9 {
        decimal(number / 10, out);
    }
    out.extend(b"0123456789".get(usize::from(number % 10)));
}

/// What is said of a line that is no command.
impl From<&CommandError> for Reply {
    fn from(error: &CommandError) -> Self {
        match error {
            CommandError::Unknown => Reply::of(500, 5, 1, "command not recognized"),
            CommandError::Foreign => Reply::of(554, 5, 0, "this is an SMTP server"),
            CommandError::Characters => Reply::of(500, 5, 2, "characters that no command has"),
            CommandError::Parameter => PARAMETER,
            CommandError::Utf8 => SENDER_IN_UTF8,
            CommandError::Path(_) => Reply::new(501, Some("5.1.3"), &error.to_string()),
            CommandError::Sender(_) => Reply::new(501, Some("5.1.7"), &error.to_string()), // RFC 3463 §3.2
            CommandError::Syntax | CommandError::Duplicate | CommandError::Chunk => {
                Reply::new(501, Some("5.5.4"), &error.to_string())
            }
        }
    }
}

// The table.
pub(crate) const OK: Reply = Reply::of(250, 0, 0, "ok");
pub(crate) const SENDER_OK: Reply = Reply::of(250, 1, 0, "sender ok");
pub(crate) const RECIPIENT_OK: Reply = Reply::of(250, 1, 5, "recipient ok");
pub(crate) const CHUNK_OK: Reply = Reply::of(250, 0, 0, "chunk ok");
pub(crate) const MESSAGE_OK: Reply = Reply::of(250, 0, 0, "message accepted");
pub(crate) const HELP: Reply = Reply::of(214, 0, 0, "see RFC 5321");
pub(crate) const BYE: Reply = Reply::of(221, 0, 0, "bye");
pub(crate) const TLS_GO: Reply = Reply::of(220, 0, 0, "ready for TLS");
pub(crate) const VERIFY: Reply = Reply::of(252, 0, 0, "send some mail, we will try"); // not 2.1.5: it is not looked at
pub(crate) const BAD_LINE: Reply = Reply::of(500, 5, 2, "a bare CR, a bare LF or a NUL");
pub(crate) const LONG_LINE: Reply = Reply::of(500, 5, 2, "line too long");
pub(crate) const LONG_AUTH: Reply = Reply::of(500, 5, 6, "the authentication exchange has a line that is too long");
pub(crate) const NOT_HERE: Reply = Reply::of(502, 5, 1, "not implemented");
pub(crate) const WRONG_HELLO: Reply = Reply::of(500, 5, 1, "not the greeting of this protocol");
pub(crate) const HELLO_FIRST: Reply = Reply::of(503, 5, 1, "say EHLO first");
pub(crate) const MAIL_FIRST: Reply = Reply::of(503, 5, 1, "say MAIL first");
pub(crate) const RECIPIENT_FIRST: Reply = Reply::of(503, 5, 1, "say MAIL and RCPT first");
pub(crate) const NO_TRANSACTION_NOW: Reply = Reply::of(503, 5, 1, "there is a transaction already");
pub(crate) const NO_TLS_NOW: Reply = Reply::of(503, 5, 1, "TLS is not to be had now");
pub(crate) const NO_DATA_NOW: Reply = Reply::of(503, 5, 1, "DATA is not possible after BDAT or with BINARYMIME");
pub(crate) const CHUNKS_FAILED: Reply = Reply::of(503, 5, 1, "a chunk has failed, say RSET");
pub(crate) const NO_RECIPIENTS: Reply = Reply::of(554, 5, 1, "no valid recipients");
pub(crate) const NO_LMTP_RECIPIENTS: Reply = Reply::of(503, 5, 1, "no valid recipients");
pub(crate) const AUTHENTICATED: Reply = Reply::of(235, 7, 0, "authenticated");
pub(crate) const NO_AUTH_NOW: Reply = Reply::of(503, 5, 1, "AUTH is not to be had now");
pub(crate) const NO_MECHANISM: Reply = Reply::of(504, 5, 4, "this mechanism is not offered");
pub(crate) const BOUND_BEFORE: Reply = Reply::of(421, 7, 0, "bound to this channel before, connect again");
pub(crate) const TOO_MANY_FAILURES: Reply = Reply::of(421, 7, 0, "too many authentication failures");
pub(crate) const AUTH_NEEDED: Reply = Reply::of(530, 7, 0, "authentication required");
pub(crate) const TLS_NEEDED: Reply = Reply::of(530, 7, 0, "say STARTTLS first");
pub(crate) const REQUIRETLS_NEEDS_TLS: Reply = Reply::of(530, 7, 10, "REQUIRETLS needs TLS");
pub(crate) const PARAMETER: Reply = Reply::of(555, 5, 4, "parameter not recognized");
/// RFC 6531 §3.5: what MAIL is told and what RCPT is told differ.
pub(crate) const SENDER_IN_UTF8: Reply = Reply::of(550, 6, 7, "UTF-8 needs SMTPUTF8");
pub(crate) const RECIPIENT_IN_UTF8: Reply = Reply::of(553, 6, 7, "UTF-8 needs the SMTPUTF8 of MAIL");
pub(crate) const SENDER_ROUTED: Reply = Reply::of(501, 1, 7, "no source routes are taken in a reverse-path");
pub(crate) const SENDER_NOT_QUALIFIED: Reply = Reply::of(554, 1, 7, "the sender's domain is not fully qualified");
pub(crate) const RECIPIENT_NOT_QUALIFIED: Reply = Reply::of(554, 1, 3, "the recipient's domain is not fully qualified");
pub(crate) const TOO_LARGE: Reply = Reply::of(552, 3, 4, "the message is too large");
pub(crate) const TOO_MANY_RECIPIENTS: Reply = Reply::of(452, 5, 3, "too many recipients");
pub(crate) const BARE: Reply = Reply::of(550, 6, 0, "a bare CR, a bare LF or a NUL in the message");
pub(crate) const NOT_DELIVERED: Reply = Reply::of(451, 3, 0, "not delivered, try again later");
pub(crate) const TOO_EARLY: Reply = Reply::of(554, 5, 0, "you speak before your turn");
pub(crate) const BEHIND_STARTTLS: Reply = Reply::of(554, 5, 0, "data behind STARTTLS");
pub(crate) const NOT_SMTP: Reply = Reply::of(554, 5, 0, "this is an SMTP server");
pub(crate) const TOO_MANY_ERRORS: Reply = Reply::of(421, 7, 0, "too many errors");
pub(crate) const TOO_MANY_COMMANDS: Reply = Reply::of(421, 7, 0, "too many commands");
pub(crate) const TOO_MANY_REFUSALS: Reply = Reply::of(421, 7, 0, "too many unknown recipients");
pub(crate) const TIMEOUT: Reply = Reply::of(421, 4, 2, "timeout");
pub(crate) const SHUTDOWN: Reply = Reply::of(421, 3, 2, "the server is going down");
/// Behind it the message comes; no enhanced code stands in a 3yz reply (RFC 2034 §4).
pub(crate) const SEND_IT: Reply =
    Reply { code: 354, detail: None, text: Cow::Borrowed("send the message, end with a dot on a line of its own") };
