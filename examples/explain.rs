//! `explain`: says in plain words what the results in the header of a received message mean.
#![allow(clippy::print_stderr)] // a program talks

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Parser;
use gatepost::{Envelope, Judge};
use gatepost_examples::output::{Telling, print};
use gatepost_examples::source::{Source, read};
use gatepost_results::{AuthResults, Explain, Outline, Phrase, Trust, authres, for_reader};
use gatepost_syntax::{HeaderBlock, HeaderLimits, escape};

/// Explains a message that was received: what our servers recorded in its Authentication-Results fields, and what that means.
///
/// Only fields of the servers that are named are believed, and only those above the Received field of the outermost of them:
/// all else the sender could have written. With a place to ask DNS the message is judged once more, and that explained, too.
///
///   explain message.eml --authserv-id mx.example.org
///   explain message.eml --authserv-id mx.example.org --reader --lang ja
///   explain message.eml --authserv-id mx.example.org --system --ip 192.0.2.1 --mail-from ann@example.org
#[derive(Parser)]
#[command(name = "explain", verbatim_doc_comment)]
struct Arguments {
    /// The message as it was stored, with CRLF line ends
    message: PathBuf,
    /// The name that our server has in its Authentication-Results fields; may be given several times
    #[arg(long, value_name = "NAME")]
    authserv_id: Vec<String>,
    /// How many Received fields our own servers add
    #[arg(long, default_value_t = 1, value_name = "N")]
    hops: usize,
    #[command(flatten)]
    telling: Telling,
    #[command(flatten)]
    source: Source,
    /// To judge once more: the address of the client that sent the message
    #[arg(long)]
    ip: Option<IpAddr>,
    /// What the client called itself
    #[arg(long, default_value = "")]
    helo: String,
    /// The reverse-path; empty for the null one
    #[arg(long, default_value = "", value_name = "ADDRESS")]
    mail_from: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(outline) => {
            print(arguments.telling.text(&outline));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("explain: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<Outline, String> {
    let message = read(&arguments.message)?;
    let place = |error| format!("{}: {error}", arguments.message.display());
    let (headers, _) =
        HeaderBlock::parse(&message, &HeaderLimits::default()).map_err(|error| place(error.to_string()))?;
    if let Some(defect) = headers.defect() {
        return Err(place(format!("the header section is malformed, readers may disagree about it: {defect}")));
    }
    let ours: Vec<&str> = arguments.authserv_id.iter().map(String::as_str).collect();
    if ours.is_empty() {
        return Err(place(format!(
            "which server is yours? Give --authserv-id; the fields claim to be of {}",
            claimed(&headers)
        )));
    }
    let found = Trust::new(&ours).hops(arguments.hops).results(&headers);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let again = runtime.map_err(|error| error.to_string())?.block_on(judge(arguments, &message))?;
    if arguments.telling.reader {
        return Ok(again.map_or_else(|| for_reader(&found), |inbound| inbound.for_reader()));
    }
    let mut outline =
        Outline::new(arguments.message.display().to_string()).children(found.iter().map(AuthResults::explain));
    if found.is_empty() {
        outline = outline.child(Outline::from(Phrase::NothingRecorded).cite(8601, "7.1"));
    }
    outline = outline.children(not_believed(&headers, &ours, found.len()));
    Ok(outline.children(again.map(|inbound| inbound.explain())))
}

/// Judges the message once more, where there is somebody to ask.
async fn judge(arguments: &Arguments, message: &[u8]) -> Result<Option<gatepost::Inbound>, String> {
    let Some(resolver) = arguments.source.resolver()? else { return Ok(None) };
    let envelope = Envelope {
        ip: arguments.ip.ok_or("to judge the message once more, --ip is needed: the client's address")?,
        helo: arguments.helo.clone(),
        mail_from: arguments.mail_from.clone(),
        now: SystemTime::now(),
    };
    let name = arguments.authserv_id.first().map_or("localhost", String::as_str);
    let judged = Judge::new(resolver, name).message(&envelope, message).await;
    judged.map(Some).map_err(|error| format!("{}: {error}", arguments.message.display()))
}

/// The fields that claim to be of our servers and are not believed: those below the ones that are.
fn not_believed(headers: &HeaderBlock, ours: &[&str], believed: usize) -> Vec<Outline> {
    let claiming = headers.named("Authentication-Results").filter_map(|field| {
        let read = authres::parse(field.text()?).ok()?;
        let name = read.authserv_id().to_owned();
        read.at_trusted_place(ours).map(|_| Outline::from(Phrase::NotBelieved.with([&name])).cite(8601, "5"))
    });
    claiming.skip(believed).collect()
}

/// Who the fields claim to be of.
fn claimed(headers: &HeaderBlock) -> String {
    let read = headers.named("Authentication-Results").filter_map(|field| authres::parse(field.text()?).ok());
    let mut names: Vec<String> = read.map(|field| escape(field.authserv_id())).collect();
    names.dedup();
    if names.is_empty() { "nobody: there is none".to_owned() } else { names.join(", ") }
}
