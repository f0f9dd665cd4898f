//! RFC 7208 rule by rule, each with the cases that readers get wrong.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // a test may

use gatepost_dns::{RecordType, Recorder, Zone, block_on};
use gatepost_spf::record::{Record, is_spf};
use gatepost_spf::{Limits, Outcome, Query, Scope, check, check_both};

/// An evaluation of `ann@a.example` from 192.0.2.1.
fn outcome(zone: &str) -> Outcome {
    outcome_for(zone, "192.0.2.1", "ann@a.example")
}

fn outcome_for(zone: &str, ip: &str, mail_from: &str) -> Outcome {
    let zone = Zone::parse(zone).unwrap_or_else(|error| panic!("{error}: {zone}"));
    let query = Query::mail_from(ip.parse().unwrap(), mail_from, "mx.helo.example").receiver("mx.receiver.example");
    block_on(check(&zone, &query, &Limits::default()))
}

fn word(zone: &str) -> &'static str {
    outcome(zone).verdict.word()
}

/// The result of one record at a.example, with the other names in `zone`.
fn record(text: &str, zone: &str) -> &'static str {
    word(&format!("a.example TXT \"{text}\"\n{zone}"))
}

fn is_error(text: &str) -> bool {
    Record::parse(&format!("v=spf1 {text}")).is_err()
}

#[test]
fn malformed_domains_single_labels_and_literals_have_no_result() {
    let all = "localhost TXT \"v=spf1 +all\"\nb.example TXT \"v=spf1 +all\"";
    for domain in
        ["localhost", "a..example", ".a.example", "[192.0.2.1]", "-a.example", "a b.example", "missing.example", ""]
    {
        assert_eq!(outcome_for(all, "192.0.2.1", &format!("ann@{domain}")).verdict.word(), "none", "{domain}");
    }
    assert_eq!(outcome_for(all, "192.0.2.1", &format!("ann@{}.example", "x".repeat(64))).verdict.word(), "none");
    assert_eq!(outcome_for(all, "192.0.2.1", "ann@B.Example.").verdict.word(), "pass");
    // an include or redirect to such a name: its target has no record
    for term in ["include:%{d1}", "redirect=%{d1}", "include:%{l}..example"] {
        assert_eq!(record(&format!("v=spf1 {term}"), "example TXT \"v=spf1 +all\""), "permerror", "{term}");
    }
}

#[test]
fn identities_are_kept_apart() {
    let zone = Zone::parse(
        "mx.helo.example TXT \"v=spf1 exists:%{l}.%{o}.x.example -all\"\npostmaster.mx.helo.example.x.example A 127.0.0.1\n\
         a.example TXT \"v=spf1 -all\"",
    )
    .unwrap();
    let both = |mail_from| {
        let query = Query::mail_from("192.0.2.1".parse().unwrap(), mail_from, "mx.helo.example");
        block_on(check_both(&zone, &query, &Limits::default()))
    };
    let named = both("ann@a.example");
    assert_eq!((named.helo.verdict.word(), named.mail_from.verdict.word()), ("pass", "fail"));
    assert_eq!((named.helo.scope, named.helo.passed()), (Scope::Helo, None));
    let null = both("");
    assert_eq!(null.mail_from.passed().unwrap().as_str(), "mx.helo.example", "postmaster at the HELO name");
    assert_eq!(both("@mx.helo.example").mail_from.verdict.word(), "pass", "no local part is postmaster");
}

#[test]
fn only_txt_is_asked_for_records_and_its_failure_is_temporary() {
    for mark in ["!TIMEOUT", "!SERVFAIL", "!BOGUS"] {
        assert_eq!(word(&format!("a.example TXT {mark}")), "temperror");
        assert_eq!(record("v=spf1 include:b.example", &format!("b.example TXT {mark}")), "temperror");
        assert_eq!(record("v=spf1 redirect=b.example", &format!("b.example TXT {mark}")), "temperror");
        assert_eq!(record("v=spf1 a:b.example +all", &format!("b.example A {mark}")), "temperror");
    }
    let recorder = Recorder::new(Zone::parse("a.example TXT \"v=spf1 include:b.example -all\"").unwrap());
    let query = Query::mail_from("192.0.2.1".parse().unwrap(), "ann@a.example", "h.example");
    block_on(check(&recorder, &query, &Limits::default()));
    assert!(recorder.asked().iter().all(|(question, _)| question.kind == RecordType::Txt));
}

