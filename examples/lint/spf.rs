//! SPF records.

use gatepost_results::Cite;
use gatepost_spf::lint::{Lint, lint};
use gatepost_spf::record::RecordError;

use crate::report::{Kind, Note};

pub(crate) struct Spf;

impl Kind for Spf {
    fn name(&self) -> &'static str {
        "SPF"
    }

    fn claims(&self, text: &str) -> bool {
        text.trim_start().get(..5).is_some_and(|front| front.eq_ignore_ascii_case("v=spf"))
    }

    fn lint(&self, text: &str) -> Vec<Note> {
        match lint(text) {
            Ok(found) => found.into_iter().map(note).collect(),
            Err(error) => vec![fatal(&error, text)],
        }
    }
}

fn note(lint: Lint) -> Note {
    Note { text: lint.rule.to_string(), cite: Some(lint.rule.cite()), span: lint.span, fatal: false }
}

fn fatal(error: &RecordError, text: &str) -> Note {
    let span = error.at().map_or(0..text.len(), |at| at..at + 1);
    Note { text: error.to_string(), cite: Some(Cite::new(7208, "4.6")), span, fatal: true }
}
