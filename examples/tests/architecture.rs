//! The arrows of `docs/architecture.md` are the arrows of `cargo metadata`, and the walls stand.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // a test may

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

mod tree;
use tree::{root, texts};

/// Crate → (our crates, foreign packages) that it depends on, development aside.
type Rows = BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>;

fn from_cargo() -> Rows {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let published = |package: &&serde_json::Value| !package["publish"].is_array();
    metadata["packages"].as_array().unwrap().iter().filter(published).map(row).collect()
}

fn row(package: &serde_json::Value) -> (String, (BTreeSet<String>, BTreeSet<String>)) {
    let (mut ours, mut foreign) = (BTreeSet::new(), BTreeSet::new());
    for dependency in package["dependencies"].as_array().unwrap() {
        let name = dependency["name"].as_str().unwrap();
        match name.strip_prefix("gatepost-") {
            _ if !dependency["kind"].is_null() => continue,
            Some(short) => ours.insert(short.to_owned()),
            None => foreign.insert(name.to_owned()),
        };
    }
    let name = package["name"].as_str().unwrap();
    (name.strip_prefix("gatepost-").unwrap_or(name).to_owned(), (ours, foreign))
}

fn from_document() -> Rows {
    let text = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let list = |cell: &str| -> BTreeSet<String> {
        cell.split_whitespace().filter(|word| *word != "–").map(str::to_owned).collect()
    };
    let section = text.split("## Crates and arrows").nth(1).unwrap().split("```").next().unwrap();
    section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            (cells[1].trim_matches('`').to_owned(), (list(cells[2]), list(cells[3])))
        })
        .collect()
}

#[test]
fn document_and_manifests_show_the_same_arrows() {
    let (cargo, document) = (from_cargo(), from_document());
    let cell = |set: &BTreeSet<String>| match set.is_empty() {
        true => "–".to_owned(),
        false => set.iter().cloned().collect::<Vec<_>>().join(" "),
    };
    let expected: Vec<String> = cargo
        .iter()
        .map(|(name, (ours, foreign))| format!("| `{name}` | {} | {} |", cell(ours), cell(foreign)))
        .collect();
    assert_eq!(cargo, document, "docs/architecture.md should say:\n{}\n", expected.join("\n"));
}

#[test]
fn walls_stand() {
    let rows = from_cargo();
    let policies = ["spf", "dkim", "dmarc"];
    for policy in policies {
        for other in policies {
            assert!(!rows[policy].0.contains(other), "{policy} must not depend on {other}");
        }
    }
    for policy in ["spf", "dkim", "dmarc"] {
        assert!(!rows[policy].0.contains("arc"), "{policy} must not depend on arc");
    }
    for wire in ["pop3", "sasl", "smtp", "wire"] {
        for wall in ["dns", "spf", "dkim", "dmarc", "arc", "resolver"] {
            assert!(!rows[wire].0.contains(wall), "{wire} must not depend on {wall}");
        }
    }
    for (name, (_, foreign)) in &rows {
        let rooms = [
            ("tokio", vec!["gatepost"]),
            ("rustls", vec!["gatepost"]),
            ("hickory-proto", vec!["resolver"]),
            ("hickory-resolver", vec!["resolver"]),
        ];
        for (package, rooms) in rooms {
            assert!(!foreign.contains(package) || rooms.contains(&name.as_str()), "{name} names {package}");
        }
    }
}

#[test]
fn only_crypto_files_name_ring_and_protocol_crates_do_no_io() {
    let forbidden = ["std::net::Tcp", "std::fs", "SystemTime::now", "Instant::now", "thread::spawn", "tracing::"];
    for name in from_cargo().into_keys().filter(|name| !["gatepost", "queue", "resolver"].contains(&name.as_str())) {
        for (path, text) in texts(&root().join("crates").join(&name).join("src"), "rs") {
            let code: Vec<&str> = text
                .split("#[cfg(test)]")
                .take(1)
                .flat_map(str::lines)
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect();
            let code = code.join("\n");
            let names_ring = code.contains("ring::") && code.replace("String::", "").contains("ring::");
            assert!(path.ends_with("crypto.rs") || !names_ring, "{} names ring", path.display());
            for word in forbidden {
                assert!(!code.contains(word), "{} has {word}", path.display());
            }
        }
    }
}
