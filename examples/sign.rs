//! `sign`: puts DKIM signatures on a message.
#![allow(clippy::print_stderr)] // a program talks

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::SystemTime;

use clap::Parser;
use gatepost_dkim::sign::{Signer, Spec};
use gatepost_dkim::{Canonicalizations, PrivateKey};
use gatepost_examples::source::read;
use gatepost_syntax::{Domain, HeaderBlock, HeaderLimits};

/// Signs a message and writes it to the standard output with a DKIM-Signature field for each key on top.
///
/// The message comes from a file or the standard input and must have CRLF line ends, as SMTP has: others would be changed on
/// the way. With two keys, RSA and Ed25519, its body is still hashed once. Example:
///
///   sign --domain example.org --key rsa2026=rsa2026.pem --key ed2026=ed2026.pem message.eml > signed.eml
#[derive(Parser)]
#[command(name = "sign", verbatim_doc_comment)]
struct Arguments {
    /// The domain that signs
    #[arg(long)]
    domain: Domain,
    /// A selector and the file of its private key, in PEM; may be repeated
    #[arg(long, value_name = "SELECTOR=FILE", required = true)]
    key: Vec<Key>,
    /// Canonicalization of header fields and body
    #[arg(long, value_name = "C/C", default_value = "relaxed/relaxed", value_parser = canonicalization)]
    canonicalization: Canonicalizations,
    /// How many seconds the signatures are good for; without it, for ever
    #[arg(long, value_name = "SECONDS")]
    valid_for: Option<u64>,
    /// The message; without it, the standard input
    message: Option<PathBuf>,
}

#[derive(Clone)]
struct Key {
    selector: Domain,
    file: PathBuf,
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (selector, file) = text.split_once('=').ok_or("not SELECTOR=FILE")?;
        Ok(Key { selector: Domain::parse(selector).map_err(|error| error.to_string())?, file: file.into() })
    }
}

fn canonicalization(text: &str) -> Result<Canonicalizations, String> {
    Canonicalizations::parse(text).ok_or_else(|| "simple or relaxed, or two of them with a slash between".into())
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sign: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let keys = arguments.key.iter().map(read_key).collect::<Result<Vec<_>, String>>()?;
    let first = arguments.key.first().ok_or("a key is needed")?;
    let mut spec = Spec::new(arguments.domain.clone(), first.selector.clone());
    spec.canonicalization = arguments.canonicalization;
    spec.time = Some(SystemTime::now());
    spec.valid_for = arguments.valid_for;
    let message = read_message(arguments)?;
    let name = arguments.message.as_ref().map_or("the standard input".into(), |path| path.display().to_string());
    let place = |error: &dyn std::fmt::Display| format!("{name}: {error}");
    let parsed = HeaderBlock::parse(&message, &HeaderLimits::default());
    let (headers, body) = parsed.map_err(|error| place(&error))?;
    let mut signer = Signer::new(spec, headers).map_err(|error| place(&error))?;
    signer.body(message.get(body..).unwrap_or_default());
    let draft = signer.finish().map_err(|error| error.to_string())?;
    let mut out = io::stdout().lock();
    for (Key { selector, .. }, key) in arguments.key.iter().zip(&keys) {
        let field = draft.under(selector.clone()).sign(key).map_err(|error| format!("{selector}: {error}"))?;
        out.write_all(field.as_bytes()).map_err(|error| error.to_string())?;
    }
    out.write_all(&message).and_then(|()| out.flush()).map_err(|error| error.to_string())
}

fn read_key(key: &Key) -> Result<PrivateKey, String> {
    let place = |error: &dyn std::fmt::Display| format!("{}: {error}", key.file.display());
    let pem = std::fs::read_to_string(&key.file).map_err(|error| place(&error))?;
    PrivateKey::from_pem(&pem).map_err(|error| place(&error))
}

fn read_message(arguments: &Arguments) -> Result<Vec<u8>, String> {
    if let Some(path) = &arguments.message {
        return read(path);
    }
    let mut message = Vec::new();
    io::stdin().read_to_end(&mut message).map_err(|error| format!("the standard input: {error}"))?;
    Ok(message)
}
