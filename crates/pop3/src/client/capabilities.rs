//! What a server can do (RFC 2449 §6, RFC 2595 §4, RFC 3206 §6, RFC 5034 §3, RFC 6856).

use super::{Client, State};

/// What a server said that it can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// TOP.
    pub top: bool,
    /// UIDL.
    pub uidl: bool,
    /// USER and PASS.
    pub user: bool,
    /// STLS.
    pub stls: bool,
    /// Commands may be said before the last one is answered.
    pub pipelining: bool,
    /// Texts that begin with a bracket are response codes.
    pub resp_codes: bool,
    /// Log-ins that fail for the credentials have the code AUTH.
    pub auth_resp_code: bool,
    /// UTF8.
    pub utf8: bool,
    /// Names and passwords may be in UTF-8.
    pub utf8_user: bool,
    /// LANG.
    pub lang: bool,
    /// The mechanisms of AUTH, in capitals.
    pub sasl: Vec<String>,
    /// Seconds between two log-ins.
    pub login_delay: Option<u64>,
    /// For how many days messages are kept, if not for ever.
    pub expire: Option<u64>,
    /// What the server calls itself.
    pub implementation: Option<String>,
}

impl Capabilities {
    /// Of a server without CAPA: what can be tried (RFC 2449 §5).
    fn unknown() -> Self {
        Capabilities { top: true, uidl: true, user: true, ..Capabilities::default() }
    }

    fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut found = Capabilities::default();
        for line in lines {
            let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
            let first = rest.split(' ').next().unwrap_or_default();
            match name.to_ascii_uppercase().as_str() {
                "TOP" => found.top = true,
                "UIDL" => found.uidl = true,
                "USER" => found.user = true,
                "STLS" => found.stls = true,
                "PIPELINING" => found.pipelining = true,
                "RESP-CODES" => found.resp_codes = true,
                "AUTH-RESP-CODE" => found.auth_resp_code = true,
                "UTF8" => (found.utf8, found.utf8_user) = (true, first.eq_ignore_ascii_case("USER")),
                "LANG" => found.lang = true,
                "SASL" => found.sasl = rest.split_ascii_whitespace().map(str::to_ascii_uppercase).collect(),
                "LOGIN-DELAY" => found.login_delay = first.parse().ok(),
                "EXPIRE" => found.expire = first.parse().ok(),
                "IMPLEMENTATION" => found.implementation = Some(rest.to_owned()),
                _ => {}
            }
        }
        found
    }
}

impl Client {
    /// A line of the list.
    pub(super) fn capability(&mut self, mut lines: Vec<String>, line: &[u8]) {
        if line == b"." {
            self.capabilities = Capabilities::parse(lines.iter().map(String::as_str));
            self.state = State::Authorization;
        } else if lines.len() >= self.config.limits.capabilities {
            self.fail(super::Failure::Malformed, true);
        } else {
            lines.push(String::from_utf8_lossy(line.strip_prefix(b".").unwrap_or(line)).into_owned());
            self.state = State::Capabilities(Some(lines));
        }
    }

    pub(super) fn no_capabilities(&mut self) {
        self.capabilities = Capabilities::unknown();
        self.state = State::Authorization;
    }
}
