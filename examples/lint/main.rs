//! `lint`: advice on records, each with its place in the record.
#![allow(clippy::print_stderr)] // a program talks

mod kinds;
mod report;

use std::process::ExitCode;

use clap::Parser;
use gatepost_dns::{Name, Resolver};
use gatepost_examples::output::{line, print};
use gatepost_examples::source::Source;
use gatepost_results::Linted;
use gatepost_syntax::escape;
use kinds::Kind;
use report::Report;

/// The kinds of records that are known: the first that claims a text lints it.
const KINDS: &[&dyn Kind] = &[&kinds::Spf, &kinds::Dmarc, &kinds::DkimKey, &kinds::DkimSignature];

/// Checks records that domains publish for mail, and says what is allowed and still not what its author wants.
///
/// The record is given as it stands in DNS, its character-strings joined. With --name and a place to ask, it is fetched
/// instead, or judged as if it stood there, and the records that it leads to are checked with it.
///
/// Ends with 0 when there is nothing to say, 1 with advice, 2 when the record is broken or can not be had. Examples:
///
///   lint 'v=spf1 include:_spf.example.org ptr +all'
///   lint --name example.test --zone examples/data/example.test.zone
///   lint --name example.org --system
///   lint --name example.org --dns 127.0.0.1:5353 'v=spf1 include:_spf.example.org -all'    before you publish it
#[derive(Parser)]
#[command(name = "lint", verbatim_doc_comment)]
struct Arguments {
    /// The record; without it, the records at --name
    record: Option<String>,
    /// The name at which it stands: example.org, selector._domainkey.example.org, _dmarc.example.org
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    source: Source,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(report) => {
            if arguments.json {
                line(report.to_json());
            } else {
                print(report.text());
            }
            ExitCode::from(report.status())
        }
        Err(error) => {
            eprintln!("lint: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<Report, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let _guard = runtime.enter(); // the network resolver wants one
    let (name, dns) = match (arguments.name.as_deref(), arguments.source.resolver()?) {
        (Some(name), Some(dns)) => (name, dns),
        (None, Some(_)) => return Err("at which name does the record stand? Give --name".into()),
        (_, None) => {
            let text = arguments.record.as_deref();
            let text = text.ok_or("a record is needed, or --name with --zone, --dns or --system")?;
            return Ok(Report::of(Linted::new(text, kind_of(text)?.lint(text))));
        }
    };
    let name = Name::parse(name).map_err(|error| format!("{}: {error}", escape(name)))?;
    runtime.block_on(async {
        let texts = match &arguments.record {
            Some(text) => vec![text.clone()],
            None => published(&*dns, &name).await?,
        };
        let mut report = Report::default();
        for text in &texts {
            report.add(kind_of(text)?.follow(&*dns, &name, text).await);
        }
        Ok(report)
    })
}

/// The texts at a name that some kind claims.
async fn published(dns: &dyn Resolver, name: &Name) -> Result<Vec<String>, String> {
    let answer = dns.txt(name).await.map_err(|error| format!("TXT {name}: {error}"))?;
    let texts = answer.records.iter().map(|txt| String::from_utf8_lossy(txt.as_bytes()).into_owned());
    let known: Vec<String> = texts.filter(|text| kind_of(text).is_ok()).collect();
    if known.is_empty() {
        Err(format!("TXT {name}: no record of a kind that is known ({})", kinds()))
    } else {
        Ok(known)
    }
}

fn kind_of(text: &str) -> Result<&'static dyn Kind, String> {
    let claims = KINDS.iter().find(|kind| kind.claims(text));
    claims.copied().ok_or_else(|| format!("\"{}\" is of no kind that is known ({})", escape(text), kinds()))
}

fn kinds() -> String {
    KINDS.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
}
