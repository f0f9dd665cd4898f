//! RFC 9989 rule by rule, beyond its examples.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a test may

use gatepost_dmarc::record::{Psd, Tag};
use gatepost_dmarc::{Identifiers, Limits, Outcome, Preset, Record, Request, Step, Verdict, check, org_domain};
use gatepost_dns::{Question, Recorder, Zone, block_on};
use gatepost_results::{Explain, Lang};
use gatepost_syntax::{Domain, author};

fn domain(name: &str) -> Domain {
    Domain::parse(name).unwrap()
}

/// A zone of `name record` lines at `_dmarc.name`; other lines as they are.
fn zone(lines: &[(&str, &str)]) -> Zone {
    let line = |(name, record): &(&str, &str)| match *record {
        "SERVFAIL" | "TIMEOUT" => format!("\"_dmarc.{name}\": {{\"TXT\": \"{record}\"}}"),
        "exists" => format!("\"{name}\": {{\"A\": [\"192.0.2.1\"]}}"),
        record => {
            let records: Vec<String> = record.split('|').map(|one| format!("{one:?}")).collect();
            format!("\"_dmarc.{name}\": {{\"TXT\": [{}]}}", records.join(","))
        }
    };
    Zone::from_json(&format!("{{{}}}", lines.iter().map(line).collect::<Vec<_>>().join(","))).unwrap()
}

/// The outcome, which is the same whether answers are at hand, as those of a zone, or have to be waited for.
fn judge(lines: &[(&str, &str)], from: &str, passed: &Identifiers, preset: Preset) -> Outcome {
    let (zone, authors, limits) = (zone(lines), author::parse(&format!("a@{from}")), Limits::default());
    let outcome = block_on(check(&zone, &authors, passed, &limits, preset));
    let waited = block_on(check(&Recorder::new(zone), &authors, passed, &limits, preset));
    assert_eq!(outcome, waited);
    outcome
}

fn dkim(name: &str) -> Identifiers {
    Identifiers::default().with_dkim(&domain(name), "pass")
}

fn spf(name: &str) -> Identifiers {
    Identifiers::default().with_spf(&domain(name), "pass")
}

fn word(lines: &[(&str, &str)], from: &str, passed: &Identifiers) -> &'static str {
    judge(lines, from, passed, Preset::Strict).verdict.word()
}

/// §4.7, §4.8: what is a record, and what its tags say whatever their case, order and white space.
#[test]
fn records_are_read_by_the_grammar() {
    for wrong in [
        "",
        "v=DMARC1x; p=none",
        "v=dmarc1; p=none",
        "p=none; v=DMARC1",
        " v=DMARC1; p=none",
        "v=DMARC2; p=none",
        "v=spf1 -all",
        "DMARC1",
    ] {
        assert!(Record::parse(wrong).is_err(), "{wrong}");
    }
    let record = Record::parse("V = DMARC1 ;\tP=Reject ; SP = QUARANTINE;np=None; ADKIM=S; aspf=s ;T=Y;psd=Y;FO=1:d:S; pct=0; ri=1; rf=x; zz=1; p=none").unwrap();
    assert_eq!(
        (record.policy, record.subdomain_policy),
        (Tag::Valid(Request::Reject), Tag::Valid(Request::Quarantine))
    );
    assert_eq!((record.nonexistent_policy, record.psd), (Tag::Valid(Request::None), Psd::Yes));
    assert!(record.strict_dkim && record.strict_spf && record.testing);
    assert_eq!(record.failure_options, "1:d:s");
    let defaults = Record::parse("v=DMARC1; p=none; adkim=x; aspf=; t=maybe; psd=x; fo=0:1; unknown; =; ;;").unwrap();
    assert!(!defaults.strict_dkim && !defaults.strict_spf && !defaults.testing);
    assert_eq!((defaults.psd, &*defaults.failure_options), (Psd::Unknown, "0"));
    for fo in ["d:d", "0:0", "1:0", "x", "", "0:d:s:d"] {
        assert_eq!(Record::parse(&format!("v=DMARC1; p=none; fo={fo}")).unwrap().failure_options, "0", "{fo}");
    }
    let uris = Record::parse("v=DMARC1; p=none; rua=mailto:a@b.example!10m , mailto:c@d.example, https://e.example/x, mailto:nobody, junk; ruf=mailto:f@g.example!1").unwrap();
    assert_eq!(uris.rua, ["mailto:a@b.example", "mailto:c@d.example", "https://e.example/x"]);
    assert_eq!(uris.ruf, ["mailto:f@g.example"]);
    assert_eq!(record.span("sp").map(|span| &record.as_str()[span]), Some("SP = QUARANTINE"));
}

