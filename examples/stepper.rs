//! `stepper`: SPF without an executor: it asks, you answer.
#![allow(clippy::print_stderr)] // a program talks

use std::io::{self, BufRead, Write};
use std::net::IpAddr;
use std::process::ExitCode;

use clap::Parser;
use gatepost_dns::{Answer, LookupError, Progress, Question, Resolver, Stepper, Zone, block_on};
use gatepost_examples::output::print;
use gatepost_results::Explain;
use gatepost_spf::{Limits, Query, check};

/// Evaluates SPF step by step: prints each DNS question, takes the answer from standard input, and tells the verdict and why.
///
/// An answer is one record value a line, as in a zone file (`"v=spf1 a -all"`, `192.0.2.1`, `10 mx.example.org`), and an empty line at its end. Or one of
/// the words nxdomain, nodata, servfail, timeout. This is how an event loop of your own would use the library.
#[derive(Parser)]
#[command(name = "stepper")]
struct Arguments {
    /// The address of the client
    #[arg(long, default_value = "192.0.2.10")]
    ip: IpAddr,
    /// The reverse-path; empty for the null one
    #[arg(long, default_value = "alice@example.test", value_name = "ADDRESS")]
    mail_from: String,
    /// What the client called itself
    #[arg(long, default_value = "mail.example.test", value_name = "NAME")]
    helo: String,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stepper: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> io::Result<()> {
    let mut steps = Stepper::new(|dns| async move {
        let query = Query::mail_from(arguments.ip, &arguments.mail_from, &arguments.helo);
        check(&*dns, &query, &Limits::default()).await.explain()
    });
    loop {
        match steps.poll() {
            Progress::Ask(question) => steps.answer(&question, answer(&question)?),
            Progress::Done(explanation) => {
                print(format_args!("\n{explanation}"));
                return Ok(());
            }
            Progress::Idle => return Err(io::Error::other("the evaluation waits for something else than DNS")),
        }
    }
}

/// What the person says. Asks again when it is not an answer.
fn answer(question: &Question) -> io::Result<Result<Answer, LookupError>> {
    loop {
        print(format_args!("{question} ? "));
        io::stdout().flush()?;
        let mut zone = String::new();
        loop {
            let mut line = String::new();
            if io::stdin().lock().read_line(&mut line)? == 0 && zone.is_empty() {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("no answer to {question}")));
            }
            match line.trim() {
                "" if zone.is_empty() => {}
                "" => break,
                "timeout" => return Ok(Err(LookupError::Timeout)),
                "servfail" => return Ok(Err(LookupError::ServerFailure)),
                "nxdomain" => return Ok(block_on(Zone::new().lookup(question))),
                // a name that has some other record
                "nodata" => zone = format!("below.{} TXT \"\"\n", question.name),
                value => zone += &format!("{} {} {value}\n", question.name, question.kind),
            }
            if line.trim() == "nodata" {
                break;
            }
        }
        match Zone::parse(&zone) {
            Ok(zone) => return Ok(block_on(zone.lookup(question))),
            Err(error) => eprintln!("not an answer: {error}"),
        }
    }
}
