//! DKIM key records and DKIM-Signature fields.

use gatepost_dkim::lint::{self, Lint};
use gatepost_results::Cite;

use crate::report::{Kind, Note};

pub(crate) struct Key;

impl Kind for Key {
    fn name(&self) -> &'static str {
        "DKIM key"
    }

    /// `v=` is optional, and `p=` is in every key.
    fn claims(&self, text: &str) -> bool {
        let mut names = text.split(';').map(|tag| tag.split('=').next().unwrap_or_default().trim());
        text.trim_start().starts_with("v=DKIM1")
            || (!text.trim_start().starts_with("v=") && names.any(|name| name == "p"))
    }

    fn lint(&self, text: &str) -> Vec<Note> {
        match lint::key(text) {
            Ok(found) => found.into_iter().map(note).collect(),
            Err(error) => {
                let span = lint::key_place(text, &error).unwrap_or(0..text.len());
                vec![Note { text: error.to_string(), cite: Some(Cite::new(6376, "3.6.1")), span, fatal: true }]
            }
        }
    }
}

pub(crate) struct Signature;

impl Kind for Signature {
    fn name(&self) -> &'static str {
        "DKIM-Signature"
    }

    fn claims(&self, text: &str) -> bool {
        text.get(..NAME.len()).is_some_and(|front| front.eq_ignore_ascii_case(NAME))
    }

    fn lint(&self, text: &str) -> Vec<Note> {
        let body = text.get(NAME.len()..).unwrap_or_default();
        let body = body.trim_end_matches(['\r', '\n']);
        match lint::signature(body) {
            Ok(found) => found.into_iter().map(note).map(below_name).collect(),
            Err(error) => {
                let span = lint::signature_place(body, &error).unwrap_or(0..body.len());
                let note = Note { text: error.to_string(), cite: Some(Cite::new(6376, "3.5")), span, fatal: true };
                vec![below_name(note)]
            }
        }
    }
}

const NAME: &str = "DKIM-Signature:";

fn below_name(note: Note) -> Note {
    Note { span: note.span.start + NAME.len()..note.span.end + NAME.len(), ..note }
}

fn note(lint: Lint) -> Note {
    Note { text: lint.rule.to_string(), cite: Some(lint.rule.cite()), span: lint.span, fatal: false }
}
