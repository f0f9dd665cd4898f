//! Trace fields beside Authentication-Results: Received, Return-Path, Received-SPF.

use std::borrow::Cow;
use std::fmt::Write;
use std::net::IpAddr;
use std::time::SystemTime;

pub use gatepost_syntax::date_time;
use gatepost_syntax::{Mailbox, ReversePath, cfws, escape};

/// `Return-Path: <…>` with its CRLF, added at final delivery (RFC 5321 §4.4).
pub fn return_path(path: &ReversePath) -> String {
    format!("Return-Path: {path}\r\n")
}

/// What a Received field says (RFC 5321 §4.4).
#[derive(Clone, Debug)]
pub struct Received<'a> {
    /// What the client called itself; anything that is no domain or literal is written as a quoted comment.
    pub helo: &'a str,
    /// The client's address.
    pub client: IpAddr,
    /// Our name.
    pub by: &'a str,
    /// The protocol keyword, `ESMTPSA` (RFC 3848).
    pub with: &'a str,
    /// An identifier for the logs, an atom.
    pub id: &'a str,
    /// TLS version, and the cipher suite as IANA names it, if there is TLS (RFC 8314 §4.3).
    pub tls: Option<(&'a str, &'a str)>,
    /// The recipient, only where there is one (RFC 5321 §7.6).
    pub recipient: Option<&'a Mailbox>,
    /// When it came.
    pub time: SystemTime,
}

impl Received<'_> {
    /// The field with its CRLF.
    pub fn to_field(&self) -> String {
        let helo_ok =
            !self.helo.is_empty() && self.helo.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:[]".contains(c));
        let helo = if helo_ok { self.helo } else { "unknown" };
        let version = if self.client.is_ipv6() { "IPv6:" } else { "" };
        let mut out = String::with_capacity(FIELD_OCTETS);
        // writing to a String can not fail
        let _ = write!(out, "Received: from {helo} ([{version}{}])\r\n\tby ", self.client);
        for part in [&*atom(self.by), " with ", &*atom(self.with), "\r\n\tid ", &*atom(self.id)] {
            out.push_str(part);
        }
        if let Some(recipient) = self.recipient {
            let _ = write!(out, "\r\n\tfor <{recipient}>");
        }
        // RFC 5321 §4.4: additional clauses are the last; RFC 8314 §4.3: this one names the cipher suite
        if let Some((version, cipher)) = self.tls {
            let _ = write!(out, "\r\n\ttls {} ({})", atom(cipher), atom(version));
        }
        let _ = write!(out, ";\r\n\t{}\r\n", date_time(self.time));
        out
    }
}

fn atom(text: &str) -> Cow<'_, str> {
    let fits = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    if text.bytes().all(fits) {
        return Cow::Borrowed(text);
    }
    text.chars().filter(|c| u8::try_from(*c).is_ok_and(fits)).collect()
}

/// Room for a usual field.
const FIELD_OCTETS: usize = 400;

/// `Received-SPF` (RFC 7208 §9.1): a result, a comment, and `key=value` pairs, quoted where needed.
pub fn received_spf(result: &str, comment: &str, pairs: &[(&str, &str)]) -> String {
    let mut comment = escape(comment);
    if comment.bytes().any(|octet| matches!(octet, b'(' | b')')) {
        comment = comment.replace(['(', ')'], "'");
    }
    let mut out = String::with_capacity(FIELD_OCTETS);
    for part in ["Received-SPF: ", &*atom(result), " (", &*comment, ")"] {
        out.push_str(part);
    }
    for (index, (key, value)) in pairs.iter().enumerate() {
        // RFC 7208 §9.1: key-value-pair = key [CFWS] "=" ( dot-atom / quoted-string ), and all of it is ASCII
        let value = match cfws::dot_atom(value) {
            Ok((_, "")) if value.is_ascii() => Cow::Borrowed(*value),
            _ => Cow::Owned(cfws::quote(&escape(value))),
        };
        for part in [if index == 0 { "" } else { ";" }, "\r\n\t", &*atom(key), "=", &*value] {
            out.push_str(part);
        }
    }
    out.push_str("\r\n");
    out
}
