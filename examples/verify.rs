//! `verify`: judges an .eml file by SPF, DKIM, ARC and DMARC, and says why.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a program talks

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use gatepost::{Envelope, Judge};
use gatepost_dns::{Zone, block_on};
use gatepost_results::Explain;

/// Judges a message by SPF, DKIM, ARC and DMARC: prints the Authentication-Results field and the tree that explains it.
///
/// DNS comes from a zone file, nothing is asked of the network. A line of a zone file is `NAME TYPE VALUE`, for example
/// `example.org TXT "v=spf1 -all"`; files that end in .json hold {"name": {"TYPE": [values]}}.
#[derive(Parser)]
#[command(name = "verify")]
struct Arguments {
    /// The message, with CRLF line ends
    message: PathBuf,
    /// The address of the client that sent it
    #[arg(long)]
    ip: IpAddr,
    /// What the client called itself
    #[arg(long, default_value = "")]
    helo: String,
    /// The reverse-path; empty for the null one
    #[arg(long, default_value = "", value_name = "ADDRESS")]
    mail_from: String,
    /// DNS data
    #[arg(long, value_name = "FILE")]
    zone: PathBuf,
    /// The name of the judge in the field
    #[arg(long, default_value = "localhost", value_name = "NAME")]
    authserv_id: String,
    /// Judge as if it were this time, in Unix seconds
    #[arg(long, value_name = "SECONDS")]
    clock: Option<u64>,
    /// Print the tree as JSON
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
    let place = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let message = std::fs::read(&arguments.message).map_err(|error| place(&arguments.message, &error))?;
    let text = std::fs::read_to_string(&arguments.zone).map_err(|error| place(&arguments.zone, &error))?;
    let is_json = arguments.zone.extension().is_some_and(|extension| extension == "json");
    let zone = if is_json { Zone::from_json(&text) } else { Zone::parse(&text) };
    let zone = zone.map_err(|error| place(&arguments.zone, &error))?;
    let envelope = Envelope {
        ip: arguments.ip,
        helo: arguments.helo.clone(),
        mail_from: arguments.mail_from.clone(),
        now: arguments.clock.map_or_else(SystemTime::now, |seconds| UNIX_EPOCH + Duration::from_secs(seconds)),
    };
    let judge = Judge::new(Arc::new(zone), &arguments.authserv_id);
    let judgement = block_on(judge.message(&envelope, &message));
    let judgement = judgement.map_err(|error| place(&arguments.message, &error))?;
    if arguments.json {
        println!("{}", judgement.explain().to_json());
    } else {
        print!("{}\n{}", judgement.results().to_field(), judgement.explain());
    }
    Ok(())
}
