//! Explanations: typed first, prose last. An outline is what an outcome's trail looks like to a reader.

use std::fmt::{self, Write};

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

/// One line of an explanation, the rule behind it, and what led to it.
///
/// Lines are escaped when they are made: no control character of a stranger gets in.
///
/// ```
/// use gatepost_results::Outline;
/// let outline = Outline::new("spf=fail").child(Outline::new("-all matched").cite(7208, "5.1"));
/// assert_eq!(outline.to_string(), "spf=fail\n└─ -all matched  [RFC 7208 §5.1]\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The line.
    pub line: String,
    /// The rule behind it.
    pub cite: Option<Cite>,
    /// What led to it, in order.
    pub children: Vec<Outline>,
}

impl Outline {
    /// A line; control characters in it are escaped.
    pub fn new(line: impl AsRef<str>) -> Self {
        let line = line.as_ref();
        let safe = |c: char| !c.is_control() && (c.is_ascii() || c == '→' || c == '…' || c == '§');
        let line = if line.chars().all(safe) {
            line.to_owned()
        } else {
            let mut out = String::with_capacity(line.len());
            for c in line.chars() {
                if safe(c) { out.push(c) } else { out.extend(c.escape_default()) }
            }
            out
        };
        Outline { line, cite: None, children: Vec::new() }
    }

    /// Names the rule.
    #[must_use]
    pub fn cite(mut self, rfc: u16, section: &'static str) -> Self {
        self.cite = Some(Cite::new(rfc, section));
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

    /// The tree as JSON: `{"line":…,"cite":…,"children":[…]}`.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    fn write_json(&self, out: &mut String) {
        out.push_str("{\"line\":");
        write_json_string(out, &self.line);
        if let Some(cite) = self.cite {
            out.push_str(",\"cite\":");
            write_json_string(out, &cite.to_string());
        }
        out.push_str(",\"children\":[");
        for (index, child) in self.children.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            child.write_json(out);
        }
        out.push_str("]}");
    }

    fn write_tree(&self, f: &mut fmt::Formatter<'_>, indent: &str) -> fmt::Result {
        for (index, child) in self.children.iter().enumerate() {
            let last = index + 1 == self.children.len();
            write!(f, "{indent}{}", if last { "└─ " } else { "├─ " })?;
            child.write_line(f)?;
            child.write_tree(f, &format!("{indent}{}", if last { "   " } else { "│  " }))?;
        }
        Ok(())
    }

    fn write_line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cite {
            Some(cite) => writeln!(f, "{}  [{cite}]", self.line),
            None => writeln!(f, "{}", self.line),
        }
    }
}

fn write_json_string(out: &mut String, text: &str) {
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

impl fmt::Display for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_line(f)?;
        self.write_tree(f, "")
    }
}