/// §4.7: p, sp and np with their fallbacks, for the domain itself, one below it, and one that does not exist.
#[test]
fn requests_fall_back() {
    let table = [
        ("p=reject", ["reject", "reject", "reject"]),
        ("p=reject; sp=quarantine", ["reject", "quarantine", "quarantine"]),
        ("p=reject; np=none", ["reject", "reject", "none"]),
        ("p=none; sp=quarantine; np=reject", ["none", "quarantine", "reject"]),
        ("p=quarantine; sp=none", ["quarantine", "none", "none"]),
    ];
    for (tags, wanted) in table {
        let record = format!("v=DMARC1; {tags}");
        let lines = [("example.com", record.as_str()), ("there.example.com", "exists"), ("example.com", "exists")];
        let lines = [lines[0], lines[1]];
        for (from, wanted) in ["example.com", "there.example.com", "gone.example.com"].iter().zip(wanted) {
            let outcome = judge(&lines, from, &Identifiers::default(), Preset::Strict);
            assert_eq!((outcome.verdict.word(), outcome.requested.unwrap().word()), ("fail", wanted), "{tags} {from}");
            assert_eq!(outcome.disposition.word(), wanted);
            let span = outcome.record.as_ref().unwrap().span(outcome.deciding.unwrap()).unwrap();
            assert!(outcome.record.unwrap().as_str()[span].ends_with(wanted), "{tags} {from}");
        }
    }
}

/// §4.10.1: a bad p, sp or np counts as p=none with a report address, and else as no DMARC at all.
#[test]
fn faulty_policies() {
    for tags in ["", "p=", "p=rejected", "p=reject; sp=x", "p=reject; np=x", "sp=reject"] {
        let with = format!("v=DMARC1; {tags}; rua=mailto:a@example.com");
        let outcome = judge(&[("example.com", &with)], "example.com", &Identifiers::default(), Preset::Strict);
        assert_eq!((outcome.verdict, outcome.requested), (Verdict::Fail, Some(Request::None)), "{tags}");
        // only a size may stand behind a `!` (§4.8)
        let bad_size =
            "rua=mailto:a@example.com!, mailto:a@example.com!10x, mailto:a@example.com!m, mailto:a!b@example.com";
        for rua in ["", "rua=", "rua=junk", "rua=mailto:nobody", "ruf=mailto:a@example.com", bad_size] {
            let without = format!("v=DMARC1; {tags}; {rua}");
            assert_eq!(word(&[("example.com", &without)], "example.com", &dkim("example.com")), "none", "{without}");
        }
    }
}

/// §4.7 `t`, §7.4: what is requested, effective and done are three things.
#[test]
fn testing_and_presets() {
    for (record, effective, [recorded, rfc, strict]) in [
        ("v=DMARC1; p=reject", "reject", ["none", "quarantine", "reject"]),
        ("v=DMARC1; p=reject; t=y", "quarantine", ["none", "quarantine", "quarantine"]),
        ("v=DMARC1; p=quarantine; t=y", "none", ["none", "none", "none"]),
        ("v=DMARC1; p=none; t=y", "none", ["none", "none", "none"]),
        ("v=DMARC1; p=quarantine; t=n", "quarantine", ["none", "quarantine", "quarantine"]),
    ] {
        for (preset, wanted) in [(Preset::Record, recorded), (Preset::Rfc9989, rfc), (Preset::Strict, strict)] {
            let outcome = judge(&[("example.com", record)], "example.com", &Identifiers::default(), preset);
            assert_eq!((outcome.effective.word(), outcome.disposition.word()), (effective, wanted), "{record}");
            let passed = judge(&[("example.com", record)], "example.com", &dkim("example.com"), preset);
            assert_eq!((passed.verdict, passed.disposition), (Verdict::Pass, Request::None), "{record}");
        }
    }
}

