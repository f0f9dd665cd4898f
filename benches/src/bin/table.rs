//! Prints criterion's figures as a table with × floor, saves them, and compares two that were saved.
#![allow(clippy::print_stdout)] // a program may

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::SystemTime;

use clap::Parser;
use gatepost_benches::table::Table;

/// A table of what criterion measured, each case as a multiple of the floor of its group.
///
/// Shows what lies in target/criterion. With --run it measures first and shows only that:
/// `cargo run -p gatepost-benches --bin table -- --run --save before.json -- --bench spf --bench dkim`
#[derive(Parser)]
#[command(name = "table")]
struct Arguments {
    /// Run `cargo bench` first; what follows `--` goes to it
    #[arg(long)]
    run: bool,
    /// Write the figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Compare two saved files instead
    #[arg(long, num_args = 2, value_names = ["OLD", "NEW"], conflicts_with_all = ["run", "save", "from"])]
    compare: Option<Vec<PathBuf>>,
    /// Criterion's folder; without it the one in cargo's target folder
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// For `cargo bench`
    #[arg(last = true, requires = "run")]
    bench: Vec<String>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("table: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<String, String> {
    let read = |path: &PathBuf| {
        let table = std::fs::read_to_string(path).and_then(|text| Table::from_json(&text));
        table.map_err(|error| format!("{}: {error}", path.display()))
    };
    if let Some([old, new]) = arguments.compare.as_deref() {
        return Ok(read(old)?.compare(&read(new)?));
    }
    let since = if arguments.run { measure(&arguments.bench)? } else { SystemTime::UNIX_EPOCH };
    let target = || PathBuf::from(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
    let from = arguments.from.clone().unwrap_or_else(|| target().join("criterion"));
    let table = Table::from_criterion(&from, since)
        .map_err(|error| format!("{}: {error} (--run measures; --from names criterion's folder)", from.display()))?;
    if let Some(file) = &arguments.save {
        std::fs::write(file, table.to_json()).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(table.to_string())
}

/// Runs the benches, and says when they began.
fn measure(arguments: &[String]) -> Result<SystemTime, String> {
    let began = SystemTime::now();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).args(["bench", "-p", "gatepost-benches"]).args(arguments).status();
    let status = status.map_err(|error| format!("cargo bench: {error}"))?;
    status.success().then_some(began).ok_or_else(|| format!("cargo bench ended with {status}"))
}
