//! What the server can do: CAPA (RFC 2449 §5), and the languages it speaks (RFC 6856 §3).

use gatepost_sasl::Name;

use super::{Server, State};

impl Server {
    /// What is offered: nothing in clear where TLS could be had (RFC 8314 §3.3).
    pub(super) fn mechanisms(&self) -> Vec<Name> {
        if self.config.stls && self.tls.is_none() && !self.config.sasl.plaintext_without_tls {
            return Vec::new();
        }
        gatepost_sasl::offered(&self.config.sasl, self.tls.as_ref())
    }

    pub(super) fn capabilities(&mut self) {
        let config = &self.config;
        let in_transaction = matches!(self.state, State::Transaction(_));
        let mut lines: Vec<String> =
            ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "LANG"].map(str::to_owned).to_vec();
        let mechanisms = self.mechanisms();
        lines.push(if mechanisms.contains(&Name::Plain) { "UTF8 USER" } else { "UTF8" }.to_owned());
        if mechanisms.contains(&Name::Plain) {
            lines.push("USER".to_owned());
        }
        if !mechanisms.is_empty() {
            lines.push(format!("SASL {}", Name::list(&mechanisms))); // in both states (RFC 5034 §3)
        }
        if config.stls && self.tls.is_none() && !in_transaction {
            lines.push("STLS".to_owned());
        }
        if let Some(delay) = config.login_delay {
            lines.push(format!("LOGIN-DELAY {}", delay.as_secs()));
        }
        lines.push(config.expire.map_or("EXPIRE NEVER".to_owned(), |days| format!("EXPIRE {days}")));
        // RFC 2449 §6.9: whom a stranger talks to is not his business
        if let Some(name) = config.implementation.as_ref().filter(|_| in_transaction) {
            lines.push(format!("IMPLEMENTATION {name}"));
        }
        self.listing("capabilities follow", lines);
    }

    /// `LANG [range]`: one language is spoken, and any range that it lies in is fine.
    pub(super) fn language(&mut self, range: Option<&str>) {
        match range.map(str::to_ascii_lowercase).as_deref() {
            None => self.listing("languages follow", vec!["en English".to_owned()]),
            Some("*" | "en" | "i-default") => self.ok("en English it is"),
            Some(_) => self.fail("this language is not spoken here"),
        }
    }

    /// A reply of several lines. None of ours begins with a dot.
    pub(super) fn listing(&mut self, text: &str, lines: impl IntoIterator<Item = String>) {
        self.ok(text);
        for line in lines {
            self.output.extend_from_slice(line.as_bytes());
            self.output.extend_from_slice(b"\r\n");
        }
        self.output.extend_from_slice(b".\r\n");
    }
}
