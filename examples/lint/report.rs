//! What there is to say, for readers and for programs.

use gatepost_results::{Finding, Lang, Linted};
use serde_json::json;

/// Records and what they come to.
#[derive(Default)]
pub(crate) struct Report {
    records: Vec<Linted>,
    /// Lines about all of them.
    summary: Vec<String>,
}

impl Report {
    pub(crate) fn of(record: Linted) -> Self {
        Report { records: vec![record], summary: Vec::new() }
    }

    pub(crate) fn add(&mut self, other: Report) {
        self.records.extend(other.records);
        self.summary.extend(other.summary);
    }

    /// Adds a line about all records.
    pub(crate) fn say(&mut self, line: impl Into<String>) {
        self.summary.push(line.into());
    }

    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        let findings = || self.records.iter().flat_map(Linted::findings);
        match findings().any(Finding::is_fatal) {
            true => 2,
            false => u8::from(findings().next().is_some()),
        }
    }

    /// What is said of all, with the end of its last line.
    pub(crate) fn text(&self) -> String {
        let mut out: String = self.records.iter().map(|record| record.told(Lang::En).to_string()).collect();
        let nothing = (self.status() == 0).then_some("nothing to say");
        for line in nothing.into_iter().chain(self.summary.iter().map(String::as_str)) {
            out.push_str(line);
            out.push('\n');
        }
        out
    }

    pub(crate) fn to_json(&self) -> String {
        let records: Vec<String> = self.records.iter().map(|record| record.to_json(Lang::En)).collect();
        format!("{{\"records\":[{}],\"summary\":{}}}", records.join(","), json!(self.summary))
    }
}
