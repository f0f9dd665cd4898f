//! Sizes of messages whose names do not tell them. A hint, not a truth: what it does not know is read again.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::store::crlf::Sizes;

/// The first line of the file; a file of another version is not read.
const HEAD: &str = "gatepost-index 2";

#[derive(Default)]
pub(super) struct Index {
    known: HashMap<String, Known>,
    /// Of the messages that are there now.
    current: Vec<(String, Known)>,
    changed: bool,
}

/// What is known of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    /// Octets of the file.
    octets: u64,
    /// As they are sent, with CRLF line ends.
    sent: u64,
    /// Of the surrogate, where that is another number.
    surrogate: Option<u64>,
}

impl Index {
    /// What was written; nothing if that is missing or not whole.
    pub(super) fn read(maildir: &Path) -> Self {
        let text = fs::read_to_string(maildir.join("gatepost.index")).unwrap_or_default();
        Index { known: parse(&text).unwrap_or_default(), ..Index::default() }
    }

    /// The sizes as it is sent, with CRLF line ends, and as its surrogate is. They are known as long as the file's length is
    /// what it was.
    pub(super) fn sizes(&mut self, name: &str, path: &Path) -> io::Result<(u64, Option<u64>)> {
        let octets = fs::metadata(path)?.len();
        let known = match self.known.get(name) {
            Some(known) if known.octets == octets => *known,
            _ => {
                self.changed = true;
                let (sent, surrogate) = Sizes::of(File::open(path)?)?.both_as_sent();
                Known { octets, sent, surrogate }
            }
        };
        if !name.contains(char::is_control) {
            self.current.push((name.to_owned(), known));
        }
        Ok((known.sent, known.surrogate))
    }

    /// Puts it in the old one's place. Whoever reads it sees one or the other; when it can not be written it is not needed.
    pub(super) fn write(&self, maildir: &Path) {
        if !self.changed && self.current.len() == self.known.len() {
            return;
        }
        let mut text = format!("{HEAD}\n");
        for (name, Known { octets, sent, surrogate }) in &self.current {
            let surrogate = surrogate.map_or("-".to_owned(), |size| size.to_string());
            text += &format!("{octets} {sent} {surrogate} {name}\n");
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
fn parse(text: &str) -> Option<HashMap<String, Known>> {
    let mut lines: Vec<&str> = text.strip_suffix('\n')?.strip_prefix(HEAD)?.strip_prefix('\n')?.split('\n').collect();
    let count: usize = lines.pop()?.parse().ok()?;
    let entry = |line: &str| {
        let (octets, rest) = line.split_once(' ')?;
        let (sent, rest) = rest.split_once(' ')?;
        let (surrogate, name) = rest.split_once(' ')?;
        let surrogate = if surrogate == "-" { None } else { Some(surrogate.parse().ok()?) };
        Some((name.to_owned(), Known { octets: octets.parse().ok()?, sent: sent.parse().ok()?, surrogate }))
    };
    let known: HashMap<_, _> = lines.into_iter().map(entry).collect::<Option<_>>()?;
    (known.len() == count).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_an_index_is_none() {
        let text = "gatepost-index 2\n5 7 - a b\n1 1 9 c\n2\n";
        let known = |octets, sent, surrogate| Some(Known { octets, sent, surrogate });
        assert_eq!(parse(text).unwrap().get("a b").copied(), known(5, 7, None));
        assert_eq!(parse(text).unwrap().get("c").copied(), known(1, 1, Some(9)));
        for cut in 0..text.len() {
            assert_eq!(parse(&text[..cut]), None, "{cut}");
        }
    }
}
