//! What the documents say of the code is so: links lead somewhere, named tests exist, programs and limits are listed.
//!
//! `UPDATE_DOCS=1 cargo test -p gatepost-examples --test documents` writes `docs/limits.md` anew.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // a test may

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

mod tree;
use tree::{root, texts};

/// All documents: the README, those in `docs/`, and the crates' pages.
fn documents() -> Vec<(PathBuf, String)> {
    let mut found: Vec<(PathBuf, String)> = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
        .iter()
        .map(|name| (root().join(name), std::fs::read_to_string(root().join(name)).unwrap()))
        .collect();
    found.extend(texts(&root().join("docs"), "md"));
    found.extend(texts(&root().join("crates"), "md"));
    found
}

/// The targets of `[text](target)` outside of code.
fn links(text: &str) -> Vec<String> {
    let prose: Vec<&str> = text.split("```").step_by(2).collect();
    let mut found = Vec::new();
    for part in prose.join("\n").split("](").skip(1) {
        found.push(part.split(')').next().unwrap().to_owned());
    }
    found
}

#[test]
fn links_lead_to_files() {
    let mut broken = Vec::new();
    for (path, text) in documents() {
        for link in links(&text) {
            let file = link.split('#').next().unwrap();
            if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            if !path.parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Decisions are listed by `.ci/book.py`, which CI asks whether they are all there.
#[test]
fn the_book_has_every_page() {
    let docs = root().join("docs");
    let decision = |page: &String| page.starts_with("decisions/0");
    let listed = links(&std::fs::read_to_string(docs.join("SUMMARY.md")).unwrap());
    let page = |path: &PathBuf| unix(path.strip_prefix(&docs).unwrap());
    let pages: BTreeSet<String> = texts(&docs, "md").iter().map(|(path, _)| page(path)).collect();
    let mut expected: Vec<String> = pages.into_iter().filter(|page| !decision(page) && page != "SUMMARY.md").collect();
    let mut found: Vec<String> = listed.into_iter().filter(|page| !decision(page)).collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected, "docs/SUMMARY.md lists the pages of docs/, each once");
}

/// `` `path/to/file.rs::name` `` in a document names a test.
fn named_tests(text: &str) -> Vec<(String, String)> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| code.split_once("::"))
        .filter(|(file, _)| file.ends_with(".rs") || file.ends_with(".py"))
        .map(|(file, name)| (file.to_owned(), name.to_owned()))
        .collect()
}

#[test]
fn named_tests_exist() {
    let mut missing = Vec::new();
    for (path, text) in documents() {
        for (file, name) in named_tests(&text) {
            let source = std::fs::read_to_string(root().join(&file)).unwrap_or_default();
            if ![format!("fn {name}("), format!("def {name}(")].iter().any(|item| source.contains(item)) {
                missing.push(format!("{}: {file}::{name}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn the_readme_lists_the_programs() {
    let manifest = std::fs::read_to_string(root().join("examples/Cargo.toml")).unwrap();
    let programs: BTreeSet<&str> =
        manifest.split("[[example]]\nname = \"").skip(1).map(|part| part.split('"').next().unwrap()).collect();
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let table = readme.split("| program |").nth(1).unwrap().split("\n\n").next().unwrap();
    let listed: BTreeSet<&str> =
        table.lines().filter_map(|line| line.strip_prefix("| `")).map(|row| row.split('`').next().unwrap()).collect();
    assert_eq!(programs, listed);
}

#[test]
fn the_readme_lists_the_crates() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let table = readme.split("## Which crate").nth(1).unwrap().split("\n\n![").next().unwrap();
    let mut missing = Vec::new();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if !manifest.contains("publish = false") && !table.contains(&format!("](crates/{name})")) {
            missing.push(name);
        }
    }
    assert!(missing.is_empty(), "README.md, \"Which crate\" lacks {}", missing.join(", "));
}

/// `| crate::Limits::field | what it bounds |` of every public field of a struct of limits.
fn limits() -> String {
    let mut out = String::from(
        "# Limits\n\nEvery loop over data that a peer controls is bounded by a field of a `Limits` struct. This page is made from their \
         documentation\nby `UPDATE_DOCS=1 cargo test -p gatepost-examples --test documents`, and a test fails when it is behind.\n",
    );
    for (path, text) in texts(&root().join("crates"), "rs") {
        let relative = path.strip_prefix(root().join("crates")).unwrap();
        let name = relative.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        for part in text.split("\npub struct ").skip(1) {
            let Some((head, rest)) = part.split_once(" {\n") else { continue };
            if head.contains(['(', ';', '\n']) || !head.ends_with("Limits") {
                continue;
            }
            write!(
                out,
                "\n## `{}` of `{name}` ([source](../crates/{}))\n\n| field | bounds |\n|---|---|\n",
                head,
                unix(relative)
            )
            .unwrap();
            rows(rest.split("\n}").next().unwrap(), &mut out);
        }
    }
    out
}

fn unix(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn rows(body: &str, out: &mut String) {
    let mut doc = Vec::new();
    for line in body.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            doc.push(text.trim());
        } else if let Some((field, _)) = line.strip_prefix("pub ").and_then(|field| field.split_once(':')) {
            let text = doc.join(" ").replace('|', "\\|");
            writeln!(out, "| `{field}` | {} |", text.replace("[`", "`").replace("`]", "`")).unwrap();
            doc.clear();
        }
    }
}

#[test]
fn limits_are_listed() {
    let (path, expected) = (root().join("docs/limits.md"), limits());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let listed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        listed == expected,
        "docs/limits.md is behind: UPDATE_DOCS=1 cargo test -p gatepost-examples --test documents"
    );
}

/// Each crate that is published brings both licences and its page: a package holds what lies in the crate's folder, so long as
/// the manifest chooses nothing.
#[test]
fn packages_hold_their_licences() {
    let mut published = 0;
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        if manifest.contains("publish = false") {
            continue;
        }
        published += 1;
        for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
            let (ours, theirs) = (std::fs::read(root().join(licence)), std::fs::read(folder.join(licence)));
            assert!(theirs.is_ok_and(|text| text == ours.unwrap()), "{} lacks {licence}", folder.display());
        }
        assert!(folder.join("README.md").is_file(), "{} lacks README.md", folder.display());
        let chooses = manifest.lines().any(|line| line.starts_with("include") || line.starts_with("exclude"));
        assert!(!chooses, "{}: what is packed is the whole folder", folder.display());
    }
    assert!(published > 10, "{published} crates");
}
