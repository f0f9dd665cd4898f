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
use nom::combinator::{recognize, rest, verify};
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
    std::iter::from_fn(move || {
        let list = rest?;
        let begin = text.len() - list.len();
        let end = memchr::memchr(b';', list.as_bytes());
        let piece = list.get(..end.unwrap_or(list.len())).unwrap_or_default();
        rest = end.and_then(|end| list.get(end + 1..));
        if rest.is_none() && piece.trim_matches(is_fws).is_empty() {
            return None;
        }
        Some(tag(piece, begin))
    })
}

/// Names are a few octets: to compare them here is cheaper than to call for it.
fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().eq(other.bytes())
}

fn tag(piece: &str, begin: usize) -> Result<Tag<'_>, TagListError> {
    let lead = piece.len() - piece.trim_start_matches(is_fws).len();
    let at = begin + lead;
    let Ok((_, (name, value))) = tag_spec(piece.get(lead..).unwrap_or_default()) else {
        return Err(TagListError::Syntax { at });
    };
    let value_begin = begin + piece.len() - value.len();
    Ok(Tag { name, value: trimmed(value), at, value_span: value_begin..begin + piece.len() })
}

fn trimmed(value: &str) -> &str {
    let outside = |octet: &u8| !is_fws(char::from(*octet));
    let begin = value.as_bytes().iter().position(outside).unwrap_or(value.len());
    let end = value.as_bytes().iter().rposition(outside).map_or(begin, |last| last + 1);
    value.get(begin..end).unwrap_or_default()
}

fn tag_spec(input: &str) -> IResult<&str, (&str, &str)> {
    let (input, name) = tag_name(input)?;
    let (input, _) = (take_while(is_fws), nom::character::complete::char('=')).parse(input)?;
    let (input, value) = verify(rest, tag_value_ok).parse(input)?;
    Ok((input, (name, value)))
}

fn tag_name(input: &str) -> IResult<&str, &str> {
    let first = |c: char| c.is_ascii_alphabetic();
    let further = |c: char| c.is_ascii_alphanumeric() || c == '_';
    recognize((verify(take_while1(further), move |name: &str| name.starts_with(first)), take_while(further)))
        .parse(input)
}

/// `VALCHAR = %x21-3A / %x3C-7E`; UTF-8 beyond ASCII as RFC 8616 §3 allows.
fn tag_value_ok(value: &str) -> bool {
    // without a way out, so that many octets are looked at at once
    value
        .bytes()
        .fold(true, |ok, octet| ok & (is_fws(octet.into()) | ((octet > b' ') & (octet != b';') & (octet != 0x7f))))
}

fn is_fws(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}
