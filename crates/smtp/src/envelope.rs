//! What a client says of itself and of its message.

use std::fmt;

use gatepost_syntax::{ForwardPath, Mailbox, ReversePath};

use crate::dsn::{EnvelopeId, Notify, OriginalRecipient};
use crate::report::Returned;

/// HELO, EHLO or LHLO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// What the client calls itself; a stranger's text of printable ASCII without spaces.
    pub name: String,
    /// Whether it said EHLO or LHLO.
    pub extended: bool,
}

/// `BODY=` (RFC 6152, RFC 3030).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// `7BIT`, the default.
    #[default]
    SevenBit,
    /// `8BITMIME`
    EightBitMime,
    /// `BINARYMIME`: not made of lines.
    BinaryMime,
}

/// MAIL. Displayed, it is the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailFrom {
    /// The reverse-path.
    pub path: ReversePath,
    /// `SIZE=` in octets (RFC 1870).
    pub size: Option<u64>,
    /// `BODY=`
    pub body: Body,
    /// `SMTPUTF8` (RFC 6531).
    pub utf8: bool,
    /// `RET=` (RFC 3461).
    pub ret: Option<Returned>,
    /// `ENVID=` (RFC 3461).
    pub envelope_id: Option<EnvelopeId>,
    /// `REQUIRETLS` (RFC 8689).
    pub require_tls: bool,
    /// `AUTH=<>`: who submitted the message is not known, or not to be told. A relay has to say so where it has logged in, lest the
    /// next server takes the message for the relay's own (RFC 4954 §5). The client says it there only, and once more without it
    /// to a server that offers AUTH and does not know the parameter.
    pub unknown_submitter: bool,
}

impl MailFrom {
    /// Without parameters.
    pub fn new(path: ReversePath) -> Self {
        MailFrom {
            path,
            size: None,
            body: Body::SevenBit,
            utf8: false,
            ret: None,
            envelope_id: None,
            require_tls: false,
            unknown_submitter: false,
        }
    }

    /// Whether it has parameters, which only EHLO allows (RFC 5321 §4.1.1.1).
    pub(crate) fn is_extended(&self) -> bool {
        *self != MailFrom::new(self.path.clone())
    }
}

impl From<Mailbox> for MailFrom {
    fn from(mailbox: Mailbox) -> Self {
        MailFrom::new(ReversePath::Mailbox(mailbox))
    }
}

impl From<ReversePath> for MailFrom {
    fn from(path: ReversePath) -> Self {
        MailFrom::new(path)
    }
}

impl fmt::Display for MailFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MAIL FROM:{}", self.path)?;
        if let Some(size) = self.size {
            write!(f, " SIZE={size}")?;
        }
        match self.body {
            Body::SevenBit => {}
            Body::EightBitMime => f.write_str(" BODY=8BITMIME")?,
            Body::BinaryMime => f.write_str(" BODY=BINARYMIME")?,
        }
        if let Some(ret) = self.ret {
            write!(f, " RET={ret}")?;
        }
        if let Some(id) = &self.envelope_id {
            write!(f, " ENVID={id}")?;
        }
        let words = [(self.utf8, " SMTPUTF8"), (self.require_tls, " REQUIRETLS"), (self.unknown_submitter, " AUTH=<>")];
        for (is, word) in words {
            f.write_str(if is { word } else { "" })?;
        }
        Ok(())
    }
}

/// RCPT. Displayed, it is the command; with `{:#}` as servers with SMTPUTF8 take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RcptTo {
    /// The forward-path.
    pub path: ForwardPath,
    /// `NOTIFY=` (RFC 3461).
    pub notify: Option<Notify>,
    /// `ORCPT=` (RFC 3461).
    pub original: Option<OriginalRecipient>,
}

impl RcptTo {
    /// Without parameters.
    pub fn new(path: ForwardPath) -> Self {
        RcptTo { path, notify: None, original: None }
    }

    /// Whether the address can not be named without SMTPUTF8 (RFC 6531 §3.3).
    pub(crate) fn needs_utf8(&self) -> bool {
        !self.path.mailbox().is_none_or(Mailbox::is_ascii)
    }
}

impl From<Mailbox> for RcptTo {
    fn from(mailbox: Mailbox) -> Self {
        RcptTo::new(ForwardPath::Mailbox(mailbox))
    }
}

impl From<ForwardPath> for RcptTo {
    fn from(path: ForwardPath) -> Self {
        RcptTo::new(path)
    }
}

impl fmt::Display for RcptTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RCPT TO:{}", self.path)?;
        if let Some(notify) = self.notify {
            write!(f, " NOTIFY={notify}")?;
        }
        if let Some(original) = &self.original {
            f.write_str(" ORCPT=")?;
            original.fmt(f)?; // with `{:#}` in UTF-8
        }
        Ok(())
    }
}