/// §4.10: several records of a name are none there, and the walk goes on; §4.10.1: those between are not used.
#[test]
fn which_record_applies() {
    type Row = (&'static [(&'static str, &'static str)], &'static str, &'static str, Option<&'static str>);
    let table: &[Row] = &[
        (&[("example.com", "v=DMARC1; p=reject|v=DMARC1; p=none")], "example.com", "none", None),
        (&[("example.com", "v=DMARC1; p=reject|v=spf1 -all|v=DMARC2")], "example.com", "fail", Some("example.com")),
        (
            &[("a.example.com", "v=DMARC1; p=none|v=DMARC1; p=none"), ("example.com", "v=DMARC1; p=reject")],
            "a.example.com",
            "fail",
            Some("example.com"),
        ),
        (
            &[("y.example.com", "v=DMARC1; p=none"), ("example.com", "v=DMARC1; p=reject")],
            "x.y.example.com",
            "fail",
            Some("example.com"),
        ),
        (&[("com", "v=DMARC1; p=reject; psd=y")], "a.mail.example.com", "fail", Some("com")),
        (&[("com", "v=DMARC1; p=reject")], "a.example.com", "fail", Some("com")),
        (
            &[("b.example.com", "v=DMARC1; p=reject; psd=n"), ("example.com", "v=DMARC1; p=none")],
            "a.b.example.com",
            "fail",
            Some("b.example.com"),
        ),
        (
            &[("com", "v=DMARC1; p=none; psd=y"), ("example.com", "v=DMARC1; p=reject")],
            "a.example.com",
            "fail",
            Some("example.com"),
        ),
        // the record below the organizational domain is that of neither
        (
            &[("com", "v=DMARC1; p=reject; psd=y"), ("mail.example.com", "v=DMARC1; p=none")],
            "a.mail.example.com",
            "fail",
            Some("com"),
        ),
        (&[("other.com", "v=DMARC1; p=reject")], "a.example.com", "none", None),
    ];
    for (lines, from, verdict, policy_domain) in table {
        let outcome = judge(lines, from, &Identifiers::default(), Preset::Strict);
        let found = outcome.policy_domain.as_ref().map(Domain::as_str);
        assert_eq!((outcome.verdict.word(), found), (*verdict, *policy_domain), "{lines:?} {from}");
    }
}

/// §4.10.2, and note (i): psd=y where the walk starts moves nothing.
#[test]
fn organizational_domains() {
    for (lines, start, wanted) in [
        (&[][..], "a.b.example.com", "a.b.example.com"),
        (&[("example.com", "v=DMARC1; p=none")], "a.b.example.com", "example.com"),
        (&[("com", "v=DMARC1; psd=y")], "a.mail.example.com", "example.com"),
        (&[("com", "v=DMARC1; psd=y")], "com", "com"),
        (&[("co.example", "v=DMARC1; psd=y"), ("example", "v=DMARC1; p=none")], "a.b.co.example", "b.co.example"),
        (
            &[("b.example.com", "v=DMARC1; psd=n"), ("example.com", "v=DMARC1; p=none")],
            "a.b.example.com",
            "b.example.com",
        ),
        (
            &[("a.example.com", "v=DMARC1; psd=n"), ("example.com", "v=DMARC1; p=none")],
            "a.example.com",
            "a.example.com",
        ),
        (&[("a.example.com", "v=DMARC1; p=none"), ("example.com", "v=DMARC1; p=none")], "a.example.com", "example.com"),
        // §5.1.8: nine labels and more skip what lies between
        (
            &[("b.c.d.e.f.g.example.com", "v=DMARC1; psd=n"), ("example.com", "v=DMARC1; p=none")],
            "a.b.c.d.e.f.g.example.com",
            "example.com",
        ),
    ] {
        let (org, asked) = block_on(org_domain(&zone(lines), &domain(start), &Limits::default()));
        assert_eq!(org.unwrap().as_str(), wanted, "{lines:?} {start}");
        assert!(asked.len() <= 8);
    }
}

