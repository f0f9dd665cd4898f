//! `verify`: judges an .eml file by SPF, DKIM, ARC and DMARC, and says why.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a program talks

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use gatepost::{Bundle, Envelope, Inbound, Judge};
use gatepost_examples::source::{Source, language, read};
use gatepost_results::{Explain, Lang};

/// Judges a message by SPF, DKIM, ARC and DMARC: prints the Authentication-Results field and the tree that explains it.
///
/// With --bundle, all that the judgement depends on is kept in a file; --replay judges from that file alone. Examples:
///
///   verify message.eml --ip 192.0.2.1 --helo mx.example.org --mail-from ann@example.org --zone zone
///   verify message.eml --ip 192.0.2.1 --mail-from ann@example.org --system --bundle case.json
///   verify message.eml --replay case.json --lang ja
#[derive(Parser)]
#[command(name = "verify", verbatim_doc_comment)]
struct Arguments {
    /// The message as it came, with CRLF line ends
    message: PathBuf,
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
    /// The language of the explanation: en or ja
    #[arg(long, default_value = "en", value_parser = language)]
    lang: Lang,
    /// Explain to the reader of the message, in few words
    #[arg(long)]
    reader: bool,
    /// Print the explanation as JSON
    #[arg(long)]
    json: bool,
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
    let message = read(&arguments.message)?;
    let judgement = runtime.map_err(|error| error.to_string())?.block_on(async {
        match &arguments.replay {
            Some(path) => replay(path, &message).await,
            None => judge(arguments, &message).await,
        }
    })?;
    if let (Some(path), Some(bundle)) = (&arguments.bundle, &judgement.bundle) {
        std::fs::write(path, bundle.to_json()).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let outline = if arguments.reader { judgement.for_reader() } else { judgement.explain() };
    if arguments.json {
        println!("{}", outline.to_json(arguments.lang));
    } else if arguments.reader {
        print!("{}", outline.told(arguments.lang));
    } else {
        print!("{}\n{}", judgement.results().to_field(), outline.told(arguments.lang));
    }
    Ok(())
}

async fn judge(arguments: &Arguments, message: &[u8]) -> Result<Inbound, String> {
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
    let judge = if arguments.bundle.is_some() { judge.bundles() } else { judge };
    let place = |error| format!("{}: {error}", arguments.message.display());
    judge.message(&envelope, message).await.map_err(place)
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
