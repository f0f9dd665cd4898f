//! What would have made a failing signature pass. It changes no verdict: it is for people who look for what happened on
//! the way.

use gatepost_syntax::{Field, HeaderBlock, HeaderLimits};

use thiserror::Error;

use crate::canon::Canonicalization;
use crate::hashes::BodyDigests;
use crate::outcome::Fail;
use crate::record::KeyRecord;
use crate::signature::Signature;
use crate::squeeze::Text;

/// What would have made a signature pass; see [`crate::Limits::diagnoses`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Diagnosis {
    /// The header fields are those that were signed; why the body is not can not be told.
    #[error("the header fields are as they were signed, only the body was changed")]
    OnlyBody,
    /// `c=` names another canonicalization of the body than the signer used.
    #[error("the body would pass by the {} canonicalization", .0.word())]
    BodyCanonicalization(Canonicalization),
    /// Lines were added below the body, as mailing lists do.
    #[error("{} octets were added below the {covered} of the body that was signed", total - covered)]
    BodyAppended {
        /// Octets that were signed.
        covered: u64,
        /// Octets there are.
        total: u64,
    },
    /// `c=` names another canonicalization of header fields than the signer used.
    #[error("the header fields would pass by the {} canonicalization", .0.word())]
    HeaderCanonicalization(Canonicalization),
    /// A field was added; its name in lower case.
    #[error("it would pass without a {0} field that was added")]
    FieldAdded(String),
    /// A tag was put in front of the subject, as mailing lists and filters do.
    #[error("it would pass without the tag in front of the subject")]
    SubjectTag,
    /// Fields were folded on the way, which `simple` does not forgive.
    #[error("it would pass if header fields had not been folded")]
    Folded,
}

/// A failing signature with what it was checked with.
pub(crate) struct Failed<'a> {
    pub(crate) signature: &'a Signature,
    pub(crate) record: &'a KeyRecord,
    pub(crate) headers: &'a HeaderBlock,
    /// Its own field.
    pub(crate) field: Field<'a>,
    pub(crate) bodies: &'a BodyDigests,
    /// How often it may be checked again.
    pub(crate) checks: usize,
}

