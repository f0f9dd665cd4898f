//! RFC 8601: the grammar, the writer that can not be injected into, the remover of forged fields.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a test may

use gatepost_conformance::cases;
use gatepost_results::{
    AuthResults, Excerpt, Explain, Key, Lang, Outline, Phrase, ResInfo, Trust, authres, for_reader, strip,
    strip_for_delivery, trace,
};
use gatepost_syntax::{Domain, HeaderBlock, HeaderLimits, Mailbox};
use proptest::prelude::*;

#[test]
fn the_grammar_suite() {
    for case in cases("authres/cases.jsonl") {
        let (id, value, expect) = (&case["id"], case["input"]["value"].as_str().unwrap(), &case["expect"]);
        let parsed = authres::parse(value);
        if expect["error"].as_bool() == Some(true) || expect["valid"].as_bool() == Some(false) {
            assert!(parsed.is_err(), "{id}: {parsed:?}");
            continue;
        }
        let parsed = parsed.unwrap_or_else(|error| panic!("{id}: {error} in {value:?}"));
        assert_eq!(Some(parsed.authserv_id()), expect["authserv_id"].as_str(), "{id}");
        let Some(results) = expect["results"].as_array() else {
            continue;
        };
        assert_eq!(parsed.claims().len(), results.len(), "{id}");
        for (ours, theirs) in parsed.claims().iter().zip(results) {
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            assert_eq!((ours.method(), ours.result()), (&*text(&theirs["method"]), &*text(&theirs["result"])), "{id}");
            let properties: Vec<_> = theirs["props"].as_array().into_iter().flatten().collect();
            assert_eq!(ours.properties().count(), properties.len(), "{id}");
            for (ours, theirs) in ours.properties().zip(properties) {
                let wanted = ["ptype", "property", "value"].map(|member| text(&theirs[member]));
                assert_eq!([ours.ptype(), ours.name(), ours.value()], [&*wanted[0], &*wanted[1], &*wanted[2]], "{id}");
            }
        }
    }
}

#[test]
fn written_values_are_read_back() {
    for case in cases("authres/generate.jsonl") {
        let result = &case["input"]["result"];
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let mut info = ResInfo::new(text(&result["method"]), text(&result["result"]));
        for property in result["props"].as_array().unwrap() {
            let text = |key: &str| text(&property[key]);
            info = info.property(text("ptype"), text("property"), text("value"));
        }
        let field = AuthResults::new("mx.example").with(info.clone()).to_field();
        let (headers, _) = HeaderBlock::parse(field.as_bytes(), &HeaderLimits::default()).unwrap();
        assert_eq!((headers.fields().len(), headers.defect()), (1, None), "{field}");
        let parsed = authres::parse(headers.fields().next().unwrap().text().unwrap()).unwrap();
        assert_eq!(parsed.claims(), [info], "{field}");
    }
}

#[test]
fn known_names_are_written_as_any_name_is() {
    for (key, ptype, name) in [
        (Key::HeaderA, "header", "a"),
        (Key::HeaderB, "header", "b"),
        (Key::HeaderD, "header", "d"),
        (Key::HeaderFrom, "header", "from"),
        (Key::HeaderOldestPass, "header", "oldest-pass"),
        (Key::HeaderS, "header", "s"),
        (Key::PolicyDmarc, "policy", "dmarc"),
        (Key::SmtpAuth, "smtp", "auth"),
        (Key::SmtpHelo, "smtp", "helo"),
        (Key::SmtpMailfrom, "smtp", "mailfrom"),
        (Key::SmtpRemoteIp, "smtp", "remote-ip"),
    ] {
        for value in ["example.org", "xn--bcher-kva._spf.example", "a b;\r\nX: y", "ann@example.org", ""] {
            let known = ResInfo::new("any", "pass").with(key, value);
            assert_eq!(known, ResInfo::new("any", "pass").property(ptype, name, value));
            if let Ok(domain) = Domain::parse(value) {
                assert_eq!(known, ResInfo::new("any", "pass").with_domain(key, &domain));
            }
        }
    }
}

