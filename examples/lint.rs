//! `lint`: advice on an SPF record, each with its place in the record.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a program talks

use std::process::ExitCode;

use clap::Parser;
use gatepost_spf::lint::lint;
use gatepost_syntax::escape;

/// Checks an SPF record and says what is allowed and still not what its author wants.
///
/// Ends with 0 when there is nothing to say, 1 with advice, 2 when it is no record. Example:
///
///   lint 'v=spf1 include:_spf.example.org ptr +all'
#[derive(Parser)]
#[command(name = "lint", verbatim_doc_comment)]
struct Arguments {
    /// The record as it stands in DNS, its character-strings joined
    record: String,
}

fn main() -> ExitCode {
    let Arguments { record } = Arguments::parse();
    let found = match lint(&record) {
        Ok(found) => found,
        Err(error) => {
            eprintln!("lint: not an SPF record: {error}");
            return ExitCode::from(2);
        }
    };
    println!("{}", escape(&record));
    for lint in &found {
        let width = lint.span.len().max(1);
        println!("{}{}", " ".repeat(lint.span.start), "^".repeat(width));
        println!("  {}  [{}]", lint.rule, lint.rule.cite());
    }
    if found.is_empty() {
        println!("nothing to say");
        return ExitCode::SUCCESS;
    }
    ExitCode::FAILURE
}