/// §4.4: relaxed means the same organizational domain, strict the same domain; a suffix is no relation.
#[test]
fn alignment() {
    let both = |tags: &str| format!("v=DMARC1; p=reject{tags}");
    let (relaxed, strict_dkim, strict_spf) = (both(""), both("; adkim=s"), both("; aspf=s"));
    for (record, from, passed, wanted) in [
        (&relaxed, "example.com", dkim("mail.example.com"), "pass"),
        (&relaxed, "mail.example.com", dkim("example.com"), "pass"),
        (&relaxed, "a.example.com", spf("b.example.com"), "pass"),
        (&relaxed, "EXAMPLE.com", dkim("Example.COM"), "pass"),
        (&relaxed, "example.com", dkim("notexample.com"), "fail"),
        (&relaxed, "example.com", dkim("example.com.evil.com"), "fail"),
        (&relaxed, "example.com", dkim("com"), "fail"),
        (&strict_dkim, "example.com", dkim("mail.example.com"), "fail"),
        (&strict_dkim, "example.com", dkim("example.com"), "pass"),
        (&strict_dkim, "example.com", spf("mail.example.com"), "pass"),
        (&strict_spf, "example.com", spf("mail.example.com"), "fail"),
        (&strict_spf, "example.com", dkim("mail.example.com"), "pass"),
        (&strict_spf, "example.com", dkim("other.com").with_dkim(&domain("a.example.com"), "pass"), "pass"),
    ] {
        assert_eq!(word(&[("example.com", record)], from, &passed), wanted, "{record} {from} {passed:?}");
    }
    // signatures of strangers do not push out the one that is aligned
    let strangers = (0..20).fold(Identifiers::default(), |all, n| all.with_dkim(&domain(&format!("s{n}.net")), "pass"));
    let passed = strangers.with_dkim(&domain("mail.example.com"), "pass");
    assert_eq!(word(&[("example.com", &relaxed)], "example.com", &passed), "pass");
    let below = [("example.com", "v=DMARC1; p=reject"), ("b.example.com", "v=DMARC1; p=none; psd=n")];
    assert_eq!(word(&below, "example.com", &dkim("a.b.example.com")), "fail", "an organization of its own below ours");
    for result in ["fail", "none", "neutral", "softfail", "permerror", "policy", "PASS", ""] {
        let nothing =
            Identifiers::default().with_spf(&domain("example.com"), result).with_dkim(&domain("example.com"), result);
        assert_eq!(nothing, Identifiers::default(), "{result}");
    }
}

/// §5.3.6: what could not be asked leaves the result open, unless an identifier is aligned without it.
#[test]
fn failures_of_dns() {
    let own = "v=DMARC1; p=reject";
    for (lines, from, passed, wanted) in [
        (&[("example.com", "SERVFAIL")][..], "example.com", dkim("example.com"), "temperror"),
        (&[("example.com", "TIMEOUT")], "a.example.com", dkim("a.example.com"), "temperror"),
        // the walk for the author's organization fails: an identical identifier needs none
        (&[("example.com", own), ("com", "SERVFAIL")], "example.com", dkim("example.com"), "pass"),
        (
            &[("example.com", own), ("com", "SERVFAIL")],
            "example.com",
            dkim("a.example.com").with_spf(&domain("example.com"), "pass"),
            "pass",
        ),
        (&[("example.com", own), ("com", "SERVFAIL")], "example.com", dkim("a.example.com"), "temperror"),
        (&[("example.com", own), ("com", "SERVFAIL")], "example.com", dkim("evil.net"), "fail"),
        (&[("example.com", own), ("a.example.com", "SERVFAIL")], "example.com", dkim("a.example.com"), "temperror"),
        (&[("example.com", own), ("evil.com", "SERVFAIL")], "example.com", dkim("evil.com"), "fail"),
        (
            &[("example.com", own)],
            "example.com",
            Identifiers::default().with_dkim(&domain("example.com"), "temperror"),
            "temperror",
        ),
        (
            &[("example.com", own)],
            "example.com",
            Identifiers::default().with_spf(&domain("evil.com"), "temperror"),
            "fail",
        ),
    ] {
        assert_eq!(word(lines, from, &passed), wanted, "{lines:?} {from} {passed:?}");
    }
}

