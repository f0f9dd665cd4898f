//! `verify`: judges messages by SPF, DKIM, ARC and DMARC, and says why.
#![allow(clippy::print_stderr)] // a program talks

mod messages;
mod page;
mod summary;

use std::io::{IsTerminal, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use gatepost::{Bundle, Envelope, Inbound, Judge};
use gatepost_examples::output::{Telling, line, print};
use gatepost_examples::source::{Source, read};
use gatepost_results::Explain;
use messages::Found;
use summary::{Row, Summary};

/// Judges a message by SPF, DKIM, ARC and DMARC: prints the Authentication-Results field and the tree that explains it.
/// Of many messages (several files, a folder, an mbox) it prints a line each and a summary.
///
/// With --bundle, all that the judgement depends on is kept in a file; --replay judges from that file alone. Examples:
///
///   verify message.eml --ip 192.0.2.1 --helo mx.example.org --mail-from ann@example.org --zone zone
///   verify message.eml --ip 192.0.2.1 --mail-from ann@example.org --system --bundle case.json
///   verify message.eml --replay case.json --lang ja
///   verify Maildir/cur --ip 192.0.2.1 --zone zone --html report.html
#[derive(Parser)]
#[command(name = "verify", verbatim_doc_comment)]
struct Arguments {
    /// Messages as they came; folders and mboxes of them
    #[arg(required = true, value_name = "PATH")]
    messages: Vec<PathBuf>,
    /// The address of the client that sent it
    #[arg(long, required_unless_present = "replay")]
    ip: Option<IpAddr>,
    /// What the client called itself
    #[arg(long, default_value = "")]
    helo: String,
    /// The reverse-path; empty for the null one
    #[arg(long, default_value = "", value_name = "ADDRESS")]
    mail_from: String,
    #[command(flatten)]
    source: Source,
    /// The name of the judge in the field
    #[arg(long, default_value = "localhost", value_name = "NAME")]
    authserv_id: String,
    /// Judge as if it were this time, in Unix seconds
    #[arg(long, value_name = "SECONDS")]
    clock: Option<u64>,
    /// Keep all that the judgement depends on
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// Judge from what was kept, and ask nobody
    #[arg(long, value_name = "FILE", conflicts_with_all = ["bundle", "zone", "dns", "system", "ip", "clock"])]
    replay: Option<PathBuf>,
    #[command(flatten)]
    telling: Telling,
    /// Write a page with a chart and all explanations
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("verify: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let found = messages::find(&arguments.messages)?;
    let (mut summary, mut rows) = (Summary::default(), Vec::new());
    match found.as_slice() {
        [] => return Err("there is no message".into()),
        [only] => {
            let judgement = runtime.block_on(one(arguments, only))?;
            print_one(arguments, &judgement)?;
            rows.push(summary.add(&only.name, Ok(&judgement)));
        }
        all if arguments.replay.is_some() || arguments.bundle.is_some() => {
            return Err(format!("a bundle is of one message, not of {}", all.len()));
        }
        all => runtime.block_on(many(arguments, all, &mut summary, &mut rows))?,
    }
    match &arguments.html {
        Some(path) => write(path, &page::page(&summary, &rows, arguments.telling.lang)),
        None => Ok(()),
    }
}

async fn one(arguments: &Arguments, found: &Found) -> Result<Inbound, String> {
    let message = found.octets()?;
    match &arguments.replay {
        Some(path) => replay(path, &message).await,
        None => {
            let (judge, envelope) = judge(arguments)?;
            judge.message(&envelope, &message).await.map_err(|error| format!("{}: {error}", found.name))
        }
    }
}

fn print_one(arguments: &Arguments, judgement: &Inbound) -> Result<(), String> {
    let outline = if arguments.telling.reader { judgement.for_reader() } else { judgement.explain() };
    if !arguments.telling.json && !arguments.telling.reader {
        line(judgement.results().to_field());
    }
    print(arguments.telling.text(&outline));
    match (&arguments.bundle, &judgement.bundle) {
        (Some(path), Some(bundle)) => write(path, &bundle.to_json()),
        _ => Ok(()),
    }
}

/// A line for each message, how far it is on the terminal, and the summary. One that can not be judged does not end the work.
async fn many(arguments: &Arguments, all: &[Found], summary: &mut Summary, rows: &mut Vec<Row>) -> Result<(), String> {
    let (judge, envelope) = judge(arguments)?;
    let terminal = std::io::stderr().is_terminal() && !std::io::stdout().is_terminal();
    for (index, found) in all.iter().enumerate() {
        let judged = match found.octets() {
            Ok(message) => judge.message(&envelope, &message).await.map_err(|error| error.to_string()),
            Err(error) => Err(error),
        };
        let row = summary.add(&found.name, judged.as_ref().map_err(Clone::clone));
        let heard = match &row.explanation {
            Some(outline) if arguments.telling.json => {
                let name = serde_json::Value::from(row.name.as_str());
                let outline = outline.to_json(arguments.telling.lang);
                line(format_args!("{{\"message\":{name},\"explanation\":{outline}}}"))
            }
            None if arguments.telling.json => line(serde_json::json!({"message": row.name, "error": row.line})),
            _ => line(format_args!("{}  {}", row.line, row.name)),
        };
        if !heard && arguments.html.is_none() {
            return Ok(()); // nobody waits for the rest
        }
        if terminal {
            eprint!("\r{} of {}", index + 1, all.len());
            std::io::stderr().flush().map_err(|error| error.to_string())?;
        }
        if arguments.html.is_some() {
            rows.push(row);
        }
    }
    if terminal {
        eprintln!();
    }
    if arguments.telling.json {
        return Ok(());
    }
    print(format_args!("\n{} messages\n{summary}", all.len()));
    Ok(())
}

fn write(path: &std::path::Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Who judges, and what is known of the messages beside their octets.
fn judge(arguments: &Arguments) -> Result<(Judge, Envelope), String> {
    let resolver = arguments.source.resolver()?.ok_or("whom to ask? Give --zone, --dns or --system")?;
    let clock = arguments.clock.map(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    let envelope = Envelope {
        ip: arguments.ip.ok_or("--ip is needed")?,
        helo: arguments.helo.clone(),
        mail_from: arguments.mail_from.clone(),
        now: clock.unwrap_or_else(|| Some(SystemTime::now())).ok_or("--clock is out of range")?,
    };
    let mut limits = gatepost::Limits::default();
    limits.dkim.diagnoses = 32; // whoever runs this wants to know why
    let judge = Judge::new(resolver, &arguments.authserv_id).limits(limits);
    Ok((if arguments.bundle.is_some() { judge.bundles() } else { judge }, envelope))
}

async fn replay(path: &std::path::Path, message: &[u8]) -> Result<Inbound, String> {
    let place = |error| format!("{}: {error}", path.display());
    let text = String::from_utf8(read(path)?).map_err(|_| format!("{}: not UTF-8", path.display()))?;
    let bundle = Bundle::from_json(&text).map_err(place)?;
    let judgement = bundle.replay(message).await.map_err(place)?;
    let verdict = judgement.explain().line();
    if verdict != bundle.verdict {
        eprintln!("verify: this program judges otherwise than was recorded: {}", bundle.verdict);
    }
    Ok(judgement)
}
