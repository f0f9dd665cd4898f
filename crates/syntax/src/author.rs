//! Who wrote a message: the one strict reader of the `From` field (RFC 5322 §3.6.2) for the whole workspace.
//!
//! Nothing is guessed: a field that can be read in two ways is an error. Encoded words (RFC 2047) are never decoded:
//! in a display name they are skipped, in an address they are refused, since a reader that decodes them sees another
//! address.

use thiserror::Error;

use crate::cfws::{self, CfwsError};
use crate::domain::Domain;
use crate::header::HeaderBlock;
use crate::mailbox::{Host, Mailbox, MailboxError};
use crate::path::without_route;

/// Bounds of reading.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorLimits {
    /// How many addresses a From field may have (default 50; RFC 5322 §3.6.2 has no bound).
    pub authors: usize,
    /// How deep comments may nest (default 32; RFC 5322 §3.2.2 has no bound).
    pub comment_depth: usize,
}

impl Default for AuthorLimits {
    fn default() -> Self {
        AuthorLimits { authors: 50, comment_depth: cfws::COMMENT_DEPTH }
    }
}

/// The authors of a message: at least one mailbox with a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authors {
    mailboxes: Vec<Mailbox>,
    domains: Vec<Domain>,
}

impl Authors {
    /// The mailboxes in the order of the field.
    pub fn mailboxes(&self) -> &[Mailbox] {
        &self.mailboxes
    }

    /// The author domains (RFC 9989 §3.2.2), each once.
    pub fn domains(&self) -> &[Domain] {
        &self.domains
    }
}

/// Why a message has no usable author.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AuthorError {
    /// No From field (RFC 5322 §3.6 wants exactly one).
    #[error("no From field")]
    NoFrom,
    /// More than one From field.
    #[error("{count} From fields")]
    SeveralFrom {
        /// How many.
        count: usize,
    },
    /// The header section is so malformed that readers may disagree about its fields.
    #[error("the header section: {0}")]
    Header(crate::header::Defect),
    /// The field names nobody, as an empty group does.
    #[error("the From field has no address")]
    NoAddress,
    /// The field is not UTF-8.
    #[error("the From field is not UTF-8")]
    NotUtf8,
    /// The field does not follow the grammar.
    #[error("malformed From field at byte {at}")]
    Malformed {
        /// Where, counted from behind the colon.
        at: usize,
    },
    /// An address of the field is malformed.
    #[error("malformed address in the From field: {0}")]
    Address(MailboxError),
    /// An encoded word in an address (RFC 2047 §5 forbids it): who decodes it reads another address.
    #[error("an encoded word in an address of the From field")]
    EncodedWord,
    /// The domain of an author is an address literal, which no policy covers.
    #[error("an author at an address literal")]
    Literal,
    /// More addresses than [`AuthorLimits::authors`].
    #[error("more than {limit} authors")]
    Many {
        /// The limit.
        limit: usize,
    },
}

/// Reads the authors from a header section.
///
/// ```
/// use gatepost_syntax::{HeaderBlock, HeaderLimits, author::authors};
/// let (headers, _) = HeaderBlock::parse(b"From: \"Ann, Lee\" <ann@example.org>\r\n\r\n", &HeaderLimits::default()).unwrap();
/// assert_eq!(authors(&headers).unwrap().domains()[0].as_str(), "example.org");
/// ```
pub fn authors(headers: &HeaderBlock) -> Result<Authors, AuthorError> {
    authors_within(headers, &AuthorLimits::default())
}

/// Reads the authors within other bounds.
pub fn authors_within(headers: &HeaderBlock, limits: &AuthorLimits) -> Result<Authors, AuthorError> {
    if let Some(defect) = headers.defect() {
        return Err(AuthorError::Header(defect));
    }
    let mut fields = headers.named("From");
    let Some(field) = fields.next() else {
        return Err(AuthorError::NoFrom);
    };
    let further = fields.count();
    if further > 0 {
        return Err(AuthorError::SeveralFrom { count: further + 1 });
    }
    parse_within(field.text().ok_or(AuthorError::NotUtf8)?, limits)
}

/// Reads the body of a From field.
pub fn parse(text: &str) -> Result<Authors, AuthorError> {
    parse_within(text, &AuthorLimits::default())
}

fn parse_within(text: &str, limits: &AuthorLimits) -> Result<Authors, AuthorError> {
    let mut reader = Reader { text, rest: text, limits, mailboxes: Vec::new() };
    reader.address_list()?;
    let mailboxes = reader.mailboxes;
    if mailboxes.is_empty() {
        return Err(AuthorError::NoAddress);
    }
    let mut domains: Vec<Domain> = Vec::new();
    for mailbox in &mailboxes {
        let Host::Domain(domain) = mailbox.host() else {
            return Err(AuthorError::Literal);
        };
        if !domains.contains(domain) {
            domains.push(domain.clone());
        }
    }
    Ok(Authors { mailboxes, domains })
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    limits: &'a AuthorLimits,
    mailboxes: Vec<Mailbox>,
}