/// §5.3.1, §11.5: of several authors the worst counts, and it is told which.
#[test]
fn several_authors() {
    let lines = [
        ("good.example", "v=DMARC1; p=reject"),
        ("bad.example", "v=DMARC1; p=quarantine"),
        ("worse.example", "v=DMARC1; p=reject"),
    ];
    let judged = |from: &str| {
        block_on(check(&zone(&lines), &author::parse(from), &dkim("good.example"), &Limits::default(), Preset::Strict))
    };
    for (from, verdict, author, disposition) in [
        ("a@good.example, b@bad.example", "fail", Some("bad.example"), "quarantine"),
        ("b@bad.example, c@worse.example, a@good.example", "fail", Some("worse.example"), "reject"),
        ("a@good.example, b@unknown.example", "none", Some("unknown.example"), "none"),
        ("a@good.example, b@GOOD.example", "pass", Some("good.example"), "none"),
        ("g: a@good.example, b@bad.example;", "fail", Some("bad.example"), "quarantine"),
        ("a@a.example,a@b.example,a@c.example,a@d.example,a@e.example", "permerror", None, "none"),
        ("a@good.example b@bad.example", "permerror", None, "none"),
        ("undisclosed:;", "permerror", None, "none"),
    ] {
        let outcome = judged(from);
        let found = (outcome.verdict.word(), outcome.author.as_ref().map(Domain::as_str), outcome.disposition.word());
        assert_eq!(found, (verdict, author, disposition), "{from}");
    }
    let told = judged("a@good.example, b@bad.example");
    let authors = told.trail.iter().filter(|step| matches!(step, Step::Judged { .. })).count();
    assert_eq!(authors, 2);
}

/// Authors of one organization ask for its names once; the trail of each still tells all that it rests on.
#[test]
fn several_authors_ask_for_a_name_once() {
    let zone = Recorder::new(zone(&[("good.example", "v=DMARC1; p=reject")]));
    let authors = author::parse("a@x.good.example, b@y.good.example");
    let outcome = block_on(check(&zone, &authors, &dkim("good.example"), &Limits::default(), Preset::Strict));
    assert_eq!(outcome.verdict.word(), "pass");
    let asked: Vec<String> = zone.asked().into_iter().map(|(question, _)| question.name.to_string()).collect();
    let wanted = ["_dmarc.x.good.example", "_dmarc.good.example", "_dmarc.example", "_dmarc.y.good.example"];
    assert_eq!(asked, wanted);
    let author = outcome.author.as_ref().unwrap().as_str();
    let alone = judge(&[("good.example", "v=DMARC1; p=reject")], author, &dkim("good.example"), Preset::Strict);
    assert_eq!(outcome.trail.iter().filter(|step| matches!(step, Step::Asked { .. })).count(), 3);
    assert!(alone.trail.iter().all(|step| outcome.trail.contains(step)));
}

/// B7: 127 labels, many identifiers, many records: the questions stay few, and none is asked twice.
#[test]
fn questions_are_few() {
    let long = ["x"; 120].join(".") + ".example";
    let zone = Recorder::new(zone(&[("example", "v=DMARC1; p=reject")]));
    let mut passed = Identifiers::default();
    for number in 0..1000 {
        passed = passed.with_dkim(&domain(&format!("d{number}.example")), "pass");
    }
    let outcome =
        block_on(check(&zone, &author::parse(&format!("a@{long}")), &passed, &Limits::default(), Preset::Strict));
    let asked: Vec<Question> = zone.asked().into_iter().map(|(question, _)| question).collect();
    assert!(asked.len() <= 8 + 10 + 1, "{}", asked.len());
    for question in &asked {
        assert_eq!(asked.iter().filter(|other| *other == question).count(), 1, "{question}");
    }
    assert_eq!(outcome.verdict, Verdict::Pass);
    let bomb = format!("v=DMARC1; p=reject; {}", "x=y;".repeat(20_000));
    assert_eq!(word(&[("example.com", &bomb)], "example.com", &Identifiers::default()), "none");
}

/// A record that asks for nothing says why it does not.
#[test]
fn a_record_without_a_valid_policy_is_shown() {
    let tree = judge(&[("example.com", "v=DMARC1; p=rejct")], "example.com", &dkim("evil.net"), Preset::Record);
    let tree = tree.explain().to_string();
    assert!(tree.contains("no valid policy, and no address for reports  [RFC 9989 §4.10.1]"), "{tree}");
    let lines: Vec<&str> = tree.lines().rev().collect();
    assert_eq!((lines[1].find("p=rejct"), lines[0].trim()), (lines[0].find("^^^"), "^^^^^^^"), "{tree}");
}