#[test]
fn records_are_told_from_other_texts() {
    for (text, is) in
        [("v=spf1", true), ("V=sPf1 -all", true), ("v=spf10", false), ("v=spf1;", false), (" v=spf1", false)]
    {
        assert_eq!(is_spf(text.as_bytes()), is, "{text}");
        assert_eq!(word(&format!("a.example TXT \"{text}\"")) == "none", !is, "{text}");
    }
    assert_eq!(word("a.example TXT \"v=sp\" \"f1 +\" \"all\""), "pass", "character-strings join without a separator");
    assert_eq!(word("a.example TXT \"v=spf1 +all\"\na.example TXT \"V=SPF1 +all\""), "permerror");
    assert_eq!(word("a.example TXT \"v=spf1 +all é\""), "permerror");
    assert_eq!(word("a.example TXT \"é\"\na.example TXT \"v=spf1 +all\""), "pass", "other texts may hold anything");
}

/// RFC 7208 §3.4 advises short records and refuses none: what a TXT record holds is read.
#[test]
fn long_records_are_read() {
    let of = |octets: usize| {
        let text = "v=spf1 ".to_owned() + &" ".repeat(octets - "v=spf1 +all".len()) + "+all";
        assert_eq!(text.len(), octets);
        record(&text, "")
    };
    assert_eq!([of(450), of(20_000), of(65_535), of(65_536)], ["pass", "pass", "pass", "permerror"]);
}

#[test]
fn the_whole_record_is_checked_first() {
    for text in [
        "foo",
        "a:%{x}.example",
        "x=%{c}",
        "x=%",
        "redirect=b.example redirect=b.example",
        "exp=a.b EXP=a.b",
        "all:b.example",
        "all/8",
        "include",
        "include:",
        "exists",
        "exists:a",
        "a:",
        "a:b",
        "a:b.1",
        "a:b.-c",
        "a:b.c-",
        "a:b.example/",
        "a//",
        "ptr/8",
        "ptr:",
        "mx/33",
        "mx//129",
        "a/024",
        "a/+8",
        "a//064",
        "ip4",
        "ip4:",
        "ip4:192.0.2",
        "ip4:192.0.2.1/33",
        "ip4:192.0.2.1//8",
        "ip4:2001:db8::1",
        "ip4:192.0.02.1",
        "ip6:192.0.2.1",
        "ip6:2001:db8::/129",
        "ip6:2001:db8::g",
        "=x",
        "1x=y",
        "-",
        "++all",
        "a\tb",
        "exists:%{d0}.example",
        "exists:%{d",
        "exists:%{dx}.example",
        "exists:%{r}.example",
        "a:b.example/33",
        "redirect=",
        "exp=",
        "x=\u{7f}",
    ] {
        assert!(is_error(text), "{text}");
        assert_eq!(record(&format!("v=spf1 +all {text}"), ""), "permerror", "{text}");
    }
    for text in [
        "A",
        "a/0",
        "a/24//64",
        "a//0",
        "MX:b.example/8",
        "a:b.example.",
        "a:b.example/c.example",
        "a:b.c1",
        "a:b.1c",
        "a:b.xn--c",
        "ptr",
        "ip6:::",
        "ip6:::ffff:192.0.2.1/96",
        "?ip4:0.0.0.0/0",
        "exists:%{ir}.%{v}._spf.%{d2}",
        "exists:%{l1r+-}%{d}",
        "exists:%%.%_.%-.c.example",
        "x=",
        "x.y-z_9=anything:/%{d}",
        "default=pass",
        "redirect=b.example",
        "exists:%{D128R}.c.example",
        "a:b_c.example",
        "exists:%{d}",
    ] {
        assert!(!is_error(text), "{text}");
    }
    assert!(Record::parse("v=spf1  a   -all  ").is_ok(), "spaces may be many");
}