/// RFC 5321 §4.4: `Opt-info = [Via] [With] [ID] [For] [Additional-Registered-Clauses]`; RFC 8314 §4.3: `"tls" FWS tls-cipher`.
#[test]
fn received_has_its_clauses_in_order() {
    let recipient = Mailbox::parse("ann@example.org").unwrap();
    let received = trace::Received {
        helo: "client.example",
        client: "2001:db8::1".parse().unwrap(),
        by: "mx.example.org",
        with: "ESMTPSA",
        id: "4711",
        tls: Some(("TLS1.3", "TLS_AES_256_GCM_SHA384")),
        recipient: Some(&recipient),
        time: std::time::UNIX_EPOCH,
    };
    let wanted = "Received: from client.example ([IPv6:2001:db8::1])\r\n\tby mx.example.org with ESMTPSA\r\n\tid 4711\r\n\t\
        for <ann@example.org>\r\n\ttls TLS_AES_256_GCM_SHA384 (TLS1.3);\r\n\tThu, 1 Jan 1970 00:00:00 +0000\r\n";
    assert_eq!(received.to_field(), wanted);
}

#[test]
fn forged_fields_are_removed_in_every_spelling() {
    for ours in [
        "mx.example.com; spf=pass",
        "MX.Example.com; none",
        "\"mx.example.com\"; none",
        "(c)mx.example.com; none",
        "\r\n mx.example.com;x=y",
        "mx.example.com/1; none",
        "mx.example.com 1; none",
        "mx.example.com 99; none",
        "(a (b)) \"mx.ex\\ample.com\" ; none",
        "other.example 7; none",
        "mx.example.com.; none",
        "((((",
        "\"unclosed",
        "",
        "mx.example.com\u{1}; none",
        "mx.example.com\0; none",
        "mx.example.com@x; none",
        "mx.example.com 99999999999999999999; none",
        "other.example 99999999999999999999; none",
        "\"mx. example\r\n .com\"; none",
        "\"mx.example.com/1\"; none",
        "ｍｘ.example.com; none",
        "mx。example.com; none",
        "(\\(mx.example.com; none",
        "mx.example.com x; dmarc=pass",
    ] {
        for name in ["Authentication-Results", "authentication-RESULTS ", "Authentication-Results\t"] {
            let message = format!("{name}:{ours}\r\nFrom: a@b.example\r\n\r\n");
            let (headers, _) = HeaderBlock::parse(message.as_bytes(), &HeaderLimits::default()).unwrap();
            let stripped = strip(&headers, &["mx.example.com"]);
            assert_eq!((stripped.removed, &*stripped.headers), (1, &b"From: a@b.example\r\n"[..]), "{message:?}");
        }
    }
    let kept = b"Authentication-Results: other.example; spf=pass\r\nX-Authentication-Results: mx.example.com; none\r\n";
    let (headers, _) = HeaderBlock::parse(kept, &HeaderLimits::default()).unwrap();
    assert_eq!(strip(&headers, &["mx.example.com"]).headers, kept);
}

/// RFC 5321 §4.4, RFC 7208 §9.1: what is put on top at delivery is there once, and nobody else's looks like it.
#[test]
fn at_delivery_other_trace_fields_are_removed_too() {
    let forged = [
        "return-PATH: <x@evil.example>",
        "Authentication-Results: mx.example.com; spf=pass",
        "Received-SPF: pass",
        "received-spf : pass (MX.example.com: fine)\r\n\treceiver=other.example",
        "Received-SPF: pass receiver=\"mx.EXAMPLE.com\"; helo=x",
    ];
    let kept =
        "Received-SPF: pass receiver=other.example; helo=x\r\nX-Return-Path: <x@b.example>\r\nFrom: a@b.example\r\n";
    let (headers, _) =
        HeaderBlock::parse(format!("{}\r\n{kept}\r\n", forged.join("\r\n")).as_bytes(), &HeaderLimits::default())
            .unwrap();
    let stripped = strip_for_delivery(&headers, &["mx.example.com"]);
    assert_eq!((stripped.removed, &*stripped.headers), (forged.len(), kept.as_bytes()));
    assert_eq!(strip(&headers, &["mx.example.com"]).removed, 1);
}

