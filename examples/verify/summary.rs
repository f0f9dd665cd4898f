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

/// How often each method said what.
#[derive(Default)]
pub(crate) struct Summary {
    methods: BTreeMap<&'static str, BTreeMap<&'static str, usize>>,
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
        let words = [
            ("spf", judgement.spf.verdict.word()),
            ("dkim", judgement.dkim.word()),
            ("arc", judgement.arc.word()),
            ("dmarc", judgement.dmarc.verdict.word()),
        ];
        for (method, word) in words {
            *self.methods.entry(method).or_default().entry(word).or_default() += 1;
        }
        let explanation = judgement.explain();
        Row { name, word: judgement.dmarc.verdict.word(), line: explanation.line(), explanation: Some(explanation) }
    }

    /// Method → result → how often.
    pub(crate) fn methods(&self) -> &BTreeMap<&'static str, BTreeMap<&'static str, usize>> {
        &self.methods
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (method, words) in &self.methods {
            let words: Vec<String> = words.iter().map(|(word, count)| format!("{word} {count}")).collect();
            writeln!(f, "{method:<6} {}", words.join(", "))?;
        }
        match self.malformed {
            0 => Ok(()),
            count => writeln!(f, "{count} could not be judged"),
        }
    }
}
