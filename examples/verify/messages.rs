//! Messages in files, folders and mboxes.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gatepost_examples::source::read;

/// A message that was found.
pub(crate) struct Found {
    /// Its file, and its number where the file is an mbox.
    pub(crate) name: String,
    place: Place,
}

enum Place {
    File(PathBuf),
    /// A part of what was read once for all its messages: an mbox, or a pipe.
    Part(Arc<[u8]>, Range<usize>),
}

/// All messages of files, mboxes, and folders with what is below them, in the order of their names.
pub(crate) fn find(paths: &[PathBuf]) -> Result<Vec<Found>, String> {
    let mut found = Vec::new();
    for path in paths {
        add(path, &mut found)?;
    }
    Ok(found)
}

fn add(path: &Path, found: &mut Vec<Found>) -> Result<(), String> {
    let place = |error: std::io::Error| format!("{}: {error}", path.display());
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(place)?.collect::<Result<Vec<_>, _>>().map_err(place)?;
        let mut below: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
        below.sort();
        let hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        return below.iter().filter(|path| !hidden(path)).try_for_each(|path| add(path, found));
    }
    if path.metadata().map_err(place)?.is_file() {
        return add_file(path, found);
    }
    // what comes by a pipe can be read once only
    let octets: Arc<[u8]> = read(path)?.into();
    match octets.starts_with(b"From ") {
        true => add_mbox(path, octets, found),
        false => {
            let all = 0..octets.len();
            found.push(Found { name: path.display().to_string(), place: Place::Part(octets, all) });
        }
    }
    Ok(())
}

/// A message, or an mbox, by its first line. A message is not read before its turn.
fn add_file(path: &Path, found: &mut Vec<Found>) -> Result<(), String> {
    let place = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut begin = Vec::new();
    File::open(path).and_then(|file| file.take(5).read_to_end(&mut begin)).map_err(place)?;
    if begin != b"From " {
        found.push(Found { name: path.display().to_string(), place: Place::File(path.to_owned()) });
        return Ok(());
    }
    add_mbox(path, read(path)?.into(), found);
    Ok(())
}

fn add_mbox(path: &Path, octets: Arc<[u8]>, found: &mut Vec<Found>) {
    for (index, part) in mbox(&octets).into_iter().enumerate() {
        let name = format!("{}:{}", path.display(), index + 1);
        found.push(Found { name, place: Place::Part(Arc::clone(&octets), part) });
    }
}

/// Where the messages of an mbox are: behind each line that begins with `From ` at the start or after an empty line.
fn mbox(octets: &[u8]) -> Vec<Range<usize>> {
    let (mut parts, mut begin, mut at, mut empty) = (Vec::new(), None, 0, true);
    for line in octets.split_inclusive(|&octet| octet == b'\n') {
        if empty && line.starts_with(b"From ") {
            parts.extend(begin.map(|begin| begin..at));
            begin = Some(at + line.len());
        }
        empty = matches!(line, b"\n" | b"\r\n");
        at += line.len();
    }
    parts.extend(begin.map(|begin| begin..at));
    parts
}

impl Found {
    /// The message with CRLF line ends. Programs that keep mail often change them to LF, and mboxes quote lines that begin with
    /// `From `: both are undone, since signatures cover what was sent.
    pub(crate) fn octets(&self) -> Result<Vec<u8>, String> {
        let (octets, part) = match &self.place {
            Place::File(path) => {
                let octets = read(path)?;
                return Ok(if contains_crlf(&octets) { octets } else { lines(&octets, |line| line) });
            }
            Place::Part(octets, part) => (octets, part),
        };
        let message = octets.get(part.clone()).unwrap_or_default();
        // the empty line before the next `From ` is the mbox's
        let extra = if message.ends_with(b"\r\n\r\n") { 2 } else { usize::from(message.ends_with(b"\n\n")) };
        let message = message.get(..message.len() - extra).unwrap_or_default();
        Ok(lines(message, unquoted))
    }
}

fn contains_crlf(octets: &[u8]) -> bool {
    octets.windows(2).any(|pair| pair == b"\r\n")
}

/// `>From ` in an mbox was `From ` (mboxrd).
fn unquoted(line: &[u8]) -> &[u8] {
    let quotes = line.iter().take_while(|&&octet| octet == b'>').count();
    let is_quoted = quotes > 0 && line.get(quotes..).is_some_and(|rest| rest.starts_with(b"From "));
    if is_quoted { line.get(1..).unwrap_or_default() } else { line }
}

fn lines(octets: &[u8], change: impl Fn(&[u8]) -> &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() + octets.len() / 32);
    for line in octets.split_inclusive(|&octet| octet == b'\n') {
        let whole = line.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        out.extend_from_slice(change(whole.unwrap_or(line)));
        if whole.is_some() {
            out.extend_from_slice(b"\r\n");
        }
    }
    out
}
