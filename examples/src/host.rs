//! `HOST[:PORT]` as people write it.

use std::net::Ipv6Addr;

/// The host, and the port where there is one. An IPv6 address with a port has brackets, which belong to neither.
pub fn split(text: &str) -> (&str, Option<&str>) {
    match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((address, rest)) => (address, rest.strip_prefix(':').or(Some(rest).filter(|rest| !rest.is_empty()))),
        None if text.parse::<Ipv6Addr>().is_ok() => (text, None),
        None => text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn brackets_and_colons_of_addresses_are_no_port() {
        for (text, host, port) in [
            ("mail.example", "mail.example", None),
            ("mail.example:25", "mail.example", Some("25")),
            ("192.0.2.1:25", "192.0.2.1", Some("25")),
            ("[2001:db8::1]:25", "2001:db8::1", Some("25")),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("2001:db8::1", "2001:db8::1", None),
        ] {
            assert_eq!(split(text), (host, port), "{text}");
        }
    }
}
