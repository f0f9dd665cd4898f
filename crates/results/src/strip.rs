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
    let mut stripped = Stripped { headers: Vec::with_capacity(headers.raw().len()), removed: 0 };
    for field in headers.fields() {
        if field.is("Authentication-Results") && may_be_ours(field, own) {
            stripped.removed += 1;
        } else {
            stripped.headers.extend_from_slice(field.raw());
        }
    }
    stripped
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
