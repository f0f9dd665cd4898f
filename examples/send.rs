//! `send`: submits a message over TLS, with a log-in, and says what the server answered for each recipient.
#![allow(clippy::print_stderr)] // a program talks

use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use gatepost::client::{self, ClientTls};
use gatepost_examples::host::split;
use gatepost_examples::output::line;
use gatepost_sasl::{ChoiceError, Credentials, Policy};
use gatepost_smtp::client::{Capabilities, Client, Config, Envelope, Event, Failure, Outcome, Outcomes};
use gatepost_smtp::report::Returned;
use gatepost_smtp::{Body, EnvelopeId, MailFrom, Notify, RcptTo};
use gatepost_syntax::{ForwardPath, Host, Mailbox, ReversePath, base64};
use ring::rand::{SecureRandom, SystemRandom};
use thiserror::Error;

/// Submits a message (a file, or standard input) over TLS and prints the server's answer for each recipient.
///
/// The password is read from --password-file or the environment variable SMTP_PASSWORD. Line ends of a file without any
/// CR become CRLF; nothing else is changed. Exit status: 0 all accepted, 1 something refused or failed. Example:
///
///   send --server mail.example.org --from ann@example.org --to bob@example.net --user ann@example.org letter.eml
#[derive(Parser)]
#[command(name = "send", verbatim_doc_comment)]
struct Arguments {
    /// The message; standard input without it
    file: Option<PathBuf>,
    /// The server, with its port where that is not 465 (TLS from the first octet) or, with --starttls, 587
    #[arg(long, value_name = "HOST[:PORT]")]
    server: String,
    /// The sender; `<>` for none
    #[arg(long, value_name = "ADDRESS")]
    from: String,
    /// A recipient; may stand several times
    #[arg(long, value_name = "ADDRESS", required = true)]
    to: Vec<String>,
    /// Who logs in
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// A file whose first line is the password
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// A certificate (PEM) to show and to log in with (EXTERNAL), for servers that know it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["user", "no_tls"])]
    certificate: Option<PathBuf>,
    /// Its key, where that is in a file of its own
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Begin in clear and ask for TLS before anything else
    #[arg(long)]
    starttls: bool,
    /// No TLS at all, for a server on this machine; no password is sent then
    #[arg(long, conflicts_with = "starttls")]
    no_tls: bool,
    /// Certificates (PEM) to believe instead of the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// What to call this machine: a domain, or its address as `[192.0.2.1]`
    #[arg(long, value_name = "NAME", default_value = "localhost.localdomain")]
    hello: Host,
    /// When a report is wanted (RFC 3461): never, or success, failure, delay
    #[arg(long, value_name = "WHEN", value_delimiter = ',')]
    notify: Vec<When>,
    /// Your own name for this transaction, repeated in reports (RFC 3461)
    #[arg(long, value_name = "ID")]
    envelope_id: Option<String>,
    /// Reports shall have the header only
    #[arg(long)]
    return_header: bool,
    /// Print the session's steps
    #[arg(long, short)]
    verbose: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum When {
    Never,
    Success,
    Failure,
    Delay,
}

#[derive(Debug, Error)]
enum Error {
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("`{text}` is no address: {error}")]
    Address { text: String, error: gatepost_syntax::MailboxError },
    #[error("`{0}` is no port")]
    Port(String),
    #[error("--envelope-id: up to 100 printable ASCII characters")]
    EnvelopeId,
    #[error("{}: the first line holds no password", .0.display())]
    EmptyPassword(PathBuf),
    #[error("--user needs --password-file or SMTP_PASSWORD")]
    NoPassword,
    #[error("certificates: {0}")]
    Tls(#[from] gatepost::tls::TlsError),
    #[error("{0}{advice}", advice = tls_advice(.0))]
    Connect(#[from] client::ConnectError),
    #[error("the connection broke: {0}{advice}", advice = tls_advice(.0))]
    Broken(#[from] client::Broken),
    #[error("{0}")]
    Io(#[from] io::Error),
}

fn main() -> ExitCode {
    let done = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Io);
    match done.and_then(|runtime| runtime.block_on(submit(&Arguments::parse()))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("send: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn submit(arguments: &Arguments) -> Result<bool, Error> {
    let message = read(arguments.file.as_deref())?;
    let envelope = envelope(arguments, &message)?;
    let default_port = if arguments.starttls || arguments.no_tls { 587 } else { 465 };
    let (host, port) = match split(&arguments.server) {
        (host, Some(port)) => (host, port.parse().map_err(|_| Error::Port(port.to_owned()))?),
        (host, None) => (host, default_port),
    };
    let tls = match &arguments.ca {
        Some(path) => ClientTls::with_roots(path)?,
        None => ClientTls::system()?,
    };
    let (tls, login) = match (&arguments.certificate, &arguments.user) {
        (Some(shown), _) => {
            let key = arguments.key.as_ref().unwrap_or(shown);
            (tls.certificate(shown, key)?, Some(Credentials::certificate()))
        }
        (None, Some(user)) => {
            let password = password(arguments.password_file.as_deref())?;
            (tls, Some(Credentials::password(user, password.as_str())))
        }
        (None, None) => (tls, None),
    };
    let connection = client::connect(host, port, &tls, !arguments.starttls && !arguments.no_tls).await?;
    let config = Config { require_tls: !arguments.no_tls, ..Config::new(arguments.hello.clone()) };
    let mut submission = Submission {
        names: arguments.to.clone(),
        envelope: Some(envelope),
        login,
        message,
        sent: 0,
        outcomes: Outcomes::new(arguments.to.len()),
        failed: false,
        starttls: arguments.starttls,
        verbose: arguments.verbose,
    };
    let handler = |smtp: &mut Client, event: Event| {
        submission.on(smtp, event);
        Ok(())
    };
    let ended = client::run(connection, &mut Client::new(config), handler).await;
    // some servers just close where QUIT is said: the message is theirs, and would come twice from who tried again
    if submission.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Unanswered(_))) {
        ended?;
    }
    Ok(submission.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Accepted(_))))
}

/// A message on its way, as the endpoint asks for it.
struct Submission {
    names: Vec<String>,
    envelope: Option<Envelope>,
    login: Option<Credentials>,
    message: Vec<u8>,
    /// Octets that were given to the endpoint.
    sent: usize,
    outcomes: Outcomes,
    /// Whether something failed that the message does not go without.
    failed: bool,
    starttls: bool,
    verbose: bool,
}

/// Octets that are given at a time: a chunk, where the server takes chunks.
const PIECE: usize = 256 << 10;

impl Submission {
    fn on(&mut self, smtp: &mut Client, event: Event) {
        self.outcomes.note(&event);
        match event {
            Event::Ready(offered) => self.ready(smtp, &offered),
            Event::Authenticated(mechanism) => self.note(&format!("logged in by {mechanism}")),
            Event::Recipient(index, response) => {
                let verdict = if response.is_positive() { "accepted" } else { "refused" };
                line(format_args!("{}: {verdict}: {response}", self.names.get(index).map_or("?", String::as_str)));
            }
            Event::SendData => match self.message.get(self.sent..).filter(|rest| !rest.is_empty()) {
                Some(rest) => {
                    let piece = rest.get(..PIECE).unwrap_or(rest);
                    smtp.data(piece);
                    self.sent += piece.len();
                    self.progress();
                }
                None => smtp.end_data(),
            },
            Event::Done(response) => {
                let verdict = if response.is_positive() { "accepted" } else { "refused" };
                line(format_args!("message: {verdict}: {response}"));
            }
            Event::Failed(Failure::Closed) if self.starttls => {
                self.fail(
                    "the connection was closed; the port may have TLS from the first octet (leave --starttls out)",
                );
            }
            Event::Failed(failure) => self.fail(&format!("{failure}{}", advice(&failure))),
            _ => {}
        }
    }

