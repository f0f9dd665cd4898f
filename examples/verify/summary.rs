//! What came of many messages.

use std::collections::BTreeMap;
use std::fmt;

use gatepost::Inbound;
use gatepost_results::{Explain, Outline};

/// One message.
pub(crate) struct Row {
    pub(crate) name: String,
    /// The DMARC result, or `malformed`.
    pub(crate) word: &'static str,
    /// All results in a line, or why there are none.
    pub(crate) line: String,
    pub(crate) explanation: Option<Outline>,
}

/// The methods in the order of the results.
const METHODS: [&str; 4] = ["spf", "dkim", "arc", "dmarc"];

/// How often each method said what.
#[derive(Default)]
pub(crate) struct Summary {
    methods: [BTreeMap<&'static str, usize>; METHODS.len()],
    malformed: usize,
}

impl Summary {
    /// Counts a message.
    pub(crate) fn add(&mut self, name: &str, judged: Result<&Inbound, String>) -> Row {
        let name = name.to_owned();
        let judgement = match judged {
            Ok(judgement) => judgement,
            Err(reason) => {
                self.malformed += 1;
                return Row { name, word: "malformed", line: reason, explanation: None };
            }
        };
        let words =
            [judgement.spf.verdict.word(), judgement.dkim.word(), judgement.arc.word(), judgement.dmarc.verdict.word()];
        for (counts, word) in self.methods.iter_mut().zip(words) {
            *counts.entry(word).or_default() += 1;
        }
        let explanation = judgement.explain();
        Row { name, word: judgement.dmarc.verdict.word(), line: explanation.line(), explanation: Some(explanation) }
    }

    /// Each method, and how often it had each result.
    pub(crate) fn methods(&self) -> impl Iterator<Item = (&'static str, &BTreeMap<&'static str, usize>)> {
        METHODS.into_iter().zip(&self.methods).filter(|(_, counts)| !counts.is_empty())
    }

    /// How many messages could not be judged.
    pub(crate) fn malformed(&self) -> usize {
        self.malformed
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (method, words) in self.methods() {
            let words: Vec<String> = words.iter().map(|(word, count)| format!("{word} {count}")).collect();
            writeln!(f, "{method:<6} {}", words.join(", "))?;
        }
        match self.malformed {
            0 => Ok(()),
            count => writeln!(f, "{count} could not be judged"),
        }
    }
}
