//! The kinds of records that are known.

use std::future::Future;
use std::pin::Pin;

use gatepost_dns::{Name, Resolver};
use gatepost_results::{Finding, Linted};
use gatepost_spf::Limits;
use gatepost_spf::lint::{Survey, survey};

use crate::report::Report;

/// A kind of record.
pub(crate) trait Kind {
    /// `SPF`
    fn name(&self) -> &'static str;

    /// Whether a text means to be of this kind: a broken one, too, so that its author is told what is wrong.
    fn claims(&self, text: &str) -> bool;

    /// Advice on a record alone.
    fn lint(&self, text: &str) -> Vec<Finding>;

    /// Advice on a record where it stands, and on the records that it leads to.
    fn follow<'a>(&'a self, _dns: &'a dyn Resolver, name: &'a Name, text: &'a str) -> Following<'a> {
        let linted = Linted::new(text, self.lint(text)).at(name.as_str());
        Box::pin(std::future::ready(Report::of(linted)))
    }
}

/// What [`Kind::follow`] returns.
pub(crate) type Following<'a> = Pin<Box<dyn Future<Output = Report> + 'a>>;

pub(crate) struct Spf;

impl Kind for Spf {
    fn name(&self) -> &'static str {
        "SPF"
    }

    fn claims(&self, text: &str) -> bool {
        begins(text.trim_start(), "v=spf")
    }

    fn lint(&self, text: &str) -> Vec<Finding> {
        Finding::all(text, gatepost_spf::lint::lint(text))
    }

    fn follow<'a>(&'a self, dns: &'a dyn Resolver, name: &'a Name, text: &'a str) -> Following<'a> {
        Box::pin(async move { of_survey(survey(dns, name, text, &Limits::default()).await) })
    }
}

pub(crate) struct Dmarc;

impl Kind for Dmarc {
    fn name(&self) -> &'static str {
        "DMARC"
    }

    fn claims(&self, text: &str) -> bool {
        begins(text.trim_start(), "v=dmarc")
    }

    fn lint(&self, text: &str) -> Vec<Finding> {
        Finding::all(text, gatepost_dmarc::lint::lint(text))
    }
}

pub(crate) struct DkimKey;

impl Kind for DkimKey {
    fn name(&self) -> &'static str {
        "DKIM key"
    }

    /// `v=` is optional, and `p=` is in every key.
    fn claims(&self, text: &str) -> bool {
        let mut names = text.split(';').map(|tag| tag.split('=').next().unwrap_or_default().trim());
        text.trim_start().starts_with("v=DKIM1")
            || (!text.trim_start().starts_with("v=") && names.any(|name| name == "p"))
    }

    fn lint(&self, text: &str) -> Vec<Finding> {
        Finding::all(text, gatepost_dkim::lint::key(text))
    }
}

pub(crate) struct DkimSignature;

impl Kind for DkimSignature {
    fn name(&self) -> &'static str {
        "DKIM-Signature"
    }

    fn claims(&self, text: &str) -> bool {
        begins(text, FIELD)
    }

    fn lint(&self, text: &str) -> Vec<Finding> {
        let body = text.get(FIELD.len()..).unwrap_or_default().trim_end_matches(['\r', '\n']);
        let found = Finding::all(body, gatepost_dkim::lint::signature(body));
        found.into_iter().map(|finding| finding.behind(FIELD.len())).collect()
    }
}

/// What stands before the body of the field.
const FIELD: &str = "DKIM-Signature:";

fn begins(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|front| front.eq_ignore_ascii_case(word))
}

fn of_survey(survey: Survey) -> Report {
    let (records, terms) = (survey.pages.len(), Limits::default().terms);
    let mut report = Report::default();
    for page in survey.pages {
        let error = page.error.map(|error| Finding::defect(&error, &page.text));
        let findings = error.into_iter().chain(page.lints.into_iter().map(Finding::from)).collect();
        report.add(Report::of(Linted::new(page.text, findings).at(page.domain.as_str())));
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