impl Failed<'_> {
    pub(crate) fn diagnose(mut self, fail: Fail) -> Option<Diagnosis> {
        match fail {
            Fail::BodyHash if self.passes(self.headers, self.field, self.signature) => Some(self.body()),
            Fail::Signature => self.header(),
            _ => None,
        }
    }

    fn body(&self) -> Diagnosis {
        let wanted = self.signature.body_hash();
        let mut found = Diagnosis::OnlyBody;
        for hash in self.bodies.alike(self.signature) {
            if hash.digest.as_ref() == wanted {
                return Diagnosis::BodyCanonicalization(hash.need.canonicalization);
            }
            if let Some((_, covered)) = hash.line_ends.iter().find(|(sum, _)| sum.as_ref() == wanted) {
                found = Diagnosis::BodyAppended { covered: *covered, total: hash.total };
            }
        }
        found
    }

    fn header(&mut self) -> Option<Diagnosis> {
        let other = self.signature.canonicalization.header.other();
        let mut signature = self.signature.clone();
        signature.canonicalization.header = other;
        if self.passes(self.headers, self.field, &signature) {
            return Some(Diagnosis::HeaderCanonicalization(other));
        }
        if self.passes_with(|_, field| Some(without_tag(field))) {
            return Some(Diagnosis::SubjectTag);
        }
        if other == Canonicalization::Relaxed && self.folded() {
            return Some(Diagnosis::Folded);
        }
        self.added().map(Diagnosis::FieldAdded)
    }

    /// Unfolds all fields, then each one alone: the author may have folded some.
    fn folded(&mut self) -> bool {
        let headers = self.headers;
        let is_folded = |field: &Field<'_>| unfolded(*field).len() < field.raw().len();
        let places = headers.fields().enumerate().filter(|(_, field)| is_folded(field)).map(|(place, _)| place);
        let unfold = |field: Field<'_>, wanted: bool| if wanted { unfolded(field) } else { field.raw().to_vec() };
        self.passes_with(|_, field| Some(unfolded(field)))
            || places.take(self.checks).any(|at| self.passes_with(|place, field| Some(unfold(field, place == at))))
    }

    /// Leaves out one field of each signed name: the first one where all are covered, else the last one, which took the
    /// place of another.
    fn added(&mut self) -> Option<String> {
        let names = self.signature.headers.clone();
        let mut tried: Vec<String> = Vec::new();
        for name in names.iter().map(str::to_ascii_lowercase) {
            let covered = names.iter().filter(|other| other.eq_ignore_ascii_case(&name)).count();
            let fields = self.headers.fields().enumerate();
            let places: Vec<usize> = fields.filter(|(_, field)| field.is(&name)).map(|(place, _)| place).collect();
            let place = if places.len() <= covered { places.first() } else { places.last() };
            let Some(place) = place.copied().filter(|_| !tried.contains(&name)) else { continue };
            if self.passes_with(|at, field| (at != place).then(|| field.raw().to_vec())) {
                return Some(name);
            }
            if self.checks == 0 {
                return None;
            }
            tried.push(name);
        }
        None
    }

    /// Whether the signature is right over fields that are changed or left out; its own one stays as it is.
    fn passes_with(&mut self, change: impl Fn(usize, Field<'_>) -> Option<Vec<u8>>) -> bool {
        if self.checks == 0 {
            return false;
        }
        let mut fields: Vec<Vec<u8>> = Vec::new();
        let mut own = 0;
        for (place, field) in self.headers.fields().enumerate() {
            if std::ptr::eq(field.raw(), self.field.raw()) {
                own = fields.len();
                fields.push(field.raw().to_vec());
            } else {
                fields.extend(change(place, field));
            }
        }
        let changed = fields.concat();
        // shorter than the section was
        let mut limits = HeaderLimits::default();
        (limits.bytes, limits.field_bytes, limits.fields) = (usize::MAX, usize::MAX, usize::MAX);
        let Ok((headers, _)) = HeaderBlock::parse(&changed, &limits) else { return false };
        let Some(field) = headers.get(own) else { return false };
        self.passes(&headers, field, self.signature)
    }

    fn passes(&mut self, headers: &HeaderBlock, field: Field<'_>, signature: &Signature) -> bool {
        let Some(left) = self.checks.checked_sub(1) else { return false };
        self.checks = left;
        let mut octets = Text::default();
        signature.signed_octets(headers, field, &mut octets);
        self.record.verifies(signature.algorithm, octets.as_slice(), signature.signature())
    }
}

/// A Subject without `[tag]` or `***tag***` at its front; any other field as it is.
fn without_tag(field: Field<'_>) -> Vec<u8> {
    let whole = || field.raw().to_vec();
    if !field.is("Subject") {
        return whole();
    }
    let body = field.body().trim_ascii_start();
    let rest = if body.starts_with(b"[") {
        body.iter().position(|octet| *octet == b']').and_then(|end| body.get(end + 1..))
    } else {
        body.strip_prefix(b"***").and_then(|tag| {
            let end = tag.windows(3).position(|octets| octets == b"***")?;
            tag.get(end + 3..)
        })
    };
    rest.map_or_else(whole, |rest| [field.name_octets(), b": ", rest.trim_ascii_start(), b"\r\n"].concat())
}

/// A field in one line.
fn unfolded(field: Field<'_>) -> Vec<u8> {
    let mut octets: Vec<u8> = Vec::with_capacity(field.raw().len());
    for (at, octet) in field.raw().iter().enumerate() {
        let line_end = |at: usize| field.raw().get(at..at + 2) == Some(b"\r\n");
        if !line_end(at) && !at.checked_sub(1).is_some_and(line_end) {
            octets.push(*octet);
        }
    }
    octets.extend_from_slice(b"\r\n");
    octets
}
