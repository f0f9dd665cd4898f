//! One self-contained page about the messages that were judged.

use std::fmt::Write;

use gatepost_results::Lang;

use crate::summary::{Row, Summary};

/// The page. Everything in it is escaped, nothing is fetched.
pub(crate) fn page(summary: &Summary, rows: &[Row], lang: Lang) -> String {
    let mut out = String::from(HEAD);
    let title = if rows.len() == 1 { "1 message".to_owned() } else { format!("{} messages", rows.len()) };
    let judged = match summary.malformed() {
        0 => String::new(),
        count => format!("<p>{count} could not be judged</p>\n"),
    };
    let _ = write!(out, "<h1>{title}</h1>\n{}{judged}<div class=\"list\">\n", chart(summary)); // a String takes all
    for row in rows {
        let open = if rows.len() == 1 { " open" } else { "" };
        let _ = writeln!(
            out,
            "<details{open}><summary><b class=\"{0}\">{0}</b> {1} <span>{2}</span></summary><pre>{3}</pre></details>",
            row.word,
            escape(&row.name),
            escape(&row.line),
            row.explanation.as_ref().map_or_else(String::new, |outline| escape(&outline.told(lang).to_string())),
        );
    }
    out + "</div>\n</html>\n"
}

/// A bar for each result of each method.
fn chart(summary: &Summary) -> String {
    let (wide, high) = (560, 22);
    let mut out = format!(
        "<svg viewBox=\"0 0 700 {}\" width=\"700\" role=\"img\" aria-label=\"results by method\">\n",
        high * summary.methods().count()
    );
    for (line, (method, words)) in summary.methods().enumerate() {
        let (y, all) = (line * high, words.values().sum::<usize>().max(1));
        let _ = writeln!(out, "<text x=\"0\" y=\"{}\">{method}</text>", y + 15);
        let mut x = 0;
        for (word, count) in words {
            let width = (wide * count / all).max(2); // one of many is seen, too
            let _ = writeln!(
                out,
                "<rect class=\"{word}\" x=\"{}\" y=\"{y}\" width=\"{width}\" height=\"{}\"><title>{word}: {count}</title></rect>",
                70 + x,
                high - 4
            );
            if width > 60 {
                let _ = writeln!(out, "<text class=\"in\" x=\"{}\" y=\"{}\">{word} {count}</text>", 76 + x, y + 14);
            }
            x += width;
        }
    }
    out + "</svg>\n"
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

const HEAD: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>verify</title>\n\
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<style>\n\
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1f2a3d}\n\
pre{font:13px/1.45 ui-monospace,monospace;background:#f6f8fb;padding:1rem;overflow-x:auto;border-radius:6px}\n\
summary{cursor:pointer;padding:.25rem 0;border-top:1px solid #e3e8ef}summary span{color:#5b6b86}\n\
svg text{font-size:13px;fill:#1f2a3d}svg text.in{fill:#fff}\n\
b{display:inline-block;min-width:6rem}b.pass{color:#137333}b.fail,b.permerror{color:#b3261e}b.temperror,b.policy,b.softfail{color:#9a6700}\n\
rect{fill:#8894a8}rect.pass{fill:#137333}rect.fail,rect.permerror{fill:#b3261e}rect.temperror,rect.policy,rect.softfail{fill:#9a6700}\n\
</style>\n";
