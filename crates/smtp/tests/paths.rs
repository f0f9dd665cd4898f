//! Paths as MAIL and RCPT have them (RFC 5321 §4.1.2, §4.1.3): what is one, what is none, and that each has one meaning.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

use gatepost_smtp::server::{Config, Event, Profile, Server};
use gatepost_smtp::{Command, CommandError, Paths};
use gatepost_wire::{Endpoint, Step};
use proptest::prelude::*;

/// The path as it is written again, if it is one.
fn rcpt(path: &str) -> Option<String> {
    match Command::parse(format!("RCPT TO:{path}").as_bytes()) {
        Ok(Command::Rcpt(recipient)) => Some(recipient.path.to_string()),
        Err(CommandError::Path(_) | CommandError::Syntax | CommandError::Parameter | CommandError::Characters) => None,
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn what_is_a_path() {
    for (path, again) in [
        ("<A.b@X.Example>", "<A.b@x.example>"), // the local part's case is kept, the domain's does not matter
        (r#"<"a b"@x.example>"#, r#"<"a b"@x.example>"#),
        (r#"<"a"@x.example>"#, "<a@x.example>"), // RFC 5321 §4.1.2: all quoted forms are equivalent
        (r#"<"\a\b"@x.example>"#, "<ab@x.example>"),
        (r#"<"a>b@c\"d\\"@x.example>"#, r#"<"a>b@c\"d\\"@x.example>"#),
        (r#"<""@x.example>"#, r#"<""@x.example>"#),
        ("<a@[192.0.2.1]>", "<a@[192.0.2.1]>"),
        ("<a@[IPv6:2001:DB8::1]>", "<a@[IPv6:2001:db8::1]>"),
        ("<a@[ipv6:::]>", "<a@[IPv6:::]>"),
        ("<a@[IPv6:1:2:3:4:5:6:192.0.2.1]>", "<a@[IPv6:1:2:3:4:5:6:c000:201]>"),
        ("<a@[IPv6:::ffff:192.0.2.1]>", "<a@[IPv6:::ffff:192.0.2.1]>"),
        ("<a@[x-400:c=de;p=x]>", "<a@[x-400:c=de;p=x]>"),
        ("<a@_srv.x_y.example>", "<a@_srv.x_y.example>"),
        ("<a!b%c+d=e{f}@x.example>", "<a!b%c+d=e{f}@x.example>"),
        ("<postMASTER>", "<Postmaster>"),
        ("<@r.example,@s.example:a@x.example>", "<a@x.example>"),
        ("<a@xn--bcher-kva.example>", "<a@xn--bcher-kva.example>"),
    ] {
        assert_eq!(rcpt(path).as_deref(), Some(again), "{path}");
    }
}

#[test]
fn what_is_none() {
    for path in [
        // brackets, spaces, comments
        "",
        "<",
        "<>",
        "a@x.example",
        "<a@x.example",
        "<a@x.example>>",
        "<<a@x.example>>",
        " <a@x.example>",
        "< a@x.example>",
        "<a @x.example>",
        "<a@ x.example>",
        "<a@x.example >",
        "<a@x.example>x",
        "<a@x.example> (b)",
        "<a@x.example(b)>",
        "<(b)a@x.example>",
        "<a@x.example>,<b@x.example>",
        "<Ann Lee <a@x.example>>",
        // local parts
        "<@x.example>",
        "<.a@x.example>",
        "<a.@x.example>",
        "<a..b@x.example>",
        "<a b@x.example>",
        "<a@b@x.example>",
        "<a,b@x.example>",
        "<a;b@x.example>",
        "<a:b@x.example>",
        "<a\\b@x.example>",
        "<a[b@x.example>",
        r#"<"a@x.example>"#,
        r#"<a"@x.example>"#,
        r#"<"a"b@x.example>"#,
        r#"<"a"."b"@x.example>"#,
        r#"<"a\"@x.example>"#,
        "<a>",
        "<postmaster@>",
        "<Postmaster >",
        "<Post.master>",
        // domains
        "<a@x.example.>",
        "<a@.x.example>",
        "<a@x..example>",
        "<a@-x.example>",
        "<a@x-.example>",
        "<a@x,example>",
        "<a@x/y>",
        "<a@>",
        "<a@x.example:25>",
        "<a@192.0.2.1.>",
        // literals
        "<a@[]>",
        "<a@[192.0.2]>",
        "<a@[192.0.2.256]>",
        "<a@[192.0.2.1.1]>",
        "<a@[ 192.0.2.1]>",
        "<a@[192.0.2.1>",
        "<a@192.0.2.1]>",
        "<a@[192.0.2.1]x>",
        "<a@[2001:db8::1]>",
        "<a@[IPv6:]>",
        "<a@[IPv6:192.0.2.1]>",
        "<a@[IPv6:1::2::3]>",
        "<a@[IPv6:12345::]>",
        "<a@[IPv6:fe80::1%1]>",
        "<a@[IPv6:1:2:3:4:5:6:7:8:9]>",
        "<a@[x:]>",
        "<a@[:x]>",
        "<a@[x-:y]>",
        "<a@[x y:z]>",
        "<a@[x:y z]>",
        "<a@[x:[y]]>",
        "<a@[x]>",
        "<a@[x.example]>",
        // one octet more than decimal digits need is how octal is written elsewhere: whose address it is would depend on the reader
        "<a@[192.0.02.1]>",
        // routes
        "<@r.example:>",
        "<@:a@x.example>",
        "<r.example:a@x.example>",
        "<@r.example,:a@x.example>",
        "<@r.example,s.example:a@x.example>",
        "<@r.example;a@x.example>",
        "<@[192.0.2.1]:a@x.example>",
        "<@r.example:Postmaster>",
        "<@r.example:@s.example:a@x.example>",
    ] {
        assert_eq!(rcpt(path), None, "{path}");
    }
    for path in ["<Postmaster>", "<@r.example:>", "<a>", "< >", "<<>>"] {
        assert!(Command::parse(format!("MAIL FROM:{path}").as_bytes()).is_err(), "{path}");
    }
}

/// RFC 5321 §4.1.2: it is to be ignored. Mail of other hosts has no need of one, and an MX takes none in a reverse-path.
#[test]
fn routes_are_ignored_or_refused() {
    let route = "<@r.example,@s.example:a@x.example>";
    let read = Command::parse_with(b"MAIL FROM: @r.example:a@x.example", Paths::Lenient);
    for mail in [Command::parse(format!("MAIL FROM:{route}").as_bytes()), read] {
        assert!(matches!(&mail, Ok(Command::Mail(mail)) if mail.path.to_string() == "<a@x.example>"), "{mail:?}");
    }
    for (profile, paths, line, code) in [
        (Profile::Mx, Paths::Strict, format!("MAIL FROM:{route}"), "501 5.1.7 "),
        (Profile::Mx, Paths::Lenient, "MAIL FROM: @r.example:a@x.example".to_owned(), "501 5.1.7 "),
        (Profile::Mx, Paths::Strict, "MAIL FROM:<\"@r.example:a\"@x.example>".to_owned(), "250 2.1.0 "),
        (Profile::Lmtp, Paths::Strict, format!("MAIL FROM:{route}"), "250 2.1.0 "),
    ] {
        let mut config = Config::new("mx.example.test".parse().unwrap(), profile);
        config.paths = paths;
        let mut server = Server::new(config, "nonce");
        let hello = if profile == Profile::Lmtp { "LHLO" } else { "EHLO" };
        server.feed(format!("{hello} c.example\r\n{line}\r\n").as_bytes());
        let mut said = Vec::new();
        loop {
            match server.poll() {
                Step::Write(octets) => said.extend_from_slice(&octets),
                Step::Event(Event::Mail(_)) => server.accept(),
                _ => break,
            }
        }
        let said = String::from_utf8(said).unwrap();
        assert!(said.lines().last().unwrap().starts_with(code), "{line}: {said}");
    }
}

/// RFC 5321 §4.5.3.1: at its longest, and one octet more.
#[test]
fn how_long_a_path_may_be() {
    let label = "x".repeat(63);
    let domain = |more: usize| format!("{label}.{label}.{}.{}", "x".repeat(more), "y".repeat(10));
    let local = |length: usize| "a".repeat(length);
    assert!(rcpt(&format!("<{}@x.example>", local(64))).is_some());
    assert_eq!(rcpt(&format!("<{}@x.example>", local(65))), None);
    assert_eq!(rcpt(&format!("<\"{} \"@x.example>", local(64))), None);
    assert_eq!(rcpt(&format!("<a@{}x.example>", "x".repeat(64))), None);
    // 256 octets with brackets
    let whole = |length: usize| format!("<{}@{}>", local(64), domain(length));
    let fits = 256 - whole(0).len();
    assert!(whole(fits).len() == 256 && rcpt(&whole(fits)).is_some());
    assert_eq!(rcpt(&whole(fits + 1)), None);
    // nothing longer is looked at for long
    for much in ["<", "\"", "(", "@a,", "[", "\\", "a.", "\u{e9}"] {
        assert_eq!(rcpt(&format!("<{}@x.example>", much.repeat(100_000))), None);
    }
}

/// RFC 6531 §3.5: octets beyond ASCII are there with SMTPUTF8 only, and a domain that has some is the one that DNS knows.
#[test]
fn utf8_is_asked_for() {
    for path in ["<\u{fc}@x.example>", "<a@b\u{fc}cher.example>", "<\"\u{fc} \"@x.example>"] {
        assert_eq!(Command::parse(format!("MAIL FROM:{path}").as_bytes()), Err(CommandError::Utf8), "{path}");
        let Ok(Command::Mail(mail)) = Command::parse(format!("MAIL FROM:{path} SMTPUTF8").as_bytes()) else { panic!() };
        assert!(!mail.path.to_string().contains("b\u{fc}cher"), "{path}");
    }
    for octets in
        [&b"<\xfc@x.example>"[..], b"<\xc0\xaf@x.example>", b"<\xed\xa0\x80@x.example>", b"<\xc2\x85@x.example>"]
    {
        let line = [b"MAIL FROM:", octets, b" SMTPUTF8"].concat();
        assert_eq!(Command::parse(&line), Err(CommandError::Characters));
    }
    for domain in [
        "x\u{3002}example\u{3002}",
        "xn--a.example\u{fc}.",
        "\u{200d}x.example",
        "x\u{2024}\u{2024}example",
        "\u{2488}x.example",
    ] {
        let line = format!("MAIL FROM:<a@{domain}> SMTPUTF8");
        assert!(Command::parse(line.as_bytes()).is_err(), "{domain}");
    }
}

/// Parameters (RFC 5321 §4.1.2): each once, with a value or without one as it should be, in any order and case.
#[test]
fn what_is_a_parameter() {
    use CommandError::{Duplicate, Parameter, Syntax};
    for (parameters, error) in [
        ("SIZE=", Syntax),
        ("SIZE", Syntax),
        ("SIZE=+1", Syntax),
        ("SIZE=1 ", Parameter), // taken as below
        ("SIZE=100000000000000000000", Syntax),
        ("SIZE=1=2", Syntax),
        ("SIZE=0x1", Syntax),
        ("BODY=", Syntax),
        ("BODY=8BIT", Syntax),
        ("BODY=7BIT body=7bit", Duplicate),
        ("SMTPUTF8=", Syntax),
        ("SMTPUTF8=1", Syntax),
        ("SMTPUTF8 smtputf8", Duplicate),
        ("REQUIRETLS=yes", Syntax),
        ("RET=ALL", Syntax),
        ("RET=FULL RET=HDRS", Duplicate),
        ("ENVID=", Syntax),
        ("ENVID=a+", Syntax),
        ("ENVID=a+2", Syntax),
        ("ENVID=a+2b", Syntax),
        ("ENVID=a+0D+0Ab", Syntax),
        ("ENVID=a=b", Syntax),
        ("ENVID=a ENVID=a", Duplicate),
        ("AUTH", Syntax),
        ("NOTIFY=NEVER", Parameter),
        ("=", Parameter),
        ("X", Parameter),
        ("SIZE =1", Syntax),
    ] {
        let line = format!("MAIL FROM:<a@x.example> {parameters}");
        let read = Command::parse(line.as_bytes());
        if parameters.ends_with(' ') {
            assert!(read.is_ok(), "RFC 5321 §4.1.1: spaces in front of CRLF are tolerated");
        } else {
            assert_eq!(read, Err(error), "{parameters}");
        }
    }
    for (parameters, error) in [
        ("NOTIFY=", Syntax),
        ("NOTIFY", Syntax),
        ("NOTIFY=NEVER,SUCCESS", Syntax),
        ("NOTIFY=SUCCESS,,DELAY", Syntax),
        ("NOTIFY=NEVER NOTIFY=NEVER", Duplicate),
        ("ORCPT=rfc822", Syntax),
        ("ORCPT=;a", Syntax),
        ("ORCPT=rfc822;", Syntax),
        ("ORCPT=rfc822;a+4", Syntax),
        ("ORCPT=rfc822;a+0A", Syntax),
        ("ORCPT=rfc822;a ORCPT=rfc822;a", Duplicate),
        ("SIZE=1", Parameter),
    ] {
        assert_eq!(
            Command::parse(format!("RCPT TO:<a@x.example> {parameters}").as_bytes()),
            Err(error),
            "{parameters}"
        );
    }
}

/// Some old clients write them without brackets; of a bracket that is there nothing is overlooked.
#[test]
fn brackets_may_be_missing_where_that_is_wanted() {
    fn read(line: &str) -> Result<Command<'_>, CommandError> {
        Command::parse_with(line.as_bytes(), Paths::Lenient)
    }
    for path in ["a@x.example", r#""a>b"@x.example"#, "a@[192.0.2.1]"] {
        for (line, wanted) in [
            (format!("MAIL FROM: {path} SIZE=1"), format!("MAIL FROM:<{path}> SIZE=1")),
            (format!("RCPT TO:{path}"), format!("RCPT TO:<{path}>")),
            (format!("RCPT TO:  <{path}>"), format!("RCPT TO:<{path}>")),
        ] {
            assert_eq!(read(&line), Command::parse(wanted.as_bytes()), "{line}");
            assert!(Command::parse(line.as_bytes()).is_err(), "{line}");
        }
    }
    for bad in ["a@x.example>", "a@x.example>@y.example", "a@x.example><b@y.example>", "postmaster>x", ">", ""] {
        assert!(matches!(read(&format!("RCPT TO:{bad}")), Err(CommandError::Path(_))), "{bad}");
        assert!(matches!(read(&format!("MAIL FROM: {bad}")), Err(CommandError::Sender(_))), "{bad}");
    }
}

proptest! {
    /// Whatever is read has one form, which is read as the same, and is one line.
    #[test]
    fn a_path_is_read_as_it_is_written(pieces in prop::collection::vec(prop::sample::select(vec![
        "a", "B", ".", "@", "\"", "\\", " ", ">", "<", "[", "]", "IPv6:", "::1", "192.0.2.1", "x.example", "-", "_", ":", ",", "\u{fc}", "\u{3002}",
        "@x.example", "<a", "Postmaster",
    ]), 0..9)) {
        for line in [format!("RCPT TO:<{}>", pieces.concat()), format!("MAIL FROM:<{}> SMTPUTF8", pieces.concat())] {
            let written = match Command::parse(line.as_bytes()) {
                Ok(Command::Rcpt(recipient)) => recipient.to_string(),
                Ok(Command::Mail(mail)) => mail.to_string(),
                _ => continue,
            };
            prop_assert_eq!(Command::parse(written.as_bytes()), Command::parse(line.as_bytes()));
            prop_assert!(!written.chars().any(char::is_control));
        }
    }
}
