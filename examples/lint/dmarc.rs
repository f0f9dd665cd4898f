//! DMARC records.

use gatepost_dmarc::lint::{Lint, Rule, lint};
use gatepost_results::Cite;

use crate::report::{Kind, Note};

pub(crate) struct Dmarc;

impl Kind for Dmarc {
    fn name(&self) -> &'static str {
        "DMARC"
    }

    fn claims(&self, text: &str) -> bool {
        text.trim_start().get(..7).is_some_and(|front| front.eq_ignore_ascii_case("v=dmarc"))
    }

    fn lint(&self, text: &str) -> Vec<Note> {
        match lint(text) {
            Ok(found) => found.into_iter().map(note).collect(),
            Err(error) => {
                let cite = Some(Cite::new(9989, "4.7"));
                vec![Note { text: error.to_string(), cite, span: 0..text.len(), fatal: true }]
            }
        }
    }
}

fn note(lint: Lint) -> Note {
    let fatal = lint.rule == Rule::AsksNothing;
    Note { text: lint.rule.to_string(), cite: Some(lint.rule.cite()), span: lint.span, fatal }
}
