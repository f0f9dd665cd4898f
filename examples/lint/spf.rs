//! SPF records.

use gatepost_dns::{Name, Resolver};
use gatepost_results::Cite;
use gatepost_spf::Limits;
use gatepost_spf::lint::{Lint, Survey, lint, survey};
use gatepost_spf::record::RecordError;

use crate::report::{Following, Kind, Note, Page, Report};

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

    fn follow<'a>(&'a self, dns: &'a dyn Resolver, name: &'a Name, text: &'a str) -> Following<'a> {
        Box::pin(async move { report(survey(dns, name, text, &Limits::default()).await) })
    }
}

fn report(survey: Survey) -> Report {
    let (records, terms) = (survey.pages.len(), Limits::default().terms);
    let mut report = Report::default();
    for page in survey.pages {
        let error = page.error.map(|error| fatal(&error, &page.text));
        let notes = error.into_iter().chain(page.lints.into_iter().map(note)).collect();
        report.add(Report::of(Page::new(Some(&page.domain), page.text, notes)));
    }
    let count = if records == 1 { "1 record".to_owned() } else { format!("{records} records") };
    report.say(format!(
        "SPF: {count}, {} of {terms} look-ups, {} addresses by ip4",
        survey.lookups, survey.ip4_addresses
    ));
    if !survey.complete {
        report.say("SPF: there is more than was followed");
    }
    report
}

fn note(lint: Lint) -> Note {
    Note { text: lint.rule.to_string(), cite: Some(lint.rule.cite()), span: lint.span, fatal: false }
}

fn fatal(error: &RecordError, text: &str) -> Note {
    let span = error.at().map_or(0..text.len(), |at| at..at + 1);
    Note { text: error.to_string(), cite: Some(Cite::new(7208, "4.6")), span, fatal: true }
}