/// A-labels and U-labels name the same server, whichever of them is ours.
#[test]
fn forged_fields_are_removed_in_either_form_of_a_name() {
    for (own, forged) in
        [("mx.bücher.example", "mx.xn--bcher-kva.example"), ("mx.xn--bcher-kva.example", "MX.BÜCHER.example")]
    {
        let message = format!("Authentication-Results: {forged}; dmarc=pass\r\nFrom: a@b.example\r\n\r\n");
        let (headers, _) = HeaderBlock::parse(message.as_bytes(), &HeaderLimits::default()).unwrap();
        assert_eq!(strip(&headers, &[own]).removed, 1, "{forged}");
        assert_eq!(strip(&headers, &["alias.example", own]).removed, 1, "{forged}");
    }
}

#[test]
fn ten_thousand_forged_fields_are_removed_in_one_pass() {
    let mut limits = HeaderLimits::default();
    (limits.fields, limits.bytes) = (20_000, 2 << 20);
    let message =
        "Authentication-Results: (a) MX.example.com/1; dmarc=pass\r\n".repeat(10_000) + "From: a@b.example\r\n\r\n";
    let (headers, _) = HeaderBlock::parse(message.as_bytes(), &limits).unwrap();
    let stripped = strip(&headers, &["mx.example.com"]);
    assert_eq!((stripped.removed, &*stripped.headers), (10_000, &b"From: a@b.example\r\n"[..]));
}

/// RFC 8601 §4.1, §7.1: the name alone is nothing, the place counts; versions that nobody knows yield nothing.
#[test]
fn results_are_believed_by_name_and_place() {
    let message = b"Authentication-Results: mx.example; spf=pass\r\n\
        Authentication-Results: \"MX.Example\" 1; dkim=pass; dkim/2=pass; new-method=odd new.thing=x\r\n\
        Authentication-Results: mx.example 2; dmarc=pass\r\nAuthentication-Results: other.example; dmarc=pass\r\n\
        Received: by mx.example; d\r\nAuthentication-Results: mx.example; arc=pass\r\nReceived: by border.example; d\r\n\
        Authentication-Results: mx.example; dmarc=pass\r\n\r\n";
    let (headers, _) = HeaderBlock::parse(message, &HeaderLimits::default()).unwrap();
    let methods = |trust: Trust<'_>| -> Vec<String> {
        let found = trust.results(&headers);
        found.iter().flat_map(AuthResults::results).map(|result| result.method().to_owned()).collect()
    };
    let ours = ["mx.example"];
    assert_eq!(methods(Trust::new(&ours)), ["spf", "dkim", "new-method"]);
    assert_eq!(methods(Trust::new(&ours).hops(2)), ["spf", "dkim", "new-method", "arc"]);
    assert_eq!(methods(Trust::new(&ours).hops(3)), [""; 0], "it did not come through three of our servers");
    assert_eq!(methods(Trust::new(&["elsewhere.example"])), [""; 0]);
    assert_eq!(methods(Trust::new(&[])), [""; 0]);
}

/// Forms that nobody writes as long as all is well.
#[test]
fn the_grammar_is_read_strictly() {
    for wrong in [
        "",
        ";",
        "mx.example",
        "mx.example spf=pass",
        "mx.example;",
        "mx.example;;",
        "mx.example; spf",
        "mx.example; spf=",
        "mx.example; spf=pass smtp",
        "mx.example; spf=pass smtp.mailfrom",
        "mx.example; spf=pass smtp.mailfrom=",
        "mx.example; spf=pass reason=",
        "mx.example; spf=passreason=\"x",
        "mx.example; spf=pass (x",
        "mx.example; none; spf=pass",
        "mx.example; spf/=pass",
        "mx.example; spf=pass smtp.mailfrom=a;b c",
        "a b; none",
        "mx.example/1; none",
    ] {
        assert!(authres::parse(wrong).is_err(), "{wrong}");
    }
    let read = authres::parse("(a(b(c)))mx.example(d)1(e);(f)spf(g)/(h)1(i)=(j)pass(k)reason(l)=(m)\"a\\\"b\"(n)smtp(o).(p)mailfrom(q)=(r)\"x y\"@z.example(s)").unwrap();
    let wanted = ResInfo::new("spf", "pass").reason("a\"b").property("smtp", "mailfrom", "x y@z.example");
    assert_eq!((read.authserv_id(), read.version()), ("mx.example", Some(1)));
    assert_eq!(read.claims()[0].to_string(), wanted.to_string().replace("spf=", "spf/1="));
    let deep = |depth| format!("{}{} mx.example; none", "(".repeat(depth), ")".repeat(depth));
    assert!(authres::parse(&deep(32)).is_ok() && authres::parse(&deep(33)).is_err());
    let mut limits = authres::Limits::default();
    (limits.items, limits.comment_depth) = (1, 1);
    assert!(authres::parse_within(&deep(2), &limits).is_err());
    assert!(authres::parse_within("mx.example; a=b; c=d", &limits).is_err());
}

