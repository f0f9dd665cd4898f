//! Tag-lists (RFC 6376 §3.2), the one grammar of DKIM-Signature fields, DKIM keys, ARC fields and DMARC records.
//!
//! ```text
//! tag-list  = tag-spec *( ";" tag-spec ) [ ";" ]
//! tag-spec  = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS]
//! tag-name  = ALPHA *ALNUMPUNC
//! tag-value = [ tval *( 1*(WSP / FWS) tval ) ]
//! ```

use std::ops::Range;

use nom::bytes::complete::{take_while, take_while1};
use nom::character::complete::char;
use nom::combinator::verify;
use nom::sequence::terminated;
use nom::{IResult, Parser};
use smallvec::SmallVec;
use thiserror::Error;

/// One `name=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    /// The name as written; names are case-sensitive in DKIM.
    pub name: &'a str,
    /// The value without the folding white space around it; may be empty.
    pub value: &'a str,
    /// Byte offset of the name in the list.
    pub at: usize,
    /// Byte range between `=` and the next `;` or the end, white space included: what is emptied in `b=`.
    pub value_span: Range<usize>,
}

/// Why a text is not a tag-list.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TagListError {
    /// Neither a tag nor the end.
    #[error("expected `name=value` at byte {at}")]
    Syntax {
        /// Where.
        at: usize,
    },
    /// RFC 6376 §3.2: "If duplicate names occur, the entire tag-list is invalid."
    #[error("a second tag of the same name at byte {at}")]
    Duplicate {
        /// Where the second one begins.
        at: usize,
    },
    /// More tags than the limit.
    #[error("more than {limit} tags")]
    Many {
        /// The limit.
        limit: usize,
    },
}

impl TagListError {
    /// The piece of the list that it is about, without the white space behind it; nothing where it is about the whole list.
    pub fn place(&self, list: &str) -> Option<Range<usize>> {
        match *self {
            TagListError::Syntax { at } | TagListError::Duplicate { at } => {
                let piece = list.get(at..).unwrap_or_default().split(';').next().unwrap_or_default();
                Some(at..at + piece.trim_end().len())
            }
            TagListError::Many { .. } => None,
        }
    }
}

/// How many tags a list may have, unless the reader has a limit of its own.
pub const MAX_TAGS: usize = 128;

/// A tag-list without duplicates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagList<'a> {
    tags: SmallVec<[Tag<'a>; 16]>,
}

impl<'a> TagList<'a> {
    /// Reads a list strictly: every piece must be a tag, no name may occur twice (RFC 6376 §3.2, §6.1.1).
    pub fn parse(text: &'a str) -> Result<Self, TagListError> {
        TagList::parse_at_most(text, MAX_TAGS)
    }

    /// Like [`TagList::parse`], with another limit on the number of tags.
    pub fn parse_at_most(text: &'a str, limit: usize) -> Result<Self, TagListError> {
        let mut tags: SmallVec<[Tag<'a>; 16]> = SmallVec::new();
        for tag in split(text) {
            let tag = tag?;
            if tags.len() >= limit {
                return Err(TagListError::Many { limit });
            }
            if tags.iter().any(|other| same(other.name, tag.name)) {
                return Err(TagListError::Duplicate { at: tag.at });
            }
            tags.push(tag);
        }
        if tags.is_empty() { Err(TagListError::Syntax { at: 0 }) } else { Ok(TagList { tags }) }
    }

    /// The tag of this name.
    pub fn get(&self, name: &str) -> Option<&Tag<'a>> {
        self.tags.iter().find(|tag| same(tag.name, name))
    }

    /// The value of the tag of this name.
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.get(name).map(|tag| tag.value)
    }

    /// All tags in order.
    pub fn iter(&self) -> impl Iterator<Item = &Tag<'a>> {
        self.tags.iter()
    }
}

/// The pieces between semicolons one by one, each a tag or an error, duplicates included: DMARC goes on after an error.
/// A last empty piece is the optional `;` at the end.
pub fn split(text: &str) -> impl Iterator<Item = Result<Tag<'_>, TagListError>> {
    let mut rest = Some(text);
    let clean = values_ok(text); // many octets at a time; only of what is not, each value is looked at
    std::iter::from_fn(move || {
        let list = rest?;
        let begin = text.len() - list.len();
        let end = memchr::memchr(b';', list.as_bytes());
        let piece = list.get(..end.unwrap_or(list.len())).unwrap_or_default();
        rest = end.and_then(|end| list.get(end + 1..));
        if rest.is_none() && piece.bytes().all(is_fws) {
            return None;
        }
        Some(
            tag(piece, begin)
                .filter(|tag| clean || values_ok(tag.value))
                .ok_or_else(|| TagListError::Syntax { at: begin + lead(piece) }),
        )
    })
}

/// Names are a few octets: to compare them here is cheaper than to call for it.
fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().eq(other.bytes())
}

/// Octets of white space at the front.
fn lead(piece: &str) -> usize {
    piece.bytes().take_while(|octet| is_fws(*octet)).count()
}

/// Reads a piece whose value may have any octets.
fn tag(piece: &str, begin: usize) -> Option<Tag<'_>> {
    let spec = piece.get(lead(piece)..)?;
    let (value, name) = front(spec.as_bytes()).ok()?;
    let (name, value) = (spec.get(..name.len())?, spec.get(spec.len() - value.len()..)?);
    let end = begin + piece.len();
    Some(Tag { name, value: trimmed(value), at: end - spec.len(), value_span: end - value.len()..end })
}

fn trimmed(value: &str) -> &str {
    let outside = |octet: &u8| !is_fws(*octet);
    let begin = value.as_bytes().iter().position(outside).unwrap_or(value.len());
    let end = value.as_bytes().iter().rposition(outside).map_or(begin, |last| last + 1);
    value.get(begin..end).unwrap_or_default()
}

/// All before the value: the name, and what is behind its `=`. Octets, since ASCII is all that may stand here.
fn front(input: &[u8]) -> IResult<&[u8], &[u8]> {
    terminated(tag_name, (take_while(is_fws), char('='))).parse(input)
}

fn tag_name(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let further = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_';
    verify(take_while1(further), |name: &[u8]| name.first().is_some_and(u8::is_ascii_alphabetic)).parse(input)
}

/// `VALCHAR = %x21-3A / %x3C-7E`, the `;` that is not one aside; UTF-8 beyond ASCII as RFC 8616 §3 allows.
fn values_ok(text: &str) -> bool {
    // without a way out, so that many octets are looked at at once
    text.bytes().fold(true, |ok, octet| ok & (is_fws(octet) | ((octet > b' ') & (octet != 0x7f))))
}

fn is_fws(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}
