//! What there is to say, for readers and for programs.

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;

use gatepost_dns::{Name, Resolver};
use gatepost_results::{Cite, Excerpt};
use gatepost_syntax::escape;
use serde_json::{Value, json};

/// A kind of record.
pub(crate) trait Kind {
    /// `SPF`
    fn name(&self) -> &'static str;

    /// Whether a text means to be of this kind: a broken one, too, so that its author is told what is wrong.
    fn claims(&self, text: &str) -> bool;

    /// Advice on a record alone.
    fn lint(&self, text: &str) -> Vec<Note>;

    /// Advice on a record where it stands, and on the records that it leads to.
    fn follow<'a>(&'a self, _dns: &'a dyn Resolver, name: &'a Name, text: &'a str) -> Following<'a> {
        let page = Page::new(Some(name), text, self.lint(text));
        Box::pin(std::future::ready(Report::of(page)))
    }
}

/// What [`Kind::follow`] returns.
pub(crate) type Following<'a> = Pin<Box<dyn Future<Output = Report> + 'a>>;

/// One thing to say of some octets of a record.
pub(crate) struct Note {
    pub(crate) span: Range<usize>,
    pub(crate) text: String,
    pub(crate) cite: Option<Cite>,
    /// Whether the record is none because of it.
    pub(crate) fatal: bool,
}

/// A record with its notes.
pub(crate) struct Page {
    owner: Option<Name>,
    text: String,
    notes: Vec<Note>,
}

impl Page {
    pub(crate) fn new(owner: Option<&Name>, text: impl Into<String>, notes: Vec<Note>) -> Self {
        Page { owner: owner.cloned(), text: text.into(), notes }
    }
}

/// Records and what they come to.
#[derive(Default)]
pub(crate) struct Report {
    pages: Vec<Page>,
    /// Lines about all of them.
    summary: Vec<String>,
}

impl Report {
    pub(crate) fn of(page: Page) -> Self {
        Report { pages: vec![page], summary: Vec::new() }
    }

    pub(crate) fn add(&mut self, other: Report) {
        self.pages.extend(other.pages);
        self.summary.extend(other.summary);
    }

    /// Adds a line about all records.
    pub(crate) fn say(&mut self, line: impl Into<String>) {
        self.summary.push(line.into());
    }

    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        let notes = || self.pages.iter().flat_map(|page| &page.notes);
        match notes().any(|note| note.fatal) {
            true => 2,
            false => u8::from(notes().next().is_some()),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let note = |note: &Note| {
            let cite = note.cite.map(|cite| cite.to_string());
            json!({"span": [note.span.start, note.span.end], "advice": note.text, "cite": cite, "fatal": note.fatal})
        };
        let page = |page: &Page| {
            let notes: Vec<Value> = page.notes.iter().map(note).collect();
            json!({"name": page.owner.as_ref().map(Name::as_str), "record": page.text, "lint": notes})
        };
        json!({"records": self.pages.iter().map(page).collect::<Vec<_>>(), "summary": self.summary})
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pages.iter().try_for_each(|page| write!(f, "{page}"))?;
        if self.status() == 0 {
            writeln!(f, "nothing to say")?;
        }
        self.summary.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// The record, or the part of it that matters, and under it each note with a line of carets below the octets that it is about.
impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(owner) = &self.owner {
            writeln!(f, "{owner}")?;
        }
        let mut shown = None;
        for Note { span, text, cite, .. } in &self.notes {
            let [record, carets] = Excerpt::new(&self.text, span.clone()).lines();
            // of a short record every excerpt is the same
            if shown.as_ref() != Some(&record) {
                writeln!(f, "  {record}")?;
                shown = Some(record);
            }
            writeln!(f, "  {carets}")?;
            match cite {
                Some(cite) => writeln!(f, "    {text}  [{cite}]")?,
                None => writeln!(f, "    {text}")?,
            }
        }
        match self.notes.as_slice() {
            [] => writeln!(f, "  {}", escape(&self.text)),
            _ => Ok(()),
        }
    }
}