#[test]
fn qualifiers_and_defaults() {
    for (all, wanted) in
        [("all", "pass"), ("+all", "pass"), ("-ALL", "fail"), ("~aLL", "softfail"), ("?all", "neutral")]
    {
        assert_eq!(record(&format!("v=spf1 {all}"), ""), wanted);
    }
    assert_eq!(record("v=spf1", ""), "neutral");
    assert_eq!(record("v=spf1 ip4:198.51.100.1", ""), "neutral");
    assert_eq!(outcome("a.example TXT \"v=spf1\"").mechanism(), Some("default"));
}

#[test]
fn ten_terms_over_all_records() {
    let hosts = "b.example A 198.51.100.1\nb.example MX 1 b.example\n1.2.0.192.in-addr.arpa PTR b.example\n";
    let of = |terms: &str| record(&format!("v=spf1 {terms} +all"), hosts);
    assert_eq!(of(&"a:b.example ".repeat(10)), "pass");
    assert_eq!(of(&"a:b.example ".repeat(11)), "permerror");
    assert_eq!(
        of(&format!("{}ip4:10.0.0.1 ip6:::1 exp=b.example", "mx:b.example ".repeat(10))),
        "pass",
        "these do not count"
    );
    assert_eq!(of("exists:%{p}.x.example exists:%{p}.x.example"), "pass");
    assert_eq!(of(&"a:b.example exists:%{p} ".repeat(5)), "permerror", "a macro p counts");
    let nested = format!("{hosts}c.example TXT \"v=spf1 {}-all\"\n", "a:b.example ".repeat(5));
    assert_eq!(
        record("v=spf1 include:c.example a:b.example a:b.example a:b.example a:b.example +all", &nested),
        "pass"
    );
    assert_eq!(record("v=spf1 include:c.example include:c.example +all", &nested), "permerror", "6 + 6");
    assert_eq!(record("v=spf1 a:b.example a:b.example a:b.example a:b.example redirect=c.example", &nested), "fail");
    assert_eq!(record(&format!("v=spf1 {}redirect=c.example", "a:b.example ".repeat(5)), &nested), "permerror");
    assert_eq!(
        record(&format!("v=spf1 +all {}", "a:b.example ".repeat(20)), hosts),
        "pass",
        "only what is reached counts"
    );
}

#[test]
fn names_of_mx_and_ptr_are_bounded_apart() {
    let mx = |count: usize| {
        (0..count)
            .map(|n| format!("b.example MX {n} m{n}.example\nm{n}.example A 198.51.100.{n}\n"))
            .collect::<String>()
    };
    assert_eq!(record("v=spf1 mx:b.example +all", &mx(10)), "pass");
    assert_eq!(record("v=spf1 mx:b.example +all", &mx(11)), "permerror");
    let ptr = |own: usize| {
        (0..12)
            .map(|n| {
                format!("1.2.0.192.in-addr.arpa PTR p{n}.{}\n", if n == own { "b.example" } else { "other.example" })
            })
            .collect::<String>()
            + &(0..12)
                .map(|n| format!("p{n}.b.example A 192.0.2.1\np{n}.other.example A 192.0.2.1\n"))
                .collect::<String>()
    };
    assert_eq!(record("v=spf1 ptr:b.example -all", &ptr(9)), "pass");
    assert_eq!(record("v=spf1 ptr:b.example -all", &ptr(10)), "fail", "the 11th name is ignored");
}

