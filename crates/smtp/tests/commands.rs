//! Commands: what is written is read again, and no value holds a line end.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may

use gatepost_smtp::report::Returned;
use gatepost_smtp::{Body, Command, CommandError, EnvelopeId, MailFrom, Notify, OriginalRecipient, RcptTo};
use gatepost_syntax::{ForwardPath, ReversePath};
use proptest::prelude::*;

#[test]
fn no_value_holds_a_line_end() {
    for evil in ["a\r\nRCPT TO:<evil@x.example>", "a\nb", "a\rb", "a\0b", "a\u{85}b"] {
        assert!(EnvelopeId::new(evil).is_none() && OriginalRecipient::new("rfc822", evil).is_none());
        assert!(OriginalRecipient::new(evil, "x").is_none());
        assert!(ReversePath::parse(&format!("<{evil}@x.example>")).is_err());
        assert!(ForwardPath::parse(&format!("<\"{evil}\"@x.example>")).is_err());
        assert!(gatepost_syntax::Domain::parse(evil).is_err());
        assert!(gatepost_syntax::Mailbox::new(evil, "x.example".parse().unwrap()).is_err());
    }
}

/// RFC 5321 §2.4: the case of a verb does not matter; nothing that only looks like one to a careless eye is one.
#[test]
fn verbs_are_words_of_their_length() {
    let lines = [
        ("ehlo c.example", Ok(Command::Ehlo("c.example"))),
        ("Helo c.example  ", Ok(Command::Helo("c.example"))),
        ("sTaRtTlS", Ok(Command::StartTls)),
        ("quit", Ok(Command::Quit)),
        ("NOOP what ever", Ok(Command::Noop)),
        ("BDAT 18446744073709551616 last", Ok(Command::Bdat { octets: u64::MAX, last: true })),
        ("BDAT 123456789012345678901", Err(CommandError::Chunk)),
        ("BDAT 1x", Err(CommandError::Chunk)),
        ("EHLO", Err(CommandError::Syntax)),
        ("EHLO a b", Err(CommandError::Syntax)),
        ("DATA x", Err(CommandError::Syntax)),
        ("DATAx", Err(CommandError::Unknown)),
        ("XSTARTTLS", Err(CommandError::Unknown)),
        ("DAT", Err(CommandError::Unknown)),
        (" DATA", Err(CommandError::Unknown)),
        ("", Err(CommandError::Unknown)),
        ("options / RTSP", Err(CommandError::Foreign)),
        ("\0DATA", Err(CommandError::Characters)),
        ("\u{1}\0\0\0DATA", Err(CommandError::Characters)),
        ("D\u{1}TA", Err(CommandError::Characters)),
        ("EHLO \u{e9}", Err(CommandError::Characters)),
        ("GET\u{e9}\u{e9}\u{e9}\u{e9}", Err(CommandError::Unknown)),
        ("FOO\u{e9}\u{e9}\u{e9}\u{e9} x", Err(CommandError::Unknown)),
        ("GET \u{e9}", Err(CommandError::Characters)),
        ("VRFY \u{e9}", Ok(Command::Vrfy)),
        ("VRFY ", Err(CommandError::Syntax)),
        ("EXPN", Err(CommandError::Syntax)),
        ("VRFY \u{85}", Err(CommandError::Characters)),
        ("MAIL FROM:<a@c.example>\tSIZE=1", Err(CommandError::Characters)),
        ("MAIL FROM:<a@c.example> SIZE", Err(CommandError::Syntax)),
        ("MAIL FROM:<a@c.example> =1", Err(CommandError::Parameter)),
        ("MAIL FROM:<a@c.example> SIZE=1  size=1", Err(CommandError::Duplicate)),
        // RFC 4954 §5: xtext
        ("MAIL FROM:<a@c.example> AUTH=a+zz", Err(CommandError::Syntax)),
        ("MAIL FROM:<a@c.example> AUTH=a+3d", Err(CommandError::Syntax)),
        ("MAIL FROM:<a@c.example> AUTH=", Err(CommandError::Syntax)),
        ("MAIL FROM:<a@c.example> AUTH=<> AUTH=a+3Db@c.example", Err(CommandError::Duplicate)),
        ("MAIL FROM:<a@c.example>SIZE=1", Err(CommandError::Syntax)),
        ("RCPT TO:<a@c.example> SIZE=1", Err(CommandError::Parameter)),
        ("RCPT TO:<a@c.example> NOTIFY=SUCCESS,", Err(CommandError::Syntax)),
    ];
    for (line, wanted) in lines {
        assert_eq!(Command::parse(line.as_bytes()), wanted, "{line:?}");
    }
    // RFC 3461 §4.1: a word may stand in the list again
    let twice = Command::parse(b"RCPT TO:<a@c.example> NOTIFY=delay,SUCCESS,DELAY").unwrap();
    assert_eq!(twice, Command::parse(b"RCPT TO:<a@c.example> NOTIFY=SUCCESS,DELAY").unwrap());
    let log_in = Command::parse(b"AUTH plain AGEAcGFzcw==").unwrap();
    assert_eq!(format!("{log_in:?}"), "Auth { mechanism: \"plain\", initial: Some(Initial(\u{2026})) }");
}

