//! Laws and attacks: whatever records hold, an evaluation ends within its limits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a test may

use std::sync::Arc;

use std::future::poll_fn;
use std::task::Poll;

use gatepost_dns::{
    Lookup, Name, Progress, Question, Record as DnsRecord, Recorder, Resolver, Stepper, Txt, Zone, block_on,
};
use gatepost_results::Explain;
use gatepost_spf::record::Record;
use gatepost_spf::{Limits, Outcome, PermError, Query, Scope, Verdict, check, check_both};
use proptest::prelude::*;

fn evaluate(zone: Zone) -> (Outcome, usize) {
    let recorder = Arc::new(Recorder::new(zone));
    let query = Query::mail_from("192.0.2.3".parse().unwrap(), "a@a.example", "mail.a.example");
    let outcome = block_on(check(&recorder, &query, &Limits::default()));
    let asked = recorder.asked().len();
    (outcome, asked)
}

/// The most questions: each of 10 terms asks once and for 10 names; the first record and the explanation.
const QUESTIONS: usize = 10 + 10 * 10 + 1 + 1 + 11;

fn verdict(zone: &str) -> Verdict {
    evaluate(Zone::parse(zone).unwrap()).0.verdict
}

#[test]
fn bombs_end_within_the_limits() {
    let permerror = |zone: &str| match verdict(zone) {
        Verdict::PermError(error) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(permerror("a.example TXT \"v=spf1 include:a.example -all\""), PermError::Terms { limit: 10 });
    assert_eq!(
        permerror("a.example TXT \"v=spf1 redirect=b.example\"\nb.example TXT \"v=spf1 redirect=a.example\""),
        PermError::Terms { limit: 10 }
    );
    assert_eq!(
        permerror("a.example TXT \"v=spf1 a:x.example a:y.example a:z.example -all\""),
        PermError::Voids { limit: 2 }
    );
    let mx: String = (0..10_000).map(|n| format!("a.example MX 1 m{n}.example\n")).collect();
    assert_eq!(permerror(&format!("{mx}a.example TXT \"v=spf1 mx -all\"")), PermError::MxNames { limit: 10 });
    assert!(matches!(permerror(&format!("a.example TXT \"v=spf1 {}-all\"", "a ".repeat(33_000))), PermError::Long(_)));
    assert!(
        matches!(permerror("a.example TXT \"v=spf1 ?all foo\""), PermError::Record { .. }),
        "the whole record is checked"
    );
    assert_eq!(verdict("a.example TXT \"v=spf1 exists:%{d100000000000000000000r}.x.example ?all\""), Verdict::Neutral);
    let digits = "9".repeat(10_000);
    assert_eq!(verdict(&format!("a.example TXT \"v=spf1 exists:%{{d{digits}}}.x.example ?all\"")), Verdict::Neutral);
}

/// A record of thousands of macros and a sender of a megabyte: what no name and no reply can hold is not written out,
/// which would take gigabytes.
#[test]
fn macros_do_not_multiply() {
    let macros = "%{l}".repeat(4000);
    let zone =
        format!("a.example TXT \"v=spf1 exists:{macros}.a.example -all exp=e.example\"\ne.example TXT \"{macros}\"");
    let sender = "x".repeat(1 << 20) + "@a.example";
    let query = Query::mail_from("192.0.2.1".parse().unwrap(), &sender, "h.example");
    let found = block_on(check(&Zone::parse(&zone).unwrap(), &query, &Limits::default()));
    assert_eq!((found.verdict.word(), found.explanation.map(|text| text.len())), ("fail", Some(400)));
}

/// How many questions a hostile zone gets asked: figures, not bounds, so that a change shows.
#[test]
fn bombs_ask_no_more_than_this() {
    let asked = |zone: &str| {
        let (outcome, asked) = evaluate(Zone::parse(zone).unwrap());
        (outcome.verdict.word(), asked)
    };
    let hosts: String = (0..10)
        .flat_map(|m| {
            (0..10).map(move |n| format!("m{m}.example MX {n} h{m}{n}.example\nh{m}{n}.example A 10.0.{m}.{n}\n"))
        })
        .collect();
    let all_mx: String = (0..10).map(|m| format!("mx:m{m}.example ")).collect();
    // the record, 10 terms, 10 names of each
    assert_eq!(asked(&format!("a.example TXT \"v=spf1 {all_mx}-all\"\n{hosts}")), ("fail", 1 + 10 + 10 * 10));
    // and the explanation, with the names of the client
    let names: String =
        (0..12).map(|n| format!("3.2.0.192.in-addr.arpa PTR p{n}.example\np{n}.example A 192.0.2.3\n")).collect();
    let explained =
        format!("a.example TXT \"v=spf1 {all_mx}-all exp=e.example\"\ne.example TXT \"%{{p}}\"\n{hosts}{names}");
    assert_eq!(asked(&explained), ("fail", 1 + 10 + 10 * 10 + 1 + 1 + 10));
    let ten = "a.example ".to_owned();
    let includes = |to: &str| format!("v=spf1 {}-all", format!("include:{to} ").repeat(10));
    let tree = format!(
        "{ten}TXT \"{}\"\nb.example TXT \"{}\"\nc.example TXT \"v=spf1 mx:m1.example -all\"\n{hosts}",
        includes("b.example"),
        includes("c.example")
    );
    assert_eq!(asked(&tree), ("permerror", 2 + 5 + 4 + 4 * 10), "a, b, 5 times c and 4 of their mx");
    assert_eq!(
        asked("a.example TXT \"v=spf1 include:b.example\"\nb.example TXT \"v=spf1 include:a.example\""),
        ("permerror", 11)
    );
    let voids: String = (0..1000).map(|n| format!("a:v{n}.example ")).collect();
    assert_eq!(asked(&format!("a.example TXT \"v=spf1 {voids}-all\"")), ("permerror", 4));
    let random: String = (0..600).map(|n| format!("exists:%{{l}}{n}.x.example ")).collect();
    assert_eq!(asked(&format!("a.example TXT \"v=spf1 {random}-all\"\n*.x.example A 127.0.0.1")), ("pass", 2));
    let mx: String = (0..10_000).map(|n| format!("a.example MX 1 m{n}.example\n")).collect();
    assert_eq!(asked(&format!("{mx}a.example TXT \"v=spf1 mx -all\"")), ("permerror", 2));
    assert_eq!(asked(&format!("a.example TXT \"v=spf1 {}-all\"", "a ".repeat(33_000))), ("permerror", 1));
}

#[test]
fn depth_does_not_depend_on_the_stack() {
    let mut limits = Limits::default();
    limits.terms = 20_000;
    limits.record_bytes = 1 << 20;
    let query = Query::mail_from("192.0.2.3".parse().unwrap(), "a@a.example", "mail.a.example");
    for term in ["include:a.example", "redirect=a.example"] {
        let zone = Zone::parse(&format!("a.example TXT \"v=spf1 {term} {}\"", "ip4:10.0.0.1 ".repeat(10))).unwrap();
        let outcome = block_on(check(&zone, &query, &limits));
        assert_eq!(outcome.verdict, Verdict::PermError(PermError::Terms { limit: 20_000 }));
    }
}

#[test]
fn explanations_are_one_printable_line() {
    let (outcome, _) =
        evaluate(Zone::parse("a.example TXT \"v=spf1 -all exp=e.example\"\ne.example TXT \"no%_%{l}\"").unwrap());
    assert_eq!(outcome.explanation.as_deref(), Some("no a"));
    assert!(outcome.explain().to_string().contains("RFC 7208 §5.1"));
}

/// Answers late, each question after as many polls as a number drawn from its name and a seed says.
struct Late(Zone, u64);

impl Resolver for Late {
    fn lookup<'a>(&'a self, question: &'a Question) -> Lookup<'a> {
        let text = question.to_string();
        let mut wait = text.bytes().fold(self.1, |sum, octet| sum.wrapping_mul(31).wrapping_add(u64::from(octet))) % 7;
        Lookup::new(async move {
            poll_fn(|context| {
                if wait == 0 {
                    return Poll::Ready(());
                }
                wait -= 1;
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            self.0.lookup(question).await
        })
    }
}

const SESSION: &str = "mail.b.example TXT \"v=spf1 ip4:192.0.2.3 -all\"\na.example TXT \"v=spf1 -all\"\n\
                       s.example TXT \"v=spf1 exists:%{l}.x.example -all\"\nann.x.example A 127.0.0.2";

#[test]
fn both_identities_are_judged() {
    let recorder = Recorder::new(Zone::parse(SESSION).unwrap());
    let both = |mail_from: &str, helo: &str| {
        let query = Query::mail_from("192.0.2.3".parse().unwrap(), mail_from, helo);
        let both = block_on(check_both(&recorder, &query, &Limits::default()));
        assert_eq!((both.helo.scope, both.mail_from.scope), (Scope::Helo, Scope::MailFrom));
        assert_eq!(both.helo.passed(), None, "DMARC must not use a HELO name");
        (both.helo.verdict.word(), both.mail_from.verdict.word())
    };
    assert_eq!(both("ann@a.example", "mail.b.example"), ("pass", "fail"));
    assert_eq!(both("ann@s.example", "s.example"), ("fail", "pass"), "a macro tells the identities apart");
    let before = recorder.asked().len();
    assert_eq!(both("", "mail.b.example"), ("pass", "pass"));
    assert_eq!(recorder.asked().len(), before + 1, "the null reverse-path is the HELO name again");
    assert_eq!(both("ann@a.example", "[192.0.2.3]"), ("none", "fail"));
}

#[test]
fn looking_ahead_saves_round_trips() {
    let zone = "a.example TXT \"v=spf1 include:b.example a:c.example mx -all\"\nb.example TXT \"v=spf1 -all\"\n\
                c.example A 192.0.2.9\na.example MX 1 m1.example\na.example MX 2 m2.example\n\
                m1.example A 192.0.2.8\nm2.example A 192.0.2.7";
    let zone = Zone::parse(zone).unwrap();
    let rounds = |ahead| {
        let mut stepper = Stepper::new(|dns| async move {
            let query = Query::mail_from("192.0.2.3".parse().unwrap(), "a@a.example", "mail.a.example");
            let mut limits = Limits::default();
            limits.ahead = ahead;
            check(&*dns, &query, &limits).await.verdict
        });
        let mut rounds = 0;
        loop {
            match stepper.poll() {
                Progress::Done(verdict) => return (verdict, rounds),
                _ => rounds += 1,
            }
            for question in stepper.open() {
                stepper.answer(&question, block_on(zone.lookup(&question)));
            }
        }
    };
    assert_eq!(rounds(0), (Verdict::Fail, 6));
    assert_eq!(rounds(8), (Verdict::Fail, 3));
}

fn term() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        Just("a.example"),
        Just("b.example"),
        Just("c.example"),
        Just("%{d}"),
        Just("%{p}"),
        Just("%{l}.%{i}.b.example")
    ];
    let name = prop_oneof![
        Just("include:"),
        Just("a:"),
        Just("mx:"),
        Just("ptr:"),
        Just("exists:"),
        Just("redirect="),
        Just("exp="),
        Just("-ip4:10.0.0.1 x=")
    ];
    (name, host).prop_map(|(name, host)| format!("{name}{host}"))
}

proptest! {
    #[test]
    fn any_zone_is_evaluated_within_the_limits(records in proptest::collection::vec((0usize..3, proptest::collection::vec(term(), 0..8)), 0..6)) {
        let mut zone = Zone::new();
        for (owner, terms) in records {
            let owner = Name::parse(["a.example", "b.example", "c.example"][owner]).unwrap();
            zone.add(owner, DnsRecord::Txt(Txt::from_strings([format!("v=spf1 {}", terms.join(" "))])));
        }
        let (outcome, asked) = evaluate(zone);
        prop_assert!(asked <= QUESTIONS, "{} questions", asked);
        prop_assert!(outcome.terms <= 10);
        let _ = outcome.explain().to_string();
    }

    #[test]
    fn looking_ahead_changes_nothing(records in proptest::collection::vec((0usize..3, proptest::collection::vec(term(), 0..8)), 0..4), seed: u64, ahead in 1usize..9) {
        let mut zone = Zone::new();
        for (owner, terms) in records {
            let owner = Name::parse(["a.example", "b.example", "c.example"][owner]).unwrap();
            zone.add(owner, DnsRecord::Txt(Txt::from_strings([format!("v=spf1 {}", terms.join(" "))])));
        }
        let query = Query::mail_from("192.0.2.3".parse().unwrap(), "a@a.example", "mail.a.example");
        let mut limits = Limits::default();
        let one_by_one = block_on(check(&zone, &query, &limits));
        limits.ahead = ahead;
        let together = block_on(check(&Late(zone, seed), &query, &limits));
        prop_assert_eq!(one_by_one.verdict, together.verdict);
        prop_assert_eq!(one_by_one.trail, together.trail);
        prop_assert_eq!((one_by_one.terms, one_by_one.voids), (together.terms, together.voids));
    }

    #[test]
    fn no_record_panics(text in "v=spf1 [ -~]{0,40}", any in any::<String>()) {
        let _ = Record::parse(&text);
        let _ = Record::parse(&any);
    }
}
