//! Text that is said in a language only when it is shown.

use std::fmt::Write;

use crate::phrase::{Phrase, en, ja};

/// A language that explanations are told in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Japanese.
    Ja,
}

impl Lang {
    /// All languages.
    pub const ALL: [Lang; 2] = [Lang::En, Lang::Ja];

    /// The tag of the language, `ja` (RFC 5646).
    pub fn tag(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Ja => "ja",
        }
    }

    /// The language of a tag such as `ja` or `ja_JP.UTF-8`.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_', '.']).next().unwrap_or_default();
        Lang::ALL.into_iter().find(|lang| lang.tag().eq_ignore_ascii_case(primary))
    }
}

/// A piece of an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// What is the same in every language: a name, a record, a result. Escaped.
    Fact(String),
    /// A sentence of the catalogue, and what is put into it.
    Said(Phrase, Vec<Text>),
    /// What an error says of itself, in English; the catalogues of other languages know these sentences. Escaped.
    Reason(String),
}

impl Text {
    /// A fact; what a stranger wrote becomes printable ASCII.
    pub fn fact(text: impl AsRef<str>) -> Self {
        Text::Fact(printable(text.as_ref()))
    }

    /// What an error says.
    pub fn reason(error: impl ToString) -> Self {
        Text::Reason(printable(&error.to_string()))
    }

    /// The text in a language.
    pub fn render(&self, lang: Lang) -> String {
        match (self, lang) {
            (Text::Fact(text), _) | (Text::Reason(text), Lang::En) => text.clone(),
            (Text::Reason(text), Lang::Ja) => ja::reason(text).unwrap_or_else(|| text.clone()),
            (Text::Said(phrase, values), lang) => {
                let template = match lang {
                    Lang::En => en::template(*phrase),
                    Lang::Ja => ja::template(*phrase),
                };
                let values: Vec<String> = values.iter().map(|value| value.render(lang)).collect();
                fill(template, &values)
            }
        }
    }
}

/// A phrase with nothing to put into it.
impl From<Phrase> for Text {
    fn from(phrase: Phrase) -> Self {
        Text::Said(phrase, Vec::new())
    }
}

impl Phrase {
    /// The phrase with facts put into it.
    pub fn with<const N: usize>(self, facts: [&str; N]) -> Text {
        Text::Said(self, facts.into_iter().map(Text::fact).collect())
    }

    /// The phrase with texts put into it.
    pub fn of<const N: usize>(self, texts: [Text; N]) -> Text {
        Text::Said(self, texts.into())
    }
}

/// Puts values into the places `{0}`, `{1}` … of a template.
pub(crate) fn fill(template: &str, values: &[String]) -> String {
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('{') {
        out.push_str(before);
        let (place, after) = behind.split_once('}').unwrap_or((behind, ""));
        let value = place.parse().ok().and_then(|place: usize| values.get(place));
        out.push_str(value.map_or("?", String::as_str));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Control characters and what is not ASCII become escapes: no terminal sequence, line break or direction mark survives.
fn printable(text: &str) -> String {
    let safe = |c: char| matches!(c, ' '..='~' | '→');
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if safe(c) { out.push(c) } else { out.extend(c.escape_default()) }
    }
    out
}

/// Writes a JSON string.
pub(crate) fn push_json(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            // writing to a String can not fail
            c if c.is_control() => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}
