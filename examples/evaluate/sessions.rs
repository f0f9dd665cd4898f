//! SMTP and POP3 sessions.

use gatepost_pop3::server::{Entry, SurrogateSize};
use gatepost_smtp::server::{Config, Event, Profile, Server};
use gatepost_smtp::{Paths, Reply};
use gatepost_syntax::{Domain, ForwardPath, HeaderBlock, HeaderLimits, base64};
use gatepost_wire::{Endpoint, Step, TlsInfo, TlsVersion};
use serde_json::{Value, json};

use crate::request::{Error, Request};
use crate::sasl::Users;

/// Feeds the script as it is cut; each character is one octet. One element of `replies` is one reply. Paths may be
/// written as old clients do, as the dialogues of the suite have them, unless `paths` is `strict`, which is what the library and
/// the server are by themselves (decision 34).
pub(crate) fn smtp(request: &Request) -> Result<Value, Error> {
    let profile = match request.optional_text("mode")? {
        None | Some("mx") => Profile::Mx,
        Some("submission") => Profile::Submission,
        Some("lmtp") => Profile::Lmtp,
        Some(_) => {
            return Err(Error::Type { field: "mode", expected: "mx, submission or lmtp" });
        }
    };
    let tls = request.flag("tls")?;
    let hostname = Domain::parse("mx.example.test").map_err(|error| Error::value("hostname", error))?;
    let mut config = Config::new(hostname, profile);
    (config.extensions.dsn, config.extensions.binary_mime, config.extensions.require_tls) = (true, true, true);
    config.paths = match request.optional_text("paths")? {
        None | Some("lenient") => Paths::Lenient,
        Some("strict") => Paths::Strict,
        Some(_) => return Err(Error::Type { field: "paths", expected: "strict or lenient" }),
    };
    let mut session = Session {
        server: Server::new(config, "evaluatenonce"),
        users: Users::of(request)?,
        local_domains: request.texts("local_domains")?,
        replies: String::new(),
        open: json!(null),
        message: Vec::new(),
        messages: Vec::new(),
        closed: false,
    };
    if tls {
        session.server.secured(TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256"));
    }
    session.run();
    for piece in octets(request)? {
        if !session.closed {
            session.server.feed(&piece);
            session.run();
        }
    }
    // a reply goes on while its code has a hyphen behind it (RFC 5321 §4.2.1)
    let replies = grouped(&session.replies, |_, line| line.as_bytes().get(3) != Some(&b'-'));
    Ok(json!({"replies": replies, "messages": session.messages, "closed": session.closed}))
}

struct Session {
    server: Server,
    users: Users,
    local_domains: Option<Vec<String>>,
    replies: String,
    open: Value,
    message: Vec<u8>,
    messages: Vec<Value>,
    closed: bool,
}

impl Session {
    /// Until the server wants to read.
    fn run(&mut self) {
        loop {
            match self.server.poll() {
                Step::Write(octets) => self.replies.push_str(&String::from_utf8_lossy(&octets)),
                Step::Event(event) => self.event(event),
                Step::Read(_) => return,
                Step::StartTls => self.server.secured(TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256")),
                Step::Close => {
                    self.closed = true;
                    return;
                }
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Auth(question) => {
                let answer = self.users.answer(&question);
                self.server.answer(answer);
            }
            Event::Mail(mail) => {
                let from = mail.path.mailbox().map(ToString::to_string).unwrap_or_default();
                self.open = json!({"from": from, "to": []});
                self.message.clear();
                self.server.accept();
            }
            Event::Recipient(recipient) if self.is_local(&recipient.path) => {
                let to = recipient.path.mailbox().map_or_else(|| "Postmaster".to_owned(), ToString::to_string);
                if let Some(Value::Array(list)) = self.open.get_mut("to") {
                    list.push(json!(to));
                }
                self.server.accept();
            }
            Event::Recipient(_) => self.server.refuse(&Reply::permanent(550, "5.7.1", "relaying denied")),
            Event::Data(octets) => self.message.extend_from_slice(&octets),
            Event::EndOfData if has_malformed_header(&self.message) => {
                self.server.refuse(&Reply::permanent(554, "5.6.0", "a header line that is no field"));
            }
            Event::EndOfData => {
                let mut message = std::mem::take(&mut self.open);
                if let Value::Object(fields) = &mut message {
                    fields.insert("data_base64".into(), json!(base64::encode(std::mem::take(&mut self.message))));
                }
                self.messages.push(message);
                self.server.accept();
            }
            _ => self.message.clear(),
        }
    }

    fn is_local(&self, path: &ForwardPath) -> bool {
        let Some(local) = &self.local_domains else {
            return true;
        };
        let Some(mailbox) = path.mailbox() else {
            return true;
        };
        mailbox.domain().is_some_and(|domain| local.iter().any(|l| Domain::parse(l).as_ref() == Ok(domain)))
    }
}

/// Whether lines between header fields are none, as [`gatepost::Judge`] refuses it. Without any field it is a body.
fn has_malformed_header(message: &[u8]) -> bool {
    let parsed = HeaderBlock::parse(message, &HeaderLimits::default());
    parsed.is_ok_and(|(headers, _)| {
        headers.defect().is_some() && headers.fields().any(|field| field.raw().contains(&b':'))
    })
}

/// One element of `replies` is one reply; octets of messages are shown as characters up to U+00FF.
pub(crate) fn pop3(request: &Request) -> Result<Value, Error> {
    use gatepost_pop3::server as pop3;
    let users = Users::of(request)?;
    let maildrop: Vec<Vec<u8>> =
        request.texts("maildrop")?.unwrap_or_default().iter().map(|text| crate::request::crlf(text)).collect();
    let config = pop3::Config { stls: true, ..Default::default() };
    let mut server = pop3::Server::new(config, "evaluatenonce");
    if request.flag("tls")? {
        server.secured(TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256"));
    }
    let (mut replies, mut deleted, mut closed) = (Vec::new(), Vec::new(), false);
    let mut pieces = octets(request)?.into_iter();
    while !closed {
        match server.poll() {
            Step::Write(octets) => replies.extend_from_slice(&octets),
            Step::Event(pop3::Event::Auth(question)) => server.answer(users.answer(&question)),
            Step::Event(pop3::Event::Open(_)) => server.opened(Ok(entries(&maildrop))),
            Step::Event(pop3::Event::Retrieve(index)) => {
                server.message(maildrop.get(index).map(Vec::as_slice).unwrap_or_default());
                server.end();
            }
            Step::Event(pop3::Event::Commit(indices)) => {
                deleted = indices.iter().map(|index| index + 1).collect();
                server.committed(true);
            }
            Step::Event(_) => server.unreadable(),
            Step::Read(_) => match pieces.next() {
                Some(piece) => server.feed(&piece),
                None => break,
            },
            Step::StartTls => server.secured(TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256")),
            Step::Close => closed = true,
        }
    }
    let text: String = replies.iter().map(|octet| char::from(*octet)).collect();
    // our server says so in the first line when more follow, up to a dot (RFC 1939 §3)
    let more = |first: &str| first.starts_with("+OK") && (first.ends_with(" follow") || first.ends_with(" follows"));
    let replies = grouped(&text, |first, line| !more(first) || line == ".");
    Ok(json!({"replies": replies, "deleted": deleted, "closed": closed}))
}

/// One element a reply, its lines joined by CRLF; `ends` is told the first line and the current one.
fn grouped(text: &str, ends: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let mut replies = Vec::new();
    let mut lines: Vec<&str> = Vec::new();
    for line in text.split_terminator("\r\n") {
        lines.push(line);
        if ends(lines.first().copied().unwrap_or_default(), line) {
            replies.push(std::mem::take(&mut lines).join("\r\n"));
        }
    }
    if !lines.is_empty() {
        replies.push(lines.join("\r\n"));
    }
    replies
}

fn entries(maildrop: &[Vec<u8>]) -> Vec<Entry> {
    // a last line that does not end gets its CRLF when it is sent
    let sent = |message: &Vec<u8>| message.len() + if message.is_empty() || message.ends_with(b"\n") { 0 } else { 2 };
    let entry = |(index, message): (usize, &Vec<u8>)| {
        let size = u64::try_from(sent(message)).unwrap_or(u64::MAX);
        let mut surrogate = SurrogateSize::new();
        surrogate.write(message);
        Entry { size, surrogate: surrogate.of(size), uid: format!("message-{}", index + 1) }
    };
    maildrop.iter().enumerate().map(entry).collect()
}

/// The script's pieces: each character is one octet.
fn octets(request: &Request) -> Result<Vec<Vec<u8>>, Error> {
    let pieces = request.texts("script")?.ok_or(Error::Missing("script"))?;
    let piece = |text: &String| text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect::<Option<Vec<u8>>>();
    let expected = "characters from U+0000 to U+00FF";
    pieces.iter().map(|text| piece(text).ok_or(Error::Type { field: "script", expected })).collect()
}
