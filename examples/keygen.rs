//! `keygen`: a DKIM key, and what to publish for it.
#![allow(clippy::print_stderr)] // a program talks

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use gatepost_dkim::PrivateKey;
use gatepost_examples::output::line;
use gatepost_syntax::{Domain, base64};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;

/// Makes an Ed25519 key, or takes an RSA key that OpenSSL made, and prints the TXT record to publish.
///
/// The private key goes to the file --out, which must not exist yet, readable by its owner only. Sign with both an RSA and an
/// Ed25519 key, each under its own selector: not every verifier knows Ed25519 (RFC 8463). Examples:
///
///   keygen --domain example.org --selector ed2026 --out ed2026.pem
///   openssl genrsa -out rsa2026.pem 2048 && keygen --domain example.org --selector rsa2026 --from rsa2026.pem
#[derive(Parser)]
#[command(name = "keygen", verbatim_doc_comment)]
struct Arguments {
    /// The domain that signs
    #[arg(long)]
    domain: Domain,
    /// The name of the key below _domainkey
    #[arg(long)]
    selector: Domain,
    /// Where the new private key goes
    #[arg(long, value_name = "FILE", conflicts_with = "from", required_unless_present = "from")]
    out: Option<PathBuf>,
    /// A private key that exists already, in PEM: only its record is printed
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("keygen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let path = arguments.from.as_ref().or(arguments.out.as_ref()).ok_or("--out or --from is needed")?;
    let place = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let pem = match &arguments.from {
        Some(path) => std::fs::read_to_string(path).map_err(|error| place(&error))?,
        None => {
            let pem = ed25519()?;
            write_new(path, &pem).map_err(|error| place(&error))?;
            line(format_args!("; the private key is in {}", path.display()));
            pem
        }
    };
    let key = PrivateKey::from_pem(&pem).map_err(|error| place(&error))?;
    let (record, name) = (key.public_record(), format!("{}._domainkey.{}", arguments.selector, arguments.domain));
    line("; a provider's form wants the name and the text");
    line(format_args!(";   name  {name}"));
    line(format_args!(";   TXT   {record}"));
    line("; a master file wants this line: strings of up to 255 octets, which are joined");
    line(format_args!("{name}. TXT {}", strings(&record).join(" ")));
    line(format_args!("; check it before you publish: lint --name {name} '{record}'"));
    Ok(())
}

fn ed25519() -> Result<String, String> {
    let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| "no randomness to be had")?;
    let text = base64::encode(key.as_ref());
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap_or_default()).collect();
    Ok(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n")))
}

/// Creates the file, for its owner only, and never touches one that is there.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = owner_only(OpenOptions::new().write(true).create_new(true)).open(path)?;
    file.write_all(text.as_bytes()).and_then(|()| File::sync_all(&file))
}

#[cfg(unix)]
fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// A text as quoted character-strings of up to 255 octets (RFC 1035 §3.3.14); base64 and tags need no escapes.
fn strings(text: &str) -> Vec<String> {
    let pieces = text.as_bytes().chunks(255).map(|piece| std::str::from_utf8(piece).unwrap_or_default());
    pieces.map(|piece| format!("\"{piece}\"")).collect()
}
