//! The server endpoint beside a model of it: random commands in random states, wherever the octets are cut.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::as_conversions)] // a test may

use gatepost_smtp::Reply;
use gatepost_smtp::server::{Config, Event, Profile, Server};
use gatepost_wire::{Endpoint, Step};
use proptest::prelude::*;

/// Octets of a message, and recipients, that are taken.
const MOST: usize = 60;
const RECIPIENTS: usize = 3;

/// What an application sees and says: senders `no@…` and recipients `nobody@…` are refused, and messages with `poison`.
fn session(script: &[u8], chunk: usize) -> (String, Vec<Vec<u8>>, &'static str) {
    let mut config = Config::new("mx.example.test".parse().unwrap(), Profile::Mx);
    config.limits.message = MOST as u64;
    config.limits.recipients = RECIPIENTS;
    (config.limits.errors, config.limits.refusals, config.limits.idle_commands) = (9999, 9999, 9999);
    config.extensions.binary_mime = true;
    let mut server = Server::new(config, "nonce");
    let (mut replies, mut messages, mut message) = (String::new(), Vec::new(), Vec::new());
    let mut chunks = script.chunks(chunk);
    loop {
        match server.poll() {
            Step::Write(octets) => replies.push_str(std::str::from_utf8(&octets).unwrap()),
            Step::Event(Event::Mail(mail)) if mail.path.to_string().starts_with("<no@") => {
                server.refuse(&Reply::permanent(550, "5.7.1", "not you"));
            }
            Step::Event(Event::Recipient(to)) if to.path.to_string().starts_with("<nobody@") => {
                server.refuse(&Reply::transient(450, "4.2.1", "not now"));
            }
            Step::Event(Event::Data(octets)) => message.extend_from_slice(&octets),
            Step::Event(Event::Reset) => message.clear(),
            Step::Event(Event::EndOfData) => {
                let message = std::mem::take(&mut message);
                if message.windows(6).any(|word| word == b"poison") {
                    server.refuse(&Reply::permanent(554, "5.6.0", "poison"));
                } else {
                    messages.push(message);
                    server.accept();
                }
            }
            Step::Event(_) => server.accept(),
            Step::Read(_) => match chunks.next() {
                Some(chunk) => server.feed(chunk),
                None => return (replies, messages, server.state()),
            },
            Step::StartTls | Step::Close => return (replies, messages, server.state()),
        }
    }
}

