//! The header that SCRAM and OAUTHBEARER begin with (RFC 5801 §4), and the names within it.

use crate::prepare::prepare_name;

/// What a client says of channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flag<'a> {
    /// `n`: it can not.
    No,
    /// `y`: it could, and thinks that the server can not.
    Unused,
    /// `p=type`: it does.
    Bound(&'a str),
}

/// `gs2-header`: the flag, whom to act as, and how long it is.
#[derive(Debug)]
pub(crate) struct Header<'a> {
    pub(crate) flag: Flag<'a>,
    pub(crate) authzid: Option<String>,
    /// The octets of the header itself.
    pub(crate) raw: &'a str,
    pub(crate) rest: &'a str,
}

/// `( "p=" cb-name / "n" / "y" ) "," [ "a=" saslname ] "," …`; no standard is without channel binding flag (`F,`) here.
pub(crate) fn header(text: &str) -> Option<Header<'_>> {
    let (flag, rest) = text.split_once(',')?;
    let (authzid, rest) = rest.split_once(',')?;
    let flag = match flag {
        "n" => Flag::No,
        "y" => Flag::Unused,
        bound => Flag::Bound(bound.strip_prefix("p=").filter(|kind| is_type(kind))?),
    };
    let authzid = match authzid {
        "" => None,
        some => Some(name(some.strip_prefix("a=")?)?),
    };
    Some(Header { flag, authzid, raw: text.get(..text.len() - rest.len())?, rest })
}

/// `cb-name = 1*(ALPHA / DIGIT / "." / "-")`.
fn is_type(kind: &str) -> bool {
    !kind.is_empty() && kind.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-'))
}

/// A `saslname`, prepared.
pub(crate) fn name(text: &str) -> Option<String> {
    prepare_name(unescaped(text)?.as_bytes())
}

/// `=2C` and `=3D` and no other `=`, no comma.
fn unescaped(name: &str) -> Option<String> {
    let mut pieces = name.split('=');
    let mut out = pieces.next()?.to_owned();
    for piece in pieces {
        let (c, rest) = piece
            .strip_prefix("2C")
            .map(|rest| (',', rest))
            .or_else(|| piece.strip_prefix("3D").map(|rest| ('=', rest)))?;
        out.push(c);
        out.push_str(rest);
    }
    Some(out)
}

/// A name as a `saslname`.
pub(crate) fn escaped(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// `[ "a=" saslname ]`.
pub(crate) fn authzid(name: Option<&str>) -> String {
    name.map(|name| format!("a={}", escaped(name))).unwrap_or_default()
}
