//! SPF records to evaluate.

use std::fmt::Write;

use gatepost_dns::Zone;

/// Two networks and `-all`.
pub const SIMPLE: &str = "v=spf1 ip4:192.0.2.1 ip4:192.0.2.2 -all";

/// Name, client, reverse-path and result of each case.
pub const CASES: [(&str, &str, &str, &str); 4] = [
    ("spf-simple-pass", "192.0.2.2", "ann@simple.example", "pass"),
    ("spf-simple-fail", "192.0.2.200", "ann@simple.example", "fail"),
    ("spf-nested-pass", "192.0.2.200", "ann@nested.example", "pass"),
    ("spf-nested-fail", "192.0.2.201", "ann@nested.example", "fail"),
];

/// Three levels, 8 includes, 40 networks and a 41st, the last, that 192.0.2.200 lies in.
pub fn zone() -> Zone {
    let mut text = format!("simple.example TXT \"{SIMPLE}\"\n");
    let networks = |from: usize| {
        (from..from + 5).fold(String::new(), |mut all, n| {
            write!(all, " ip4:10.{n}.0.0/16").unwrap();
            all
        })
    };
    writeln!(text, "nested.example TXT \"v=spf1 include:_a.nested.example include:_b.nested.example -all\"").unwrap();
    for (side, from) in [("a", 0), ("b", 20)] {
        let includes: String = (1..=3).map(|n| format!(" include:_{side}{n}.nested.example")).collect();
        writeln!(text, "_{side}.nested.example TXT \"v=spf1{}{includes} -all\"", networks(from)).unwrap();
        for n in 1..=3 {
            let last = if (side, n) == ("b", 3) { " ip4:192.0.2.200" } else { "" };
            writeln!(text, "_{side}{n}.nested.example TXT \"v=spf1{}{last} -all\"", networks(from + 5 * n)).unwrap();
        }
    }
    Zone::parse(&text).unwrap()
}
