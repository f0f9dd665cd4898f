//! `evaluate`: one JSON request a line on standard input, one JSON verdict a line on standard output, in the same order.
//!
//! Offline: names are resolved from the request's `dns` object (or `dns_file`) only. A line that can not be judged is
//! answered with `{"id":…,"error":"…"}`; the exit status is 0 as long as the streams work.

#![allow(clippy::print_stderr)] // a program talks

mod policies;
mod records;
mod request;
mod sasl;
mod sessions;

use std::io::{BufRead, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use request::Request;
use serde_json::{Value, json};

/// Judges e-mail security questions offline: JSON lines in, JSON lines out.
///
/// Each line is an object with `op` (spf, spf-record, dkim, dkim-key, dkim-signature, dkim-sign, dmarc, dmarc-record,
/// org-domain, arc, arc-seal, auth-results, strip-auth-results, canonicalize, address, smtp, pop3, sasl) and the fields of that
/// operation; `id` is repeated in the answer. Example:
///
///   echo '{"id":1,"op":"spf","ip":"192.0.2.1","helo":"a.example","mail_from":"x@a.example",
///          "dns":{"a.example":{"TXT":["v=spf1 ip4:192.0.2.1 -all"]}}}' | tr -d '\n' | evaluate
#[derive(Parser)]
#[command(name = "evaluate", verbatim_doc_comment)]
struct Arguments {
    /// The folder that `message_file` and `dns_file` are relative to
    #[arg(long, value_name = "DIR", default_value = ".")]
    base: PathBuf,
}

/// A request line longer than this is answered with an error: 64 MiB holds any message with its zone.
const LINE_OCTETS: u64 = 64 << 20;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        // nobody reads the verdicts any more
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("evaluate: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn run(arguments: &Arguments) -> std::io::Result<()> {
    let mut input = std::io::stdin().lock();
    let mut output = std::io::BufWriter::new(std::io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        if read_line(&mut input, &mut line)? == 0 {
            return output.flush();
        }
        serde_json::to_writer(&mut output, &answer(&line, &arguments.base))?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
}

/// Reads one line, of which at most [`LINE_OCTETS`] are kept.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<usize> {
    let mut limited = std::io::Read::take(&mut *input, LINE_OCTETS);
    let read = limited.read_until(b'\n', line)?;
    if read > 0 && limited.limit() == 0 && !line.ends_with(b"\n") {
        input.skip_until(b'\n')?;
    }
    Ok(read)
}

fn answer(line: &[u8], base: &std::path::Path) -> Value {
    let request = match serde_json::from_slice::<Value>(line) {
        Ok(Value::Object(fields)) => Request::new(fields, base),
        Ok(_) => return json!({"id": null, "error": "the line is not a JSON object"}),
        Err(error) => return json!({"id": null, "error": format!("the line is not JSON: {error}")}),
    };
    let mut verdict = match dispatch(&request) {
        Ok(verdict) => verdict,
        Err(error) => json!({"error": error.to_string()}),
    };
    if let Value::Object(fields) = &mut verdict {
        fields.insert("id".into(), request.id());
    }
    verdict
}

fn dispatch(request: &Request) -> Result<Value, request::Error> {
    match request.text("op")? {
        "spf" => policies::spf(request),
        "dkim" => policies::dkim(request),
        "dkim-sign" => policies::dkim_sign(request),
        "dmarc" => policies::dmarc(request),
        "org-domain" => policies::org_domain(request),
        "arc" => policies::arc(request),
        "arc-seal" => policies::arc_seal(request),
        "spf-record" => records::spf_record(request),
        "dkim-key" => records::dkim_key(request),
        "dkim-signature" => records::dkim_signature(request),
        "dmarc-record" => records::dmarc_record(request),
        "auth-results" => records::auth_results(request),
        "strip-auth-results" => records::strip_auth_results(request),
        "canonicalize" => records::canonicalize(request),
        "address" => records::address(request),
        "smtp" => sessions::smtp(request),
        "pop3" => sessions::pop3(request),
        "sasl" => sasl::sasl(request),
        other => Err(request::Error::UnknownOperation(other.to_owned())),
    }
}