impl<'a> Reader<'a> {
    fn malformed(&self) -> AuthorError {
        AuthorError::Malformed { at: self.text.len() - self.rest.len() }
    }

    fn skip(&mut self) -> Result<(), AuthorError> {
        self.rest = cfws::skip_within(self.rest, self.limits.comment_depth).map_err(|_: CfwsError| self.malformed())?;
        Ok(())
    }

    fn take(&mut self, wanted: char) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// `address-list = address *("," address)` (RFC 5322 §3.4, and RFC 6854 for groups in From). Empty list members
    /// (§4.4) are refused: they serve nobody but those who want parsers to disagree.
    fn address_list(&mut self) -> Result<(), AuthorError> {
        loop {
            self.address(true)?;
            self.skip()?;
            if self.rest.is_empty() {
                return Ok(());
            }
            if !self.take(',') {
                return Err(self.malformed());
            }
        }
    }

    /// `address = name-addr / addr-spec / group`.
    fn address(&mut self, group_allowed: bool) -> Result<(), AuthorError> {
        if self.mailboxes.len() == self.limits.authors {
            return Err(AuthorError::Many { limit: self.limits.authors });
        }
        self.skip()?;
        let begin = self.rest;
        let words = self.phrase()?;
        if self.rest.starts_with('<') {
            return self.angle_addr();
        }
        if group_allowed && words > 0 && self.take(':') {
            return self.group();
        }
        self.rest = begin;
        let (local, rest) = self.local_part()?;
        self.rest = rest;
        self.skip()?;
        if !self.take('@') {
            return Err(self.malformed());
        }
        self.domain_behind(local)
    }

    /// Words of a display name: atoms (with the dots of obs-phrase, §4.1) and quoted strings. How many there were.
    fn phrase(&mut self) -> Result<usize, AuthorError> {
        let mut words = 0;
        loop {
            self.skip()?;
            if self.rest.starts_with('"') {
                let (_, rest) = cfws::quoted_string(self.rest).map_err(|_| self.malformed())?;
                self.rest = rest;
            } else {
                let end = self.rest.find(|c| !cfws::is_atext(c) && c != '.').unwrap_or(self.rest.len());
                if end == 0 {
                    return Ok(words);
                }
                self.rest = self.rest.get(end..).unwrap_or_default();
            }
            words += 1;
        }
    }

    /// `"<" [obs-route] addr-spec ">"`.
    fn angle_addr(&mut self) -> Result<(), AuthorError> {
        self.take('<');
        self.skip()?;
        if self.rest.starts_with('@') {
            let end = self.rest.find(':').ok_or_else(|| self.malformed())?;
            // the check is without_route's; the mailbox behind it is read here, where comments may stand
            let route = self.rest.get(..=end).unwrap_or_default();
            without_route(route).map_err(AuthorError::Address)?;
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            self.skip()?;
        }
        let (local, rest) = self.local_part()?;
        self.rest = rest;
        self.skip()?;
        if !self.take('@') {
            return Err(self.malformed());
        }
        self.domain_behind(local)?;
        self.skip()?;
        if self.take('>') { Ok(()) } else { Err(self.malformed()) }
    }

    /// `group = display-name ":" [group-list] ";"`.
    fn group(&mut self) -> Result<(), AuthorError> {
        self.skip()?;
        if self.take(';') {
            return Ok(());
        }
        loop {
            self.address(false)?;
            self.skip()?;
            if self.take(';') {
                return Ok(());
            }
            if !self.take(',') {
                return Err(self.malformed());
            }
        }
    }

    fn local_part(&self) -> Result<(String, &'a str), AuthorError> {
        if self.rest.starts_with('"') {
            return cfws::quoted_string(self.rest).map_err(|_| self.malformed());
        }
        let (atom, rest) = cfws::dot_atom(self.rest).map_err(|_| self.malformed())?;
        Ok((atom.to_owned(), rest))
    }

    fn domain_behind(&mut self, local: String) -> Result<(), AuthorError> {
        // RFC 2047 §5 (3): "An 'encoded-word' MUST NOT appear in any portion of an 'addr-spec'"
        let opened = local.split_once("=?");
        if opened.is_some_and(|(_, further)| further.contains("?=")) {
            return Err(AuthorError::EncodedWord);
        }
        self.skip()?;
        if self.rest.starts_with('[') {
            return Err(AuthorError::Literal);
        }
        let (name, rest) = cfws::dot_atom(self.rest).map_err(|_| self.malformed())?;
        let domain = Domain::parse(name).map_err(|error| AuthorError::Address(MailboxError::Domain(error)))?;
        self.rest = rest;
        self.mailboxes.push(Mailbox::new(&local, domain).map_err(AuthorError::Address)?);
        Ok(())
    }
}