#[test]
fn two_void_look_ups() {
    let some = "b.example A 198.51.100.1\nm.example MX 1 no.example\nm.example MX 2 nor.example\n";
    assert_eq!(record("v=spf1 a:x.example exists:y.example +all", some), "pass");
    assert_eq!(
        record("v=spf1 a:x.example exists:y.example mx:b.example +all", some),
        "permerror",
        "no data is void, too"
    );
    assert_eq!(record("v=spf1 a:x.example mx:m.example +all", some), "permerror", "exchanges without an address");
    assert_eq!(record("v=spf1 a:x.example exists:y.example ptr +all", some), "permerror", "a client without a name");
    let void_names = "1.2.0.192.in-addr.arpa PTR p.example\n1.2.0.192.in-addr.arpa PTR q.example\n1.2.0.192.in-addr.arpa PTR r.example\n";
    assert_eq!(record("v=spf1 ptr +all", void_names), "pass", "names are the client's, not the domain's");
    let zone = Zone::parse("a.example TXT \"v=spf1 a:x.example -all\"").unwrap();
    let query = Query::mail_from("192.0.2.1".parse().unwrap(), "ann@a.example", "");
    let mut limits = Limits::default();
    limits.voids = 0;
    assert_eq!(block_on(check(&zone, &query, &limits)).verdict.word(), "permerror");
}

#[test]
fn what_an_include_makes_of_results() {
    let of = |inner: &str| record("v=spf1 -include:b.example ?all", inner);
    assert_eq!(of("b.example TXT \"v=spf1 +all\""), "fail", "a pass is a match, with the qualifier of the include");
    for inner in ["-all", "~all", "?all", "ip4:198.51.100.1"] {
        assert_eq!(of(&format!("b.example TXT \"v=spf1 {inner}\"")), "neutral", "{inner}");
    }
    assert_eq!(of("b.example TXT \"v=spf1 foo\""), "permerror");
    assert_eq!(of(""), "permerror");
    assert_eq!(of("b.example TXT !TIMEOUT"), "temperror");
    let chain = "b.example TXT \"v=spf1 ?include:c.example -all\"\nc.example TXT \"v=spf1 include:d.example -all\"\nd.example TXT \"v=spf1 ip4:192.0.2.1 -all\"";
    assert_eq!(record("v=spf1 include:b.example ~all", chain), "softfail", "b says neutral, which is no match");
    assert_eq!(record("v=spf1 include:c.example ~all", chain), "pass");
}

#[test]
fn addresses_and_prefixes() {
    let hosts = "b.example A 192.0.2.77\nb.example AAAA 2001:db8::77\nn.example MX 0 .\n";
    assert_eq!(record("v=spf1 a:b.example -all", hosts), "fail");
    assert_eq!(record("v=spf1 a:b.example/24 -all", hosts), "pass");
    assert_eq!(record("v=spf1 a:b.example//0 -all", hosts), "fail", "that length is for IPv6");
    assert_eq!(record("v=spf1 a:b.example/0 -all", hosts), "pass");
    assert_eq!(record("v=spf1 mx:n.example -all", hosts), "fail", "a null MX has no address");
    assert_eq!(record("v=spf1 ip4:192.0.2.129/25 -all", ""), "fail");
    assert_eq!(record("v=spf1 ip4:192.0.2.126/25 -all", ""), "pass", "the rest of the network's bits do not matter");
    let six = |text: &str, ip: &str| {
        outcome_for(&format!("a.example TXT \"v=spf1 {text} -all\"\n{hosts}"), ip, "ann@a.example").verdict.word()
    };
    assert_eq!(six("a:b.example/0//64", "2001:db8::1"), "pass");
    assert_eq!(six("a:b.example/0", "2001:db8::1"), "fail");
    assert_eq!(six("ip4:0.0.0.0/0", "2001:db8::1"), "fail");
    assert_eq!(six("ip4:192.0.2.1", "::ffff:192.0.2.1"), "pass", "a mapped address is IPv4");
    assert_eq!(six("ip6:::ffff:192.0.2.1", "::ffff:192.0.2.1"), "fail");
    assert_eq!(six("ip6:2001:db8::/0", "2001:db8:ffff::1"), "pass");
    assert_eq!(six("exists:b.example", "2001:db8::1"), "pass", "exists asks for A, whatever the client");
    assert_eq!(six("exists:c.example", "2001:db8::1"), "fail");
}

