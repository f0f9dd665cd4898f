//! Advice on records, as it is shown. What there is to say, and which section says so, knows the crate of each protocol.

use std::fmt;
use std::ops::Range;

use gatepost_syntax::escape;

use crate::excerpt::Excerpt;
use crate::outline::Cite;
use crate::text::{Lang, Text, push_json};

/// What there is to say of a record: displayed it is the sentence in English.
pub trait Advice: fmt::Display {
    /// Where it is said.
    fn cite(&self) -> Cite;

    /// Whether the record is as none because of it.
    fn is_fatal(&self) -> bool {
        false
    }
}

/// Why a text is no record: displayed it is the sentence in English.
pub trait Defect: fmt::Display {
    /// The section that the text does not keep.
    fn cite(&self) -> Cite;

    /// The octets of the text that it is about, where it is about some in particular.
    fn place(&self, text: &str) -> Option<Range<usize>>;
}

/// One piece of advice by the rules of a protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint<R> {
    /// What is to be said.
    pub rule: R,
    /// Which octets of the record it is about.
    pub span: Range<usize>,
}

/// One thing to say of some octets of a record, whatever protocol it is of: [`Advice`] or a [`Defect`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    text: Text,
    cite: Cite,
    span: Range<usize>,
    fatal: bool,
}

impl<R: Advice> From<Lint<R>> for Finding {
    fn from(lint: Lint<R>) -> Self {
        let Lint { rule, span } = lint;
        Finding { text: Text::reason(&rule), cite: rule.cite(), span, fatal: rule.is_fatal() }
    }
}

impl Finding {
    /// Why a text is no record: at the place of the defect, or at the whole text where it has none.
    pub fn defect(defect: &impl Defect, text: &str) -> Self {
        let span = defect.place(text).unwrap_or(0..text.len());
        Finding { text: Text::reason(defect), cite: defect.cite(), span, fatal: true }
    }

    /// All that a lint found of a text.
    pub fn all<R: Advice>(text: &str, found: Result<Vec<Lint<R>>, impl Defect>) -> Vec<Self> {
        match found {
            Ok(lints) => lints.into_iter().map(Finding::from).collect(),
            Err(defect) => vec![Finding::defect(&defect, text)],
        }
    }

    /// The same of a record that stands behind so many octets of what is shown.
    #[must_use]
    pub fn behind(mut self, octets: usize) -> Self {
        let moved = |at: usize| at.saturating_add(octets);
        self.span = moved(self.span.start)..moved(self.span.end);
        self
    }

    /// Whether the record is as none because of it.
    pub fn is_fatal(&self) -> bool {
        self.fatal
    }

    /// It as JSON: `{"advice":…,"cite":…,"fatal":…,"span":[…]}`.
    pub fn to_json(&self, lang: Lang) -> String {
        let mut out = String::from("{\"advice\":");
        push_json(&mut out, &self.text.render(lang));
        out.push_str(",\"cite\":");
        push_json(&mut out, &self.cite.to_string());
        let Range { start, end } = self.span;
        out.push_str(&format!(",\"fatal\":{},\"span\":[{start},{end}]}}", self.fatal));
        out
    }
}

/// A record with all that there is to say of it.
///
/// ```
/// use gatepost_results::{Advice, Cite, Finding, Lang, Lint, Linted};
/// struct Ptr;
/// impl std::fmt::Display for Ptr {
///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
///         f.write_str("ptr is slow")
///     }
/// }
/// impl Advice for Ptr {
///     fn cite(&self) -> Cite {
///         Cite::new(7208, "5.5")
///     }
/// }
/// let linted = Linted::new("v=spf1 ptr -all", vec![Finding::from(Lint { rule: Ptr, span: 7..10 })]);
/// assert_eq!(
///     linted.told(Lang::En).to_string(),
///     "  v=spf1 ptr -all\n         ^^^\n    ptr is slow  [RFC 7208 §5.5]\n"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linted {
    name: Option<String>,
    record: String,
    findings: Vec<Finding>,
}

impl Linted {
    /// A record, and what was found of it, in the order in which it is shown.
    pub fn new(record: impl Into<String>, findings: Vec<Finding>) -> Self {
        Linted { name: None, record: record.into(), findings }
    }

    /// Tells the name at which the record stands.
    #[must_use]
    pub fn at(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What was found.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The name, the record or the part of it that matters, and under it each finding with a line of carets below the octets
    /// that it is about.
    pub fn told(&self, lang: Lang) -> impl fmt::Display {
        Told { linted: self, lang }
    }

    /// All of it as JSON: `{"lint":[…],"name":…,"record":…}`, each finding as [`Finding::to_json`] has it.
    pub fn to_json(&self, lang: Lang) -> String {
        let findings: Vec<String> = self.findings.iter().map(|finding| finding.to_json(lang)).collect();
        let mut out = format!("{{\"lint\":[{}],\"name\":", findings.join(","));
        match &self.name {
            Some(name) => push_json(&mut out, name),
            None => out.push_str("null"),
        }
        out.push_str(",\"record\":");
        push_json(&mut out, &self.record);
        out.push('}');
        out
    }
}

struct Told<'a> {
    linted: &'a Linted,
    lang: Lang,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Linted { name, record, findings } = self.linted;
        if let Some(name) = name {
            writeln!(f, "{}", escape(name))?;
        }
        if findings.is_empty() {
            return writeln!(f, "  {}", escape(record));
        }
        let mut shown = None;
        for Finding { text, cite, span, .. } in findings {
            let [record, carets] = Excerpt::new(record, span.clone()).lines();
            // of a short record every excerpt is the same
            if shown.as_ref() != Some(&record) {
                writeln!(f, "  {record}")?;
                shown = Some(record);
            }
            writeln!(f, "  {carets}\n    {}  [{cite}]", text.render(self.lang))?;
        }
        Ok(())
    }
}
