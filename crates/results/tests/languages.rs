//! No error of the protocol crates lacks its Japanese.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

use std::path::Path;

use gatepost_results::{Lang, Text};

/// The sentences of `#[error("…")]` in a crate, with numbers for what is put into them.
fn sentences(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sentences(&path, found);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for part in text.split("#[error(\"").skip(1) {
            let Some((sentence, _)) = part.split_once('"') else { continue };
            let mut out = String::new();
            for (index, piece) in sentence.split('{').enumerate() {
                out += if index > 0 { "7" } else { "" };
                out += if index > 0 { piece.split_once('}').map_or("", |(_, behind)| behind) } else { piece };
            }
            found.push(out);
        }
    }
}

#[test]
fn errors_are_told_in_japanese() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = Vec::new();
    for name in ["syntax", "results", "dns", "spf", "dkim", "dmarc", "arc"] {
        sentences(&crates.join(name).join("src"), &mut found);
    }
    assert!(found.len() > 50);
    let unknown: Vec<&String> = found
        .iter()
        .filter(|text| text.contains(char::is_alphabetic) && Text::reason(text).render(Lang::Ja).is_ascii())
        .collect();
    assert!(unknown.is_empty(), "add these to REASONS in crates/results/src/phrase/ja.rs: {unknown:#?}");
}