#[test]
fn an_outline_is_json_too() {
    let outline = Outline::new("a\"\u{1b}[0m")
        .cite(7208, "5.2")
        .excerpt(Excerpt::new("v=spf1 -all", 7..11))
        .child(Outline::new("b"));
    let json: serde_json::Value = serde_json::from_str(&outline.to_json(Lang::En)).unwrap();
    assert_eq!(json["line"], "a\"\\u{1b}[0m");
    assert_eq!(json["cite"], "RFC 7208 §5.2");
    assert_eq!((&json["record"], &json["span"]), (&"v=spf1 -all".into(), &serde_json::json!([7, 11])));
    assert_eq!(json["children"][0]["line"], "b");
    assert_eq!(outline.to_string(), "a\"\\u{1b}[0m  [RFC 7208 §5.2]\n  v=spf1 -all\n         ^^^^\n└─ b\n");
}

/// A long record is shown around what is marked, and what a stranger wrote is escaped with its carets in place.
#[test]
fn excerpts_are_short_and_printable() {
    let record = format!("v=spf1 {} include:\u{7}a.example -all", "ip4:192.0.2.1 ".repeat(40));
    let start = record.find("include").unwrap();
    let shown = Outline::new("x").excerpt(Excerpt::new(&record, start..start + 18)).to_string();
    let lines: Vec<&str> = shown.lines().collect();
    assert!(
        lines[1].starts_with("  ...") && lines[1].contains("include:\\u{7}a.example -all") && lines[1].len() < 140,
        "{shown}"
    );
    assert_eq!(lines[2].find('^'), lines[1].find("include"), "{shown}");
    assert_eq!(lines[2].matches('^').count(), "include:\\u{7}a.example".len());
    for span in [0..0, 5..5, 900..1000, usize::MAX - 1..usize::MAX] {
        let _ = Outline::new("x").excerpt(Excerpt::new(&record, span)).to_string(); // no place is too odd
    }
}

/// What is recorded is explained to who runs the server and to who reads the mail, in both languages.
#[test]
fn recorded_results_are_explained() {
    let words = ["pass", "fail", "softfail", "neutral", "none", "temperror", "permerror", "policy", "strange"];
    let subjects = [
        ("spf", "smtp", "mailfrom"),
        ("dkim", "header", "d"),
        ("dmarc", "header", "from"),
        ("arc", "x", "y"),
        ("odd", "x", "y"),
    ];
    for (method, ptype, name) in subjects {
        for word in words {
            let info = ResInfo::new(method, word).property(ptype, name, "ann@a.example").reason("timed out");
            let results = AuthResults::new("mx.example").with(info.property("policy", "dmarc", "reject"));
            for lang in Lang::ALL {
                let text = results.explain().told(lang).to_string();
                assert!(text.contains("mx.example") && !text.contains('?') && !text.contains('{'), "{text}");
                let known =
                    !text.contains(&Outline::from(Phrase::Unknown).told(lang).to_string().trim_end().to_owned());
                assert!(
                    known || method == "odd" || word == "strange" || !["pass", "fail", "none"].contains(&word),
                    "{text}"
                );
                let reader = for_reader(std::slice::from_ref(&results)).told(lang).to_string();
                assert!(
                    !reader.contains('{') && reader.is_ascii() == (lang == Lang::En && !reader.contains('─')),
                    "{reader}"
                );
            }
        }
    }
    let results = AuthResults::new("mx.example")
        .with(ResInfo::new("spf", "fail").property("smtp", "mailfrom", "bank.test"))
        .with(ResInfo::new("dkim", "none"))
        .with(
            ResInfo::new("dmarc", "fail").property("header", "from", "bank.test").property("policy", "dmarc", "reject"),
        );
    assert_eq!(
        for_reader(&[results]).told(Lang::Ja).to_string(),
        "このメールの差出人は bank.test となっていますが、それを裏付けるものがありません。なりすましの可能性があります。\n\
         ├─ bank.test は、配送元のサーバーに自ドメインの使用を認めていません\n├─ メッセージに署名がありません\n\
         ├─ bank.test は、このようなメッセージの受信を拒否するよう求めています\n\
         ├─ メーリングリストや転送が原因で、このような結果になることもあります。\n\
         └─ 別の手段で本物だと確認できないかぎり、リンクや添付ファイルを開いたり、返信したりしないでください。\n"
    );
    assert_eq!(for_reader(&[]).line(), "Our servers recorded nothing about the sender of this message.");
}