/// The explanation has the walk, the record with the deciding tag marked, and the comparison, in both languages.
#[test]
fn outcomes_explain_themselves() {
    let lines = [("example.com", "v=DMARC1; p=none; sp=reject; t=y")];
    let outcome = judge(&lines, "a.example.com", &dkim("evil.net"), Preset::Rfc9989);
    let english = outcome.explain().to_string();
    for part in [
        "dmarc=fail header.from=a.example.com\n",
        "├─ TXT _dmarc.a.example.com → no DMARC record  [RFC 9989 §4.10]\n",
        "├─ the organizational domain of a.example.com is example.com  [RFC 9989 §4.10.2]\n",
        "├─ dkim passed for evil.net: not aligned (relaxed)  [RFC 9989 §4.4]\n",
        "└─ policy of example.com: requested reject, effective quarantine, done here quarantine  [RFC 9989 §4.10.1]\n",
        "     v=DMARC1; p=none; sp=reject; t=y\n                       ^^^^^^^^^\n",
        "   └─ the domain is testing (t=y): one level less than requested  [RFC 9989 §4.7]\n",
    ] {
        assert!(english.contains(part), "{part}\n{english}");
    }
    let japanese = outcome.explain().told(Lang::Ja).to_string();
    assert!(japanese.contains("a.example.com の組織ドメインは example.com です"), "{japanese}");
    assert_eq!(japanese.lines().count(), english.lines().count());
}

/// Each piece of advice, at its place.
#[test]
fn records_are_advised_on() {
    use gatepost_dmarc::lint::{Rule, lint};
    use gatepost_results::Advice;
    for (record, rule, marked) in [
        ("v=DMARC1; p=reject; nonsense", Rule::NoTag, "nonsense"),
        ("v=DMARC1; p=reject; p=none", Rule::Repeated("p".into()), "p=none"),
        ("v=DMARC1; p=reject; RI=86400 ;", Rule::Dropped("ri".into()), "RI=86400"),
        ("v=DMARC1; p=reject; pp=none", Rule::Unknown("pp".into()), "pp=none"),
        ("v=DMARC1; p=reject; adkim=strict", Rule::Value("adkim"), "adkim=strict"),
        ("v=DMARC1; p=reject; fo=x", Rule::Value("fo"), "fo=x"),
        (
            "v=DMARC1; p=reject; rua=mailto:a@b.example,dmarc@b.example",
            Rule::Address,
            "rua=mailto:a@b.example,dmarc@b.example",
        ),
        ("v=DMARC1; p=none", Rule::Blind, "p=none"),
        ("v=DMARC1; p=reject; t=y", Rule::Testing, "t=y"),
        ("v=DMARC1; p=reject; np=quarantine", Rule::Weaker("np"), "np=quarantine"),
        ("v=DMARC1; rua=mailto:a@b.example", Rule::NotSound, "v=DMARC1; rua=mailto:a@b.example"),
    ] {
        let found = lint(record).unwrap();
        assert_eq!(found.iter().map(|lint| &lint.rule).collect::<Vec<_>>(), [&rule], "{record}");
        assert_eq!(&record[found[0].span.clone()], marked, "{record}");
        assert!(!rule.to_string().is_empty() && rule.cite().rfc == 9989);
    }
    let clean =
        "v=DMARC1; p=reject; sp=reject; np=reject; adkim=s; aspf=r; psd=n; t=n; fo=1:d; rua=mailto:a@b.example!10m;";
    assert_eq!(lint(clean).unwrap(), []);
    assert!(lint("p=none").is_err());
    let found = lint("v=DMARC1; p=rejct").unwrap();
    assert_eq!(found.iter().map(|lint| &lint.rule).collect::<Vec<_>>(), [&Rule::Value("p"), &Rule::AsksNothing]);
    // two at once
    let found = lint("v=DMARC1; p=rejct; rua=mailto:a@b.example").unwrap();
    assert_eq!(found.iter().map(|lint| &lint.rule).collect::<Vec<_>>(), [&Rule::Value("p"), &Rule::NotSound]);
}
