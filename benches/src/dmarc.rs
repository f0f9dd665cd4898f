//! Author domains to judge.

use gatepost_dns::Zone;

/// Name and author domain of each case.
pub const CASES: [(&str, &str); 2] = [("dmarc-exact", "example.org"), ("dmarc-two-below", "a.b.example.org")];

/// A policy for both.
pub fn zone() -> Zone {
    Zone::parse("_dmarc.example.org TXT \"v=DMARC1; p=reject; rua=mailto:d@example.org\"").unwrap()
}