/// What a client may say.
#[derive(Clone, Debug)]
enum Say {
    /// A line and the code that it has in any state.
    Always(&'static str, u16),
    Hello(&'static str, bool),
    /// A sender, and what is said of it where MAIL is in order; with HELO, if that differs.
    Mail(&'static str, u16, u16),
    Recipient(&'static str, u16),
    Rset,
    Auth,
    /// DATA and lines behind it.
    Data(&'static [&'static str]),
    Chunk(&'static [u8], bool),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Chunks {
    None,
    Some,
    Failed,
}

#[derive(Clone, Debug)]
struct Transaction {
    utf8: bool,
    binary: bool,
    to: usize,
    content: Vec<u8>,
    chunks: Chunks,
}

/// What a server has to do, said once more and shorter.
#[derive(Default)]
struct Model {
    script: Vec<u8>,
    codes: Vec<u16>,
    messages: Vec<Vec<u8>>,
    /// Whether the last hello was EHLO.
    hello: Option<bool>,
    transaction: Option<Transaction>,
}

fn is_bare(content: &[u8]) -> bool {
    let closed = [b"x", content, b"x"].concat();
    closed.windows(2).any(|pair| (pair[0] == b'\r') != (pair[1] == b'\n')) || content.contains(&0)
}

/// The same of what may go on: a CR at the end may get its LF.
fn is_bare_already(content: &[u8]) -> bool {
    is_bare(content.strip_suffix(b"\r").unwrap_or(content))
}

impl Model {
    fn line(&mut self, line: &str, code: u16) {
        self.script.extend_from_slice(format!("{line}\r\n").as_bytes());
        self.codes.push(code);
    }

    fn say(&mut self, say: &Say) {
        match say {
            Say::Always(line, code) => self.line(line, *code),
            Say::Hello(line, extended) => {
                self.line(line, 250);
                (self.hello, self.transaction) = (Some(*extended), None);
            }
            Say::Mail(path, code, helo) => {
                let code = match (self.hello, &self.transaction) {
                    (None, _) | (_, Some(_)) => 503,
                    (Some(true), None) => *code,
                    (Some(false), None) => *helo,
                };
                self.line(&format!("MAIL FROM:{path}"), code);
                if code == 250 {
                    let (utf8, binary) = (path.contains("SMTPUTF8"), path.contains("BINARYMIME"));
                    self.transaction =
                        Some(Transaction { utf8, binary, to: 0, content: Vec::new(), chunks: Chunks::None });
                }
            }
            Say::Recipient(path, code) => {
                let code = match &mut self.transaction {
                    Some(transaction) if transaction.chunks == Chunks::None => match *code {
                        553 if !transaction.utf8 => 553,
                        _ if transaction.to >= RECIPIENTS => 452,
                        553 => 250,
                        code => code,
                    },
                    _ => 503,
                };
                self.line(&format!("RCPT TO:{path}"), code);
                self.transaction.iter_mut().for_each(|transaction| transaction.to += usize::from(code == 250));
            }
            Say::Rset => {
                self.line("RSET", 250);
                self.transaction = None;
            }
            Say::Auth => {
                let code = if self.transaction.is_none() && self.hello == Some(true) { 504 } else { 503 };
                self.line("AUTH PLAIN AHUAcA==", code);
            }
            Say::Data(lines) => self.data(lines),
            Say::Chunk(octets, last) => self.chunk(octets, *last),
        }
    }

    fn data(&mut self, lines: &[&str]) {
        let code = match &self.transaction {
            Some(transaction) if transaction.binary || transaction.chunks != Chunks::None => 503,
            Some(transaction) if transaction.to == 0 => 554,
            Some(_) => 354,
            None => 503,
        };
        self.line("DATA", code);
        if code != 354 {
            return;
        }
        let mut content = Vec::new();
        for line in lines {
            self.script.extend_from_slice(format!("{line}\r\n").as_bytes());
            content.extend_from_slice(line.strip_prefix('.').unwrap_or(line).as_bytes());
            content.extend_from_slice(b"\r\n");
        }
        self.line(".", 0);
        self.codes.pop();
        self.end(content);
    }

    fn end(&mut self, content: Vec<u8>) {
        let binary = self.transaction.take().is_some_and(|transaction| transaction.binary);
        self.codes.push(match () {
            () if content.len() > MOST => 552,
            () if !binary && is_bare(&content) => 550,
            () if content.windows(6).any(|word| word == b"poison") => 554,
            () => {
                self.messages.push(content);
                250
            }
        });
    }

    fn chunk(&mut self, octets: &[u8], last: bool) {
        let word = if last { " LAST" } else { "" };
        self.script.extend_from_slice(format!("BDAT {}{word}\r\n", octets.len()).as_bytes());
        self.script.extend_from_slice(octets);
        let Some(transaction) = &mut self.transaction else {
            return self.codes.push(503);
        };
        let refusal = match transaction {
            Transaction { to: 0, .. } => Some(554),
            Transaction { chunks: Chunks::Failed, .. } => Some(503),
            Transaction { content, .. } if content.len() + octets.len() > MOST => Some(552),
            _ => None,
        };
        if refusal.is_none() {
            transaction.chunks = Chunks::Some;
            transaction.content.extend_from_slice(octets);
            if last {
                let content = std::mem::take(&mut transaction.content);
                return self.end(content);
            }
        }
        let bare = !transaction.binary && transaction.to > 0 && is_bare_already(&transaction.content);
        let refusal = refusal.or(bare.then_some(550));
        self.codes.push(refusal.unwrap_or(250));
        match refusal {
            Some(_) if last => self.transaction = None,
            Some(_) => transaction.chunks = Chunks::Failed,
            None => {}
        }
    }

    fn state(&self) -> &'static str {
        match (&self.hello, &self.transaction) {
            (None, _) => "Connected",
            (_, None) => "Ready",
            (_, Some(Transaction { chunks: Chunks::Some, .. })) => "Chunks",
            (_, Some(Transaction { chunks: Chunks::Failed, .. })) => "Failed",
            (_, Some(Transaction { to: 0, .. })) => "Transaction",
            (_, Some(_)) => "Recipients",
        }
    }
}

fn sayings() -> impl Strategy<Value = Say> {
    let always = [
        ("NOOP", 250),
        ("noop x", 250),
        ("HELP", 214),
        ("VRFY x", 252),
        ("VRFY", 501),
        ("EXPN x", 502),
        ("LHLO c", 500),
        ("EHLO", 501),
        ("EHLO a b", 501),
        ("DATA x", 501),
        ("RSET x", 501),
        ("STARTTLS x", 501),
        ("FOO", 500),
        ("", 500),
        (".", 500),
        ("MAIL FROM:<a@c.example", 501),
        ("MAIL FROM: <a@c.example>", 501),
        ("MAIL FROM:<a@c.example> FOO=1", 555),
        ("MAIL FROM:<a@c.example> SIZE=1 SIZE=1", 501),
        ("MAIL FROM:<\u{fc}@c.example>", 550),
        ("MAIL FROM:<a@b\u{fc}cher.example>", 550),
        ("RCPT TO:<>", 501),
        ("RCPT TO:<a@c.example> FOO", 555),
        ("bare\nlf", 500),
        ("nul\0", 500),
    ];
    let mails = [
        ("<a@c.example>", 250, 250),
        ("<>", 250, 250),
        ("<a@c.example> BODY=7BIT", 250, 250),
        ("<a@c.example> SIZE=10 BODY=8BITMIME", 250, 555),
        ("<a@c.example> SIZE=61", 552, 555),
        ("<a@c.example> BODY=BINARYMIME", 250, 555),
        ("<\u{fc}@c.example> SMTPUTF8", 250, 555),
        ("<no@c.example>", 550, 550),
        ("<a@c.example> REQUIRETLS", 555, 555),
        ("<a@c.example> RET=FULL", 555, 555),
    ];
    let recipients = [
        ("<b@mx.example.test>", 250),
        ("<Postmaster>", 250),
        ("<@r.example:b@mx.example.test>", 250),
        ("<nobody@mx.example.test>", 450),
        ("<\u{fc}@mx.example.test>", 553),
        ("<b@b\u{fc}cher.example>", 553),
        ("<b@mx.example.test> NOTIFY=NEVER", 555),
    ];
    let datas: [&[&str]; 8] = [
        &["Subject: x", "", "..", ".x"],
        &[],
        &["poison"],
        &["a\nb"],
        &["a\r"],
        &["0123456789", "0123456789", "0123456789", "0123456789", "0123456789", "0123456789"],
        &["MAIL FROM:<evil@c.example>", "RCPT TO:<b@mx.example.test>", "DATA"],
        &["\n.", "QUIT"],
    ];
    let chunks: [&[u8]; 10] = [
        b"",
        b"a\r\n",
        b"\r",
        b"\n",
        b"poison",
        b".\r\n",
        b"QUIT\r\nRSET\r\n",
        b"\0",
        b"0123456789012345678901234567890",
        b"0123456789012345678901234567890123456789012345678901234567890",
    ];
    prop_oneof![
        3 => prop::sample::select(always.to_vec()).prop_map(|(line, code)| Say::Always(line, code)),
        3 => prop::sample::select(vec![("EHLO c", true), ("HELO c", false)]).prop_map(|(line, is)| Say::Hello(line, is)),
        6 => prop::sample::select(mails.to_vec()).prop_map(|(path, code, helo)| Say::Mail(path, code, helo)),
        8 => prop::sample::select(recipients.to_vec()).prop_map(|(path, code)| Say::Recipient(path, code)),
        1 => Just(Say::Rset),
        1 => Just(Say::Auth),
        4 => prop::sample::select(datas.to_vec()).prop_map(Say::Data),
        8 => (prop::sample::select(chunks.to_vec()), any::<bool>()).prop_map(|(octets, last)| Say::Chunk(octets, last)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_server_does_what_the_model_does(says in prop::collection::vec(sayings(), 0..40), chunk in 1usize..80) {
        let mut model = Model::default();
        model.codes.push(220);
        for say in &says {
            model.say(say);
        }
        let (replies, messages, state) = session(&model.script, chunk);
        let last = replies.lines().filter(|line| line.as_bytes().get(3) == Some(&b' '));
        let codes: Vec<u16> = last.map(|line| line[..3].parse().unwrap()).collect();
        prop_assert_eq!(&codes, &model.codes, "{}", replies);
        prop_assert_eq!(&messages, &model.messages);
        prop_assert_eq!(state, model.state());
    }
}

/// RFC 5321 §3.8: behind 421 the connection is closed, whoever said it.
#[test]
fn an_application_that_says_421_ends_the_session() {
    let busy = Reply::transient(421, "4.3.2", "busy");
    for (profile, at) in [(Profile::Mx, 0), (Profile::Mx, 1), (Profile::Mx, 2), (Profile::Lmtp, 2)] {
        let mut server = Server::new(Config::new("mx.example.test".parse().unwrap(), profile), "nonce");
        let script =
            "EHLO c.example\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<b@mx.example.test>\r\nDATA\r\nx\r\n.\r\nNOOP\r\n";
        let hello = if profile == Profile::Lmtp { "LHLO" } else { "EHLO" };
        server.feed(script.replace("EHLO", hello).as_bytes());
        let (mut replies, mut asked) = (String::new(), 0);
        loop {
            match server.poll() {
                Step::Write(octets) => replies.push_str(std::str::from_utf8(&octets).unwrap()),
                Step::Event(Event::Data(_) | Event::Reset) => {}
                Step::Event(Event::EndOfData) if profile == Profile::Lmtp => server.delivered(&[Err(busy.clone())]),
                Step::Event(_) if asked == at => server.refuse(&busy),
                Step::Event(_) => {
                    asked += 1;
                    server.accept();
                }
                Step::Close => break,
                step => panic!("{step:?} at {at}: {replies}"),
            }
        }
        assert!(replies.ends_with("421 4.3.2 busy\r\n"), "{replies}");
    }
}

/// RFC 3030 §2: the transaction has failed with the chunk, and who comes too late gets no message without it.
#[test]
fn no_message_lacks_a_chunk() {
    let script = "EHLO c\r\nMAIL FROM:<a@c.example>\r\nBDAT 3\r\na\r\nRCPT TO:<b@c.example>\r\nBDAT 3\r\nb\r\nBDAT 3 LAST\r\nc\r\n";
    let (replies, messages, state) = session(script.as_bytes(), 99);
    let codes: Vec<&str> = replies.lines().skip_while(|line| !line.starts_with("554")).map(|line| &line[..9]).collect();
    assert_eq!(codes, ["554 5.5.1", "503 5.5.1", "554 5.5.1", "554 5.5.1"]);
    assert_eq!((messages.len(), state), (0, "Ready"));
}

/// Whatever is wrong with the line, what stands behind a BDAT is not read as commands.
#[test]
fn octets_behind_a_malformed_bdat_are_no_commands() {
    let long = format!("BDAT {}", "1".repeat(3000));
    for (line, code) in [
        ("BDAT", "501 5.5.4"),
        ("BDAT x", "501 5.5.4"),
        ("bdat 6\0", "500 5.5.2"),
        ("BDAT 6\n", "500 5.5.2"),
        ("BDAT 6 L\u{c4}ST", "500 5.5.2"),
        ("BDAT \u{1}6", "500 5.5.2"),
        (&long, "500 5.5.2"),
    ] {
        let script =
            format!("EHLO c\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<b@c.example>\r\n{line}\r\nRSET\r\nNOOP\r\n");
        let (replies, _, state) = session(script.as_bytes(), 4096);
        let last = replies.lines().last().unwrap_or_default();
        assert!(last.starts_with(code) && state == "Closed", "{line}: {replies}");
    }
}

/// Where octets are cut changes nothing: what stands at the start of what is left of a long line begins none.
#[test]
fn a_long_line_is_one_line() {
    let script = format!("EHLO c\r\nx{}\r\nNOOP\r\n", "\u{16}".repeat(5000));
    for chunk in [1, 7, 2049, 2100, 9999] {
        let (replies, _, state) = session(script.as_bytes(), chunk);
        assert!(replies.ends_with("\r\n500 5.5.2 line too long\r\n250 2.0.0 ok\r\n"), "{chunk}: {replies}");
        assert_eq!(state, "Ready");
    }
}

/// RFC 3463 §3.2: whose address is malformed, and that nothing is known of one.
#[test]
fn addresses_have_their_codes() {
    let script = "EHLO c\r\nMAIL FROM:<a\r\nMAIL FROM:<>\r\nRCPT TO:<a\r\n";
    let (replies, ..) = session(script.as_bytes(), 99);
    assert!(replies.contains("\r\n501 5.1.7 malformed path: ") && replies.contains("\r\n501 5.1.3 malformed path: "));
    let (replies, ..) = session(b"VRFY nobody\r\n", 99);
    assert!(replies.contains("\r\n252 2.0.0 "), "{replies}"); // 2.1.5 would say that there is somebody
}

/// RFC 6531 §3.5: a U-label is UTF-8, too, and what is said of it tells of whom.
#[test]
fn utf8_that_was_not_asked_for_is_refused() {
    let script = "EHLO c\r\nMAIL FROM:<a@b\u{fc}cher.example>\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<b@b\u{fc}cher.example>\r\n\
        RCPT TO:<b@xn--bcher-kva.example>\r\nRSET\r\nMAIL FROM:<a@b\u{fc}cher.example> SMTPUTF8\r\nRCPT TO:<b@b\u{fc}cher.example>\r\n";
    let (replies, ..) = session(script.as_bytes(), 99);
    let codes: Vec<&str> = replies.lines().skip_while(|line| !line.starts_with("550")).map(|line| &line[..9]).collect();
    let wanted = ["550 5.6.7", "250 2.1.0", "553 5.6.7", "250 2.1.5", "250 2.0.0", "250 2.1.0", "250 2.1.5"];
    assert_eq!(codes, wanted);
}