    fn fail(&mut self, text: &str) {
        self.failed = true;
        eprintln!("send: {text}");
    }

    fn ready(&mut self, smtp: &mut Client, offered: &Capabilities) {
        if std::mem::take(&mut self.starttls) {
            self.note("asking for TLS");
            return smtp.start_tls();
        }
        if let (true, Some(tls)) = (self.verbose, smtp.tls()) {
            eprintln!("{} {}; the server offers AUTH {}", tls.version.word(), tls.cipher, offered.auth.join(" "));
        }
        if let Some(login) = self.login.take() {
            match nonce() {
                Some(nonce) => return smtp.log_in(&login, &Policy::client(), &nonce),
                None => self.fail("the system has no randomness"),
            }
        }
        match self.envelope.take() {
            Some(envelope) if !self.failed => smtp.send(envelope),
            _ => smtp.quit(),
        }
    }

    fn note(&self, text: &str) {
        if self.verbose {
            eprintln!("{text}");
        }
    }

    /// One line on a terminal, for messages that take a while.
    fn progress(&self) {
        let (all, mut terminal) = (self.message.len(), io::stderr());
        if all < 1 << 20 || !terminal.is_terminal() {
            return;
        }
        let filled = 40 * self.sent / all;
        let bar = format!("{}{}", "#".repeat(filled), ".".repeat(40 - filled));
        let end = if self.sent == all { "\n" } else { "" };
        let _ = write!(terminal, "\r[{bar}] {} of {} KiB{end}", self.sent >> 10, all >> 10); // only for looks
    }
}

/// What a person can do about it.
fn advice(failure: &Failure) -> &'static str {
    match failure {
        Failure::TlsNotOffered => "; another port may have TLS from the first octet (leave --starttls out)",
        Failure::TlsRequired => "; --no-tls is for servers on this machine",
        Failure::Malformed => "; is this an SMTP port, and does it want --starttls?",
        Failure::NoMechanism(ChoiceError::NothingOffered) => "; users log in at port 465, or 587 with --starttls",
        Failure::BareLineEnd => "; its lines must all end with CRLF, or all with LF",
        Failure::Refused(response) if response.code == 530 => "; log in with --user",
        _ => "",
    }
}

