//! Sizes of messages whose names do not tell them. A hint, not a truth: what it does not know is read again.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::store::crlf::Sizes;

/// The first line of the file; a file of another version is not read.
const HEAD: &str = "gatepost-index 1";

/// Name → octets of the file, octets with CRLF line ends.
#[derive(Default)]
pub(super) struct Index {
    known: HashMap<String, (u64, u64)>,
    /// Of the messages that are there now.
    current: Vec<(String, u64, u64)>,
    changed: bool,
}

impl Index {
    /// What was written; nothing if that is missing or not whole.
    pub(super) fn read(maildir: &Path) -> Self {
        let text = fs::read_to_string(maildir.join("gatepost.index")).unwrap_or_default();
        Index { known: parse(&text).unwrap_or_default(), ..Index::default() }
    }

    /// The size as it is sent, with CRLF line ends. It is known as long as the file's length is what it was.
    pub(super) fn size(&mut self, name: &str, path: &Path) -> io::Result<u64> {
        let length = fs::metadata(path)?.len();
        let size = match self.known.get(name) {
            Some((octets, size)) if *octets == length => *size,
            _ => {
                self.changed = true;
                Sizes::of(File::open(path)?)?.as_sent()
            }
        };
        if !name.contains(char::is_control) {
            self.current.push((name.to_owned(), length, size));
        }
        Ok(size)
    }

    /// Puts it in the old one's place. Whoever reads it sees one or the other; when it can not be written it is not needed.
    pub(super) fn write(&self, maildir: &Path) {
        if !self.changed && self.current.len() == self.known.len() {
            return;
        }
        let mut text = format!("{HEAD}\n");
        for (name, octets, size) in &self.current {
            text += &format!("{octets} {size} {name}\n");
        }
        text += &format!("{}\n", self.current.len());
        let temporary = maildir.join("gatepost.index.new");
        let options = File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary);
        let written = options.and_then(|mut file| file.write_all(text.as_bytes()));
        if let Err(error) = written.and_then(|()| fs::rename(&temporary, maildir.join("gatepost.index"))) {
            tracing::warn!(path = %maildir.display(), %error, "the index can not be written");
        }
    }
}

/// The number of lines stands at the end: half a file is none.
fn parse(text: &str) -> Option<HashMap<String, (u64, u64)>> {
    let mut lines: Vec<&str> = text.strip_suffix('\n')?.strip_prefix(HEAD)?.strip_prefix('\n')?.split('\n').collect();
    let count: usize = lines.pop()?.parse().ok()?;
    let entry = |line: &str| {
        let (octets, rest) = line.split_once(' ')?;
        let (size, name) = rest.split_once(' ')?;
        Some((name.to_owned(), (octets.parse().ok()?, size.parse().ok()?)))
    };
    let known: HashMap<_, _> = lines.into_iter().map(entry).collect::<Option<_>>()?;
    (known.len() == count).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_an_index_is_none() {
        let text = "gatepost-index 1\n5 7 a b\n1 1 c\n2\n";
        assert_eq!(parse(text).unwrap().get("a b"), Some(&(5, 7)));
        for cut in 0..text.len() {
            assert_eq!(parse(&text[..cut]), None, "{cut}");
        }
    }
}
