//! Removing results that only we may have written (RFC 8601 §5).

use gatepost_syntax::{Field, HeaderBlock};

use crate::authres::{claimed_server, same_server};

/// A header section without forged results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stripped {
    /// The octets of the fields that stay.
    pub headers: Vec<u8>,
    /// How many fields were removed.
    pub removed: usize,
}

/// Removes each Authentication-Results field that claims to be of one of `own` servers, or that another reader could
/// take for such a one: any case or quoting of the identifier, comments around it, versions that nobody knows, fields that
/// can not be read (RFC 8601 §5). One pass.
pub fn strip(headers: &HeaderBlock, own: &[&str]) -> Stripped {
    without(headers, |field| is_forged(field, own))
}

/// As [`strip`], for final delivery, where fields of the same names are put on top: Return-Path is removed, for there is one
/// only (RFC 5321 §4.4), and each Received-SPF that does not name a receiver other than `own` (RFC 7208 §9.1).
pub fn strip_for_delivery(headers: &HeaderBlock, own: &[&str]) -> Stripped {
    without(headers, |field| {
        is_forged(field, own)
            || field.is("Return-Path")
            || (field.is("Received-SPF") && !is_received_elsewhere(field, own))
    })
}

fn without(headers: &HeaderBlock, unwanted: impl Fn(Field<'_>) -> bool) -> Stripped {
    let mut stripped = Stripped { headers: Vec::with_capacity(headers.raw().len()), removed: 0 };
    for field in headers.fields() {
        if unwanted(field) {
            stripped.removed += 1;
        } else {
            stripped.headers.extend_from_slice(field.raw());
        }
    }
    stripped
}

fn is_forged(field: Field<'_>, own: &[&str]) -> bool {
    field.is("Authentication-Results") && may_be_ours(field, own)
}

/// Whether a Received-SPF names its receiver, and none of ours anywhere: readers differ in where they look.
fn is_received_elsewhere(field: Field<'_>, own: &[&str]) -> bool {
    let text = field.text().unwrap_or_default().to_ascii_lowercase();
    text.contains("receiver=") && !own.iter().any(|id| text.contains(&id.to_ascii_lowercase()))
}

fn may_be_ours(field: Field<'_>, own: &[&str]) -> bool {
    // what can not be read could be read as ours by somebody else
    let Some(Ok((server, version))) = field.text().map(claimed_server) else { return true };
    if version.is_some_and(|version| version != 1) {
        return true; // RFC 8601 §5: versions that are not supported
    }
    // "mx.example/1" in quotes is no name with a version; older readers took it for one
    let server = server.split('/').next().unwrap_or_default();
    own.iter().any(|id| same_server(id, server))
}
