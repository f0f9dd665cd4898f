#![forbid(unsafe_code)]
#![allow(clippy::panic, clippy::print_stdout)] // for tests only
//! Where the tests find the conformance suites: data outside this repository, in the folder that `GATEPOST_CONFORMANCE`
//! names, `../shared/conformance` beside the project's by default.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder of the suites. Without it a test says so in one line and ends; with `GATEPOST_REQUIRE_CONFORMANCE` set, as
/// `.ci/run` does, it fails.
pub fn folder() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance");
    let folder = std::env::var_os("GATEPOST_CONFORMANCE").map_or_else(|| PathBuf::from(default), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("GATEPOST_REQUIRE_CONFORMANCE").is_none(), "{} is missing", folder.display());
    println!("conformance suites not run: {} missing", folder.display());
    None
}

/// A file of the suites; nothing without the folder.
pub fn text(file: impl AsRef<Path>) -> Option<String> {
    let path = folder()?.join(file);
    Some(std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// The cases of a file of JSON lines; none without the folder.
pub fn cases(file: impl AsRef<Path>) -> Vec<Value> {
    let text = text(file).unwrap_or_default();
    let case = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
    text.lines().map(case).collect()
}
