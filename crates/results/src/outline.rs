//! Explanations: typed first, prose last. An outline is what an outcome's trail looks like to a reader.

use std::fmt;
use std::ops::Range;

use crate::excerpt::Excerpt;
use crate::phrase::Phrase;
use crate::text::{Lang, Text, push_json};

/// A section of an RFC, `RFC 7208 §4.6.4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cite {
    /// The number of the RFC.
    pub rfc: u16,
    /// The section without its sign, `4.6.4`.
    pub section: &'static str,
}

impl Cite {
    /// A citation.
    pub const fn new(rfc: u16, section: &'static str) -> Self {
        Cite { rfc, section }
    }
}

impl fmt::Display for Cite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RFC {} §{}", self.rfc, self.section)
    }
}

/// Something that can say why it is as it is.
pub trait Explain {
    /// The explanation as a tree.
    fn explain(&self) -> Outline;
}

/// One line of an explanation, the rule behind it, and what led to it. It is put into words when it is shown, in any
/// [`Lang`]; displayed it is English.
///
/// ```
/// use gatepost_results::{Lang, Outline, Phrase};
/// let outline = Outline::new("spf=fail").child(Outline::from(Phrase::TermMatches.with(["-all"])).cite(7208, "5.1"));
/// assert_eq!(outline.to_string(), "spf=fail\n└─ -all matches  [RFC 7208 §5.1]\n");
/// assert_eq!(outline.told(Lang::Ja).to_string(), "spf=fail\n└─ -all に一致しました  [RFC 7208 §5.1]\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    text: Text,
    cite: Option<Cite>,
    excerpt: Option<Excerpt>,
    children: Vec<Outline>,
}

impl From<Text> for Outline {
    fn from(text: Text) -> Self {
        Outline { text, cite: None, excerpt: None, children: Vec::new() }
    }
}

impl From<Phrase> for Outline {
    fn from(phrase: Phrase) -> Self {
        Text::from(phrase).into()
    }
}

impl Outline {
    /// A line that is the same in every language; control characters in it are escaped.
    pub fn new(fact: impl AsRef<str>) -> Self {
        Text::fact(fact).into()
    }

    /// A line that says why, in the words of an error.
    pub fn reason(error: impl ToString) -> Self {
        Text::reason(error).into()
    }

    /// Names the rule.
    #[must_use]
    pub fn cite(mut self, rfc: u16, section: &'static str) -> Self {
        self.cite = Some(Cite::new(rfc, section));
        self
    }

    /// Shows the octets of a record that the line is about, where there are any.
    #[must_use]
    pub fn excerpt(mut self, excerpt: impl Into<Option<Excerpt>>) -> Self {
        self.excerpt = excerpt.into();
        self
    }

    /// Adds what led to it.
    #[must_use]
    pub fn child(mut self, child: Outline) -> Self {
        self.children.push(child);
        self
    }

    /// Adds all that led to it.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = Outline>) -> Self {
        self.children.extend(children);
        self
    }

    /// What led to it, in order.
    pub fn branches(&self) -> &[Outline] {
        &self.children
    }

    /// The line itself in English.
    pub fn line(&self) -> String {
        self.text.render(Lang::En)
    }

    /// The tree in a language, as indented text.
    pub fn told(&self, lang: Lang) -> impl fmt::Display {
        Told { outline: self, lang }
    }

    /// The tree as JSON: `{"line":…,"cite":…,"record":…,"span":[…],"children":[…]}`.
    pub fn to_json(&self, lang: Lang) -> String {
        let mut out = String::new();
        self.push_json(&mut out, lang);
        out
    }

    fn push_json(&self, out: &mut String, lang: Lang) {
        out.push_str("{\"line\":");
        push_json(out, &self.text.render(lang));
        if let Some(cite) = self.cite {
            out.push_str(",\"cite\":");
            push_json(out, &cite.to_string());
        }
        if let Some(excerpt) = &self.excerpt {
            out.push_str(",\"record\":");
            push_json(out, &excerpt.record());
            let Range { start, end } = excerpt.span();
            out.push_str(&format!(",\"span\":[{start},{end}]"));
        }
        out.push_str(",\"children\":[");
        for (index, child) in self.children.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            child.push_json(out, lang);
        }
        out.push_str("]}");
    }
}

impl fmt::Display for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.told(Lang::En).fmt(f)
    }
}

struct Told<'a> {
    outline: &'a Outline,
    lang: Lang,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line(f, self.outline, "")?;
        self.tree(f, self.outline, "")
    }
}

impl Told<'_> {
    fn tree(&self, f: &mut fmt::Formatter<'_>, outline: &Outline, indent: &str) -> fmt::Result {
        for (index, child) in outline.children.iter().enumerate() {
            let (branch, below) =
                if index + 1 == outline.children.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let below = format!("{indent}{below}");
            write!(f, "{indent}{branch}")?;
            self.line(f, child, &below)?;
            self.tree(f, child, &below)?;
        }
        Ok(())
    }

    fn line(&self, f: &mut fmt::Formatter<'_>, outline: &Outline, below: &str) -> fmt::Result {
        f.write_str(&outline.text.render(self.lang))?;
        match outline.cite {
            Some(cite) => writeln!(f, "  [{cite}]")?,
            None => writeln!(f)?,
        }
        match &outline.excerpt {
            Some(excerpt) => excerpt.lines().iter().try_for_each(|line| writeln!(f, "{below}  {line}")),
            None => Ok(()),
        }
    }
}
