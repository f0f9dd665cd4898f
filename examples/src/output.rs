//! What programs say on the standard output.

use std::fmt::Display;
use std::io::{self, Write};

use gatepost_results::{Lang, Outline};

use crate::source::language;

/// Writes text as it is; false when nobody reads any more, as behind `| head`: that is no failure, and what a program does
/// beside talking goes on. Where the text can not be kept, on a full disk say, the program ends with 1.
pub fn print(text: impl Display) -> bool {
    let mut out = io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => false,
        Err(error) => {
            // nobody is left to be told when this fails, too
            let _ = writeln!(io::stderr(), "the standard output: {error}");
            std::process::exit(1)
        }
    }
}

/// Writes a line, as [`print()`] does.
pub fn line(text: impl Display) -> bool {
    print(format_args!("{text}\n"))
}

/// How an explanation is told.
#[derive(Debug, clap::Args)]
pub struct Telling {
    /// The language of the explanation: en or ja
    #[arg(long, default_value = "en", value_parser = language)]
    pub lang: Lang,
    /// Explain to the reader of the message, in few words
    #[arg(long)]
    pub reader: bool,
    /// Print the explanation as JSON
    #[arg(long)]
    pub json: bool,
}

impl Telling {
    /// The explanation as it was asked for, with the end of its last line.
    pub fn text(&self, outline: &Outline) -> String {
        match self.json {
            true => outline.to_json(self.lang) + "\n",
            false => outline.told(self.lang).to_string(),
        }
    }
}