/// What a person can do about a handshake that failed. The reason is known by rustls' words alone: the facade names no type of it.
fn tls_advice(error: &dyn std::error::Error) -> &'static str {
    let words = error.to_string();
    if words.contains("InvalidContentType") {
        "; does the port want --starttls?"
    } else if words.contains("UnknownIssuer") {
        "; --ca FILE names the authorities to believe"
    } else {
        ""
    }
}

fn envelope(arguments: &Arguments, message: &[u8]) -> Result<Envelope, Error> {
    let mailbox = |text: &String| {
        let bare = text.trim_start_matches('<').trim_end_matches('>');
        Mailbox::parse(bare).map_err(|error| Error::Address { text: text.clone(), error })
    };
    let from = if arguments.from.trim_matches(['<', '>']).is_empty() {
        ReversePath::Null
    } else {
        ReversePath::Mailbox(mailbox(&arguments.from)?)
    };
    let to: Vec<Mailbox> = arguments.to.iter().map(mailbox).collect::<Result<_, _>>()?;
    let header = header_of(message);
    let mut mail = MailFrom::new(from);
    mail.utf8 = !header.is_ascii() || !to.iter().chain(mail.path.mailbox()).all(Mailbox::is_ascii);
    mail.body = if message.is_ascii() { Body::SevenBit } else { Body::EightBitMime };
    mail.size = u64::try_from(message.len()).ok();
    mail.ret = arguments.return_header.then_some(Returned::Headers);
    if let Some(id) = &arguments.envelope_id {
        mail.envelope_id = Some(EnvelopeId::new(id).ok_or(Error::EnvelopeId)?);
    }
    let wants = |when| arguments.notify.contains(&when);
    let notify = Notify { success: wants(When::Success), failure: wants(When::Failure), delay: wants(When::Delay) };
    let recipient = |to| RcptTo {
        path: ForwardPath::Mailbox(to),
        notify: Some(notify).filter(|_| !arguments.notify.is_empty()),
        original: None,
    };
    Ok(Envelope { mail, to: to.into_iter().map(recipient).collect() })
}

/// Up to the first empty line.
fn header_of(message: &[u8]) -> &[u8] {
    let end = message.windows(4).position(|window| window == b"\r\n\r\n");
    end.and_then(|end| message.get(..end)).unwrap_or(message)
}

/// The message with CRLF line ends: files of this system have LF alone.
fn read(path: Option<&Path>) -> Result<Vec<u8>, Error> {
    let mut octets = Vec::new();
    match path {
        Some(path) => octets = std::fs::read(path).map_err(|error| Error::File { path: path.to_owned(), error })?,
        None => drop(io::stdin().read_to_end(&mut octets)?),
    }
    if octets.contains(&b'\r') {
        return Ok(octets);
    }
    let lines = octets.split_inclusive(|octet| *octet == b'\n');
    Ok(lines
        .flat_map(|line| line.strip_suffix(b"\n").map_or(vec![line], |line| vec![line, b"\r\n"]))
        .flatten()
        .copied()
        .collect())
}

fn password(file: Option<&Path>) -> Result<String, Error> {
    match file {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| Error::File { path: path.to_owned(), error })?;
            let first = text.lines().next().filter(|line| !line.is_empty());
            first.map(str::to_owned).ok_or_else(|| Error::EmptyPassword(path.to_owned()))
        }
        None => std::env::var("SMTP_PASSWORD").map_err(|_| Error::NoPassword),
    }
}

/// Fresh randomness as text.
fn nonce() -> Option<String> {
    let mut octets = [0; 18];
    SystemRandom::new().fill(&mut octets).ok()?;
    Some(base64::encode(octets))
}
