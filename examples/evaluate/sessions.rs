//! SMTP sessions.

use std::num::NonZeroU32;

use gatepost_sasl::{Answer, Identity, Policy, Question, ScramKeys, Secret, prepare};
use gatepost_smtp::Reply;
use gatepost_smtp::server::{Config, Event, Limits, Profile, Server};
use gatepost_syntax::{Domain, ForwardPath, base64};
use gatepost_wire::{Endpoint, Step, TlsInfo, TlsVersion};
use serde_json::{Value, json};

use crate::request::{Error, Request};

/// Feeds the script as it is cut; each character is one octet.
pub(crate) fn smtp(request: &Request) -> Result<Value, Error> {
    let profile = match request.optional_text("mode")? {
        None | Some("mx") => Profile::Mx,
        Some("submission") => Profile::Submission,
        Some(_) => {
            return Err(Error::Type {
                field: "mode",
                expected: "mx or submission",
            });
        }
    };
    let tls = request.flag("tls")?;
    let hostname = Domain::parse("mx.example.test").map_err(|error| Error::value("hostname", error))?;
    let config = Config {
        hostname,
        profile,
        starttls: true,
        sasl: Policy::default(),
        limits: Limits::default(),
    };
    let mut session = Session {
        server: Server::new(config, "evaluatenonce"),
        users: request.pairs("users")?,
        local_domains: request.texts("local_domains")?,
        replies: String::new(),
        open: json!(null),
        message: Vec::new(),
        messages: Vec::new(),
        closed: false,
    };
    if tls {
        session
            .server
            .secured(TlsInfo::new(TlsVersion::Tls13, "TLS13_AES_128_GCM_SHA256"));
    }
    session.run();
    for piece in request.texts("script")?.ok_or(Error::Missing("script"))? {
        let octets = piece
            .chars()
            .map(|c| u8::try_from(u32::from(c)))
            .collect::<Result<Vec<u8>, _>>();
        let octets = octets.map_err(|_| Error::Type {
            field: "script",
            expected: "characters from U+0000 to U+00FF",
        })?;
        if !session.closed {
            session.server.feed(&octets);
            session.run();
        }
    }
    let replies: Vec<&str> = session.replies.split_terminator("\r\n").collect();
    Ok(json!({"replies": replies, "messages": session.messages, "closed": session.closed}))
}

struct Session {
    server: Server,
    users: Vec<(String, String)>,
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
                Step::StartTls => self
                    .server
                    .secured(TlsInfo::new(TlsVersion::Tls13, "TLS13_AES_128_GCM_SHA256")),
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
                let answer = self.answer(&question);
                self.server.answer(answer);
            }
            Event::Mail(mail) => {
                let from = mail.path.mailbox().map(ToString::to_string).unwrap_or_default();
                self.open = json!({"from": from, "to": []});
                self.message.clear();
                self.server.accept();
            }
            Event::Recipient(recipient) if self.is_local(&recipient.path) => {
                let to = recipient
                    .path
                    .mailbox()
                    .map_or_else(|| "Postmaster".to_owned(), ToString::to_string);
                if let Some(Value::Array(list)) = self.open.get_mut("to") {
                    list.push(json!(to));
                }
                self.server.accept();
            }
            Event::Recipient(_) => self
                .server
                .refuse(&Reply::permanent(550, "5.7.1", "relaying denied")),
            Event::Data(octets) => self.message.extend_from_slice(&octets),
            Event::EndOfData => {
                let mut message = std::mem::take(&mut self.open);
                if let Value::Object(fields) = &mut message {
                    fields.insert(
                        "data_base64".into(),
                        json!(base64::encode(std::mem::take(&mut self.message))),
                    );
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
        mailbox
            .domain()
            .is_some_and(|domain| local.iter().any(|l| Domain::parse(l).as_ref() == Ok(domain)))
    }

    fn answer(&self, question: &Question) -> Answer {
        let known = |user: &str| self.users.iter().find(|(name, _)| name == user);
        match question {
            Question::Password {
                user,
                authzid: None,
                password,
            } => match known(user) {
                Some((_, right)) if Secret::new(right.as_bytes()) == *password => {
                    Answer::Grant(Identity { user: user.clone() })
                }
                _ => Answer::Deny,
            },
            Question::ScramKeys { user, authzid: None } => {
                let iterations = NonZeroU32::new(4096).unwrap_or(NonZeroU32::MIN);
                let keys = match known(user) {
                    Some((_, password)) => {
                        let password =
                            prepare(password).map_or_else(|_| password.clone(), std::borrow::Cow::into_owned);
                        ScramKeys::derive(&Secret::new(password), b"evaluate's salt.", iterations)
                    }
                    None => ScramKeys::fake(&Secret::new("evaluate"), user, iterations),
                };
                Answer::Keys(keys, Identity { user: user.clone() })
            }
            _ => Answer::Deny,
        }
    }
}