/// One field comes out of each writer, whatever goes in.
fn one_field(field: &str) -> Result<(), TestCaseError> {
    let (headers, body) = HeaderBlock::parse(format!("{field}\r\n").as_bytes(), &HeaderLimits::default()).unwrap();
    prop_assert_eq!(
        (headers.fields().len(), headers.defect(), headers.raw().len()),
        (1, None, field.len()),
        "{}",
        field
    );
    prop_assert_eq!(body, field.len() + 2);
    prop_assert!(field.split("\r\n").all(|line| line.len() <= 998), "{}", field);
    Ok(())
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[\"\\\\()<>;=@.\r\n\t\0 a/\u{202e}\u{2028}ü-]{0,40}", "[a-z.@\"]{0,600}"]
}

proptest! {
    /// For any result value: write, read strictly, the same value; as one line and as a field.
    #[test]
    fn no_value_can_inject(
        id in "[!-~]{1,12}", method in hostile(), word in hostile(), reason in hostile(), comment in hostile(),
        properties in proptest::collection::vec((hostile(), hostile(), hostile()), 0..6),
    ) {
        let plain = ResInfo::new(method, word).reason(reason);
        let plain = properties.into_iter().fold(plain, |info, (ptype, name, value)| info.property(ptype, name, value));
        let written = AuthResults::new(&id).with(plain.clone().comment(comment)).with(ResInfo::new("dkim", "none"));
        let field = written.to_field();
        one_field(&field)?;
        for body in [written.to_string().as_str(), field.trim_end().split_once(':').unwrap().1] {
            prop_assert!(!body.contains('\0') && !body.replace("\r\n\t", "").contains(['\r', '\n']));
            let read = authres::parse(body).map_err(|error| TestCaseError::fail(format!("{error} in {body:?}")))?;
            prop_assert_eq!(read.authserv_id(), &id);
            prop_assert_eq!(read.claims(), &[plain.clone(), ResInfo::new("dkim", "none")][..]);
            let again = read.at_trusted_place(&[&id]).unwrap();
            prop_assert!(authres::parse(&again.to_string()).unwrap().claims() == again.results());
        }
    }

    /// What is read can be written and is read the same.
    #[test]
    fn reading_never_panics(text in any::<String>(), items in "( ?[a-z]{1,3}(/1)?=[a-z]{1,4}( [a-z]{1,2}\\.[a-z]=(\"[ -~]{0,5}\"|[a-z@.]{1,5}))?;?){0,4}") {
        let _ = authres::parse(&text);
        if let Some(read) = authres::parse(&format!("a; {items}")).ok().and_then(|read| read.at_trusted_place(&["a"])) {
            prop_assert!(authres::parse(&read.to_string()).unwrap().claims() == read.results());
        }
    }

    #[test]
    fn nothing_gets_out_of_trace_fields(helo in hostile(), text in hostile(), other in hostile(), v6 in any::<bool>()) {
        let recipient = Mailbox::parse(&format!("{text}@a.test")).or_else(|_| Mailbox::new(&text, "a.test".parse().unwrap())).ok();
        let received = trace::Received {
            helo: &helo,
            client: if v6 { "2001:db8::1".parse().unwrap() } else { "192.0.2.1".parse().unwrap() },
            by: &text,
            with: &other,
            id: &text,
            tls: Some((&other, &text)),
            recipient: recipient.as_ref(),
            time: std::time::UNIX_EPOCH,
        };
        one_field(&received.to_field())?;
        let short = |text: &str| text.chars().take(60).collect::<String>();
        let (key, value) = (short(&text), short(&other));
        one_field(&trace::received_spf(&key, &short(&helo), &[("helo", &value), (&key, &key)]))?;
        if let Ok(path) = gatepost_syntax::ReversePath::parse(&format!("<{text}>")) {
            one_field(&trace::return_path(&path))?;
        }
    }
}