#[test]
fn ptr_names_match_on_labels_and_errors_skip_them() {
    let reverse = "1.2.0.192.in-addr.arpa PTR";
    let of = |name: &str, zone: &str| record("v=spf1 ptr:B.example -all", &format!("{reverse} {name}\n{zone}"));
    assert_eq!(of("Mail.b.Example", "mail.b.example A 192.0.2.1"), "pass");
    assert_eq!(of("b.example", "b.example A 192.0.2.1"), "pass");
    assert_eq!(of("bad-b.example", "bad-b.example A 192.0.2.1"), "fail");
    assert_eq!(of("mail.b.example", "mail.b.example A 192.0.2.2"), "fail", "it does not lead back");
    assert_eq!(
        of("x.b.example", &format!("x.b.example A !TIMEOUT\n{reverse} y.b.example\ny.b.example A 192.0.2.1")),
        "pass"
    );
    assert_eq!(record("v=spf1 ptr:b.example -all", &format!("{reverse} !SERVFAIL")), "fail");
    assert_eq!(record("v=spf1 ptr -all", &format!("{reverse} mail.a.example\nmail.a.example A 192.0.2.1")), "pass");
}

#[test]
fn redirects() {
    let other = "b.example TXT \"v=spf1 ip4:192.0.2.1 -all\"\n";
    assert_eq!(record("v=spf1 redirect=b.example", other), "pass");
    assert_eq!(record("v=spf1 redirect=b.example -ip4:192.0.2.1", other), "fail", "terms first, wherever it stands");
    assert_eq!(record("v=spf1 redirect=b.example ?all", other), "neutral", "ignored where there is an all");
    assert_eq!(record("v=spf1 redirect=c.example", other), "permerror");
    assert_eq!(record("v=spf1 redirect=c.example", "c.example TXT \"some text\""), "permerror");
    assert_eq!(record("v=spf1 redirect=%{l}..example", ""), "permerror");
    let domains = "a.example TXT \"v=spf1 redirect=b.example exp=wrong.example\"\nb.example TXT \"v=spf1 -all exp=%{d}.why.example\"\n\
                   b.example.why.example TXT \"%{d} %{o}\"\nwrong.example TXT \"wrong\"";
    assert_eq!(
        outcome(domains).explanation.as_deref(),
        Some("b.example a.example"),
        "the domain is replaced, the sender is not"
    );
    assert_eq!(outcome(domains).domain.unwrap().as_str(), "a.example");
}

#[test]
fn a_pass_tells_how_narrow_it_is() {
    let bits = |terms: &str, zone: &str| outcome(&format!("a.example TXT \"v=spf1 {terms}\"\n{zone}")).passed_by_bits();
    assert_eq!(bits("+all", ""), Some(0));
    assert_eq!(bits("ip4:10.0.0.1 ip4:192.0.0.0/8 -all", ""), Some(8));
    assert_eq!(bits("a:b.example -all", "b.example A 192.0.2.1"), Some(32));
    assert_eq!(bits("a:b.example/24 -all", "b.example A 192.0.2.99"), Some(24));
    assert_eq!(bits("include:b.example -all", "b.example TXT \"v=spf1 ?ip4:10.0.0.1 +all\""), Some(0));
    assert_eq!(bits("?include:b.example ip4:192.0.2.1 -all", "b.example TXT \"v=spf1 ~all\""), Some(32));
    assert_eq!(bits("redirect=b.example", "b.example TXT \"v=spf1 ip4:192.0.2.0/25 -all\""), Some(25));
    assert_eq!(bits("exists:b.example", "b.example A 127.0.0.1"), None);
    assert_eq!(bits("-all", ""), None);
}

#[test]
fn refusals_have_the_codes_of_rfc_7372() {
    let of = |text: &str| outcome(&format!("a.example TXT \"v=spf1 {text}\"\nb.example TXT !TIMEOUT")).refusal();
    assert_eq!(of("-all"), Some((550, "5.7.23")));
    assert_eq!(of("foo"), Some((550, "5.7.24")));
    assert_eq!(of("include:b.example"), Some((451, "4.7.24")));
    assert_eq!([of("~all"), of("?all"), of("+all")], [None; 3]);
}
