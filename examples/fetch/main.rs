//! `fetch`: downloads a maildrop over TLS to a Maildir or an mbox, and remembers what it has.
#![allow(clippy::print_stderr)] // a program talks

mod keep;
mod seen;
mod session;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser};
use gatepost::client::{self, ClientTls, ConnectError};
use gatepost_examples::output::line;
use gatepost_pop3::client::{Client, Config};
use gatepost_sasl::Secret;
use gatepost_syntax::escape;

use keep::Keep;
use seen::Seen;
use session::Session;

/// Downloads the messages of a POP3 maildrop that are not here yet, over TLS, to a Maildir or an mbox.
///
/// Each message is written whole and to the disk before it counts as fetched; its unique id is remembered in a file, so that
/// the next run takes only what is new. On the server all stays as it is unless --delete is given; then what is safely here
/// is deleted there at the end of a session without errors.
///
///   POP3_PASSWORD=secret fetch pop.example.org --user ann@example.org --maildir ~/Mail/example
///   fetch pop.example.org --user ann --password-file ~/.pop3 --mbox inbox --starttls --delete
///
/// The server's certificate must be valid for its name: by the system's authorities, or those of --ca. The log-in is
/// within TLS only, by the strongest mechanism that the server offers; with SCRAM not even the server sees the password.
#[derive(Parser)]
#[command(name = "fetch", verbatim_doc_comment)]
struct Arguments {
    /// The server's name, as it stands in its certificate
    host: String,
    /// The user's name at the server
    #[arg(long, value_name = "NAME")]
    user: String,
    /// A file with the password in its first line, or - for the standard input; without, the variable POP3_PASSWORD
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    target: Target,
    /// The port [default: 995, with --starttls 110]
    #[arg(long)]
    port: Option<u16>,
    /// Begin in clear and ask for TLS (STLS) instead of beginning with it
    #[arg(long)]
    starttls: bool,
    /// Believe the certificates of this PEM file, and no others
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Where unique ids are remembered [default: fetch.seen in the Maildir, or MBOX.seen]
    #[arg(long, value_name = "FILE")]
    seen: Option<PathBuf>,
    /// Leave all messages on the server (the default)
    #[arg(long, conflicts_with = "delete")]
    keep: bool,
    /// Delete on the server what is safely here, now or since an earlier run
    #[arg(long)]
    delete: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// A Maildir; it is made when it is not there
    #[arg(long, value_name = "DIR")]
    maildir: Option<PathBuf>,
    /// An mbox (mboxrd: lines that begin with `From ` are quoted), appended to
    #[arg(long, value_name = "FILE")]
    mbox: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("runtime: {error}")),
    };
    match runtime.block_on(fetch(&arguments)) {
        Ok(report) => {
            line(&report);
            ExitCode::SUCCESS
        }
        Err(failure) => failed(&failure),
    }
}

fn failed(failure: &str) -> ExitCode {
    eprintln!("fetch: {failure}");
    ExitCode::FAILURE
}

async fn fetch(arguments: &Arguments) -> Result<String, String> {
    let password = password(arguments)?;
    let (keep, beside) = keep(&arguments.target)?;
    let path = arguments.seen.clone().unwrap_or(beside);
    let at = |path: &std::path::Path, error: std::io::Error| format!("{}: {error}", path.display());
    let seen = Seen::read(&path, &arguments.host, &arguments.user).map_err(|error| at(&path, error))?;

    let tls = match &arguments.ca {
        Some(path) => ClientTls::with_roots(path),
        None => ClientTls::system(),
    };
    let tls = tls.map_err(|error| error.to_string())?;
    let (tls, port) = if arguments.starttls { (tls, 110) } else { (tls.alpn("pop3"), 995) };
    let port = arguments.port.unwrap_or(port);
    let connection = client::connect(&arguments.host, port, &tls, !arguments.starttls).await;
    let connection = connection.map_err(|error| match &error {
        ConnectError::Handshake { .. } if !arguments.starttls => {
            format!("{error} (where TLS is asked for only later, use --starttls)")
        }
        _ => error.to_string(),
    })?;

    let mut endpoint = Client::new(Config { require_tls: true, utf8: true, ..Config::default() });
    let mut session = Session::new(&arguments.user, password, arguments.starttls, arguments.delete, keep, seen);
    let ran = client::run(connection, &mut endpoint, |client: &mut Client, event| session.on(client, event)).await;
    let report = session.report();
    // what is here is remembered however the session ended
    session.into_seen().write(&path).map_err(|error| at(&path, error))?;
    match (report, ran) {
        (Err(failure), _) => Err(format!("{}: {failure}", arguments.host)),
        (Ok(_), Err(broken)) => Err(format!("{}: {broken}", arguments.host)),
        (Ok(report), Ok(())) => Ok(report),
    }
}

fn keep(target: &Target) -> Result<(Keep, PathBuf), String> {
    match (&target.maildir, &target.mbox) {
        (Some(folder), _) => Ok((Keep::maildir(folder), folder.join("fetch.seen"))),
        (None, Some(file)) => {
            let mut seen = file.clone().into_os_string();
            seen.push(".seen");
            let keep = Keep::mbox(file).map_err(|error| format!("{}: {error}", file.display()))?;
            Ok((keep, seen.into()))
        }
        (None, None) => Err("--maildir or --mbox is needed".to_owned()),
    }
}

fn password(arguments: &Arguments) -> Result<Secret, String> {
    let text = match &arguments.password_file {
        Some(path) if path.as_os_str() == "-" => {
            std::io::read_to_string(std::io::stdin()).map_err(|e| e.to_string())?
        }
        Some(path) => std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?,
        None => std::env::var("POP3_PASSWORD")
            .map_err(|_| "no password: give --password-file FILE, or set the variable POP3_PASSWORD".to_owned())?,
    };
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Secret::new(line.as_bytes())),
        _ => Err(format!("the password of {} is empty", escape(&arguments.user))),
    }
}
