//! Where messages go: with the line ends of this system, whole or not at all.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use gatepost::store::Incoming;
use rustix::fs::{FlockOperation, flock};

/// A place for messages.
pub(crate) enum Keep {
    Maildir(PathBuf),
    /// Locked for as long as this program has it.
    Mbox(File),
}

/// A message on its way there. Dropped before it is finished, nothing is left of it.
pub(crate) struct Part {
    out: Out,
    lines: Lines,
    octets: u64,
}

enum Out {
    Maildir(BufWriter<Incoming>),
    Mbox(BufWriter<Appended>),
}

impl Keep {
    pub(crate) fn maildir(folder: &Path) -> Self {
        Keep::Maildir(folder.to_owned())
    }

    pub(crate) fn mbox(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).append(true).create(true).open(path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| io::Error::other("another program has it locked"))?;
        Ok(Keep::Mbox(file))
    }

    pub(crate) fn begin(&self) -> io::Result<Part> {
        let (out, quote) = match self {
            Keep::Maildir(folder) => (Out::Maildir(BufWriter::new(Incoming::begin(folder)?)), false),
            Keep::Mbox(file) => {
                let mut file = file.try_clone()?;
                let end = file.seek(SeekFrom::End(0))?;
                let mut out = BufWriter::new(Appended { file, end: Some(end) });
                out.write_all(b"From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n")?; // who and when is in the message
                (Out::Mbox(out), true)
            }
        };
        Ok(Part { out, lines: Lines::new(quote), octets: 0 })
    }
}

impl Part {
    pub(crate) fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.octets += u64::try_from(octets.len()).unwrap_or(0);
        let lines = self.lines.write(octets);
        match &mut self.out {
            Out::Maildir(out) => out.write_all(&lines),
            Out::Mbox(out) => out.write_all(&lines),
        }
    }

    /// When this returns, a crash does not lose it. The message's octets.
    pub(crate) fn finish(self) -> io::Result<u64> {
        let Part { out, lines, octets } = self;
        let rest = lines.finish();
        match out {
            Out::Maildir(mut out) => {
                out.write_all(&rest)?;
                out.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?;
            }
            Out::Mbox(mut out) => {
                out.write_all(&rest)?;
                out.write_all(b"\n")?;
                let mut appended = out.into_inner().map_err(io::IntoInnerError::into_error)?;
                appended.file.sync_all()?;
                appended.end = None;
            }
        }
        Ok(octets)
    }
}

/// An mbox that is cut back to where it ended, unless that is forgotten.
struct Appended {
    file: File,
    end: Option<u64>,
}

impl Write for Appended {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.file.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Appended {
    fn drop(&mut self) {
        if let Some(end) = self.end
            && let Err(error) = self.file.set_len(end)
        {
            eprintln!("fetch: half a message is left in the mbox: {error}");
        }
    }
}

const FROM: &[u8] = b"From ";

/// CRLF becomes LF; for an mbox, lines that begin with any number of `>` and `From ` get one `>` more (mboxrd).
struct Lines {
    quote: bool,
    cr: bool,
    /// At the start of a line, behind its `>`: how many octets of `From ` were held back.
    held: Option<usize>,
}

impl Lines {
    fn new(quote: bool) -> Self {
        Lines { quote, cr: false, held: Some(0) }
    }

    fn write(&mut self, octets: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(octets.len() + 64);
        for &octet in octets {
            if std::mem::replace(&mut self.cr, octet == b'\r') && octet != b'\n' {
                self.put(b'\r', &mut out);
            }
            if octet != b'\r' {
                self.put(octet, &mut out);
            }
        }
        out
    }

    fn put(&mut self, octet: u8, out: &mut Vec<u8>) {
        if let Some(held) = self.held.filter(|_| self.quote) {
            if octet == b'>' && held == 0 {
                return out.push(octet);
            }
            if FROM.get(held) == Some(&octet) {
                self.held = Some(held + 1).filter(|held| *held < FROM.len());
                if self.held.is_none() {
                    out.push(b'>');
                    out.extend_from_slice(FROM);
                }
                return;
            }
            out.extend(FROM.iter().take(held));
        }
        out.push(octet);
        self.held = (octet == b'\n').then_some(0);
    }

    fn finish(mut self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.cr {
            self.put(b'\r', &mut out);
        }
        out.extend(FROM.iter().take(self.held.filter(|_| self.quote).unwrap_or(0)));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_begin_with_from_are_quoted_whatever_the_chunks() {
        let text = b"From a\r\n>From b\r\n>>From c\r\nFromd\r\n From e\r\nx From f\r\n\r\nFro\r\nm\rFrom g\r\nFrom";
        let wanted = ">From a\n>>From b\n>>>From c\nFromd\n From e\nx From f\n\nFro\nm\rFrom g\nFrom";
        for chunk in 1..=text.len() {
            for (quote, wanted) in
                [(true, wanted.to_owned()), (false, String::from_utf8_lossy(text).replace("\r\n", "\n"))]
            {
                let mut lines = Lines::new(quote);
                let mut out: Vec<u8> = text.chunks(chunk).flat_map(|chunk| lines.write(chunk)).collect();
                out.extend(lines.finish());
                assert_eq!(String::from_utf8(out).unwrap(), wanted, "in chunks of {chunk}");
            }
        }
    }
}