/// RFC 6533 §3: three forms of an address of the type `utf-8` are read, and nothing that is none.
#[test]
fn original_recipients_may_be_utf8() {
    let read = |value: &str| match Command::parse(format!("RCPT TO:<b@c.example> ORCPT={value}").as_bytes()) {
        Ok(Command::Rcpt(recipient)) => recipient.original,
        Err(error) => {
            assert_eq!(error, CommandError::Syntax, "{value}");
            None
        }
        other => unreachable!("{other:?}"),
    };
    let jose = OriginalRecipient::new("utf-8", "jos\u{e9}+\u{1f600}@b\u{fc}cher.example").unwrap();
    for form in
        [r"utf-8;jos\x{E9}\x{2B}\x{1F600}@b\x{FC}cher.example", "utf-8;jos\u{e9}\\x{2B}\u{1f600}@b\u{fc}cher.example"]
    {
        assert_eq!(read(form).as_ref(), Some(&jose), "{form}");
    }
    assert_eq!(jose.to_string(), r"utf-8;jos\x{E9}\x{2B}\x{1F600}@b\x{FC}cher.example");
    assert_eq!(format!("{jose:#}"), "utf-8;jos\u{e9}\\x{2B}\u{1f600}@b\u{fc}cher.example");
    assert_eq!(read("rfc822;a+2Bb@c.example"), OriginalRecipient::new("rfc822", "a+b@c.example"));
    for none in [
        "rfc822;jos\u{e9}@c.example",
        r"utf-8;a\x{e9}@c",
        r"utf-8;a\x{0E9}@c",
        r"utf-8;a\x{61}@c",
        r"utf-8;a\x{D800}@c",
        r"utf-8;a\x{110000}@c",
        r"utf-8;a\x{0D}\x{0A}@c",
        r"utf-8;a\x{85}@c",
        r"utf-8;a\x{}@c",
        r"utf-8;a\x{E9",
        r"utf-8;a\E9@c",
        "utf-8;a+2Bb@c",
        "utf-8;a=b@c",
        "utf-8;",
    ] {
        assert_eq!(read(none), None, "{none}");
    }
}

proptest! {
    #[test]
    fn commands_are_read_as_they_are_written(
        local in "[a-z]{1,8}", id in "[ -~]{1,30}", size: Option<u64>, body in 0usize..3, flags: [bool; 5], kind in "[a-z0-9-]{1,9}",
    ) {
        let mut mail = MailFrom::new(ReversePath::parse(&format!("<{local}@c.example>")).unwrap());
        mail.size = size;
        mail.body = [Body::SevenBit, Body::EightBitMime, Body::BinaryMime][body];
        (mail.utf8, mail.require_tls) = (flags[0], flags[1]);
        mail.ret = flags[2].then_some(Returned::Full);
        mail.envelope_id = EnvelopeId::new(&id);
        let line = mail.to_string();
        prop_assert_eq!(Command::parse(line.as_bytes()), Ok(Command::Mail(mail)));
        let mut recipient = RcptTo::new(ForwardPath::parse(&format!("<{local}@c.example>")).unwrap());
        recipient.notify = Some(Notify { success: flags[2], failure: flags[3], delay: flags[4] });
        recipient.original = OriginalRecipient::new(&kind, &id);
        let line = recipient.to_string();
        prop_assert_eq!(Command::parse(line.as_bytes()), Ok(Command::Rcpt(recipient)));
    }

    #[test]
    fn any_original_recipient_is_read_as_it_is_written(address in "\\PC{1,60}", ascii in "[ -~]{1,60}") {
        for (kind, address) in [("utf-8", &address), ("UTF-8", &ascii), ("rfc822", &ascii)] {
            let mut recipient = RcptTo::new(ForwardPath::parse("<b@c.example>").unwrap());
            recipient.original = OriginalRecipient::new(kind, address);
            for line in [recipient.to_string(), format!("{recipient:#}")] {
                prop_assert_eq!(Command::parse(line.as_bytes()), Ok(Command::Rcpt(recipient.clone())));
            }
        }
    }
}
