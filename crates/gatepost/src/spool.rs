//! Message bodies on their way: in memory while small, in a file without a name when large, so that memory stays flat.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Octets that are kept in memory.
const IN_MEMORY: usize = 256 << 10;

/// Octets to be read again, any number of times.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    memory: Vec<u8>,
    file: Option<File>,
    length: u64,
    /// The last two octets.
    last: [u8; 2],
}

impl Spool {
    pub(crate) fn new(folder: &Path) -> Self {
        Spool { folder: folder.to_owned(), memory: Vec::new(), file: None, length: 0, last: [0; 2] }
    }

    pub(crate) fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        if self.file.is_none() && self.memory.len() + octets.len() > IN_MEMORY {
            let mut file = nameless(&self.folder)?;
            file.write_all(&self.memory)?;
            self.memory = Vec::new();
            self.file = Some(file);
        }
        self.length += u64::try_from(octets.len()).unwrap_or(0);
        self.last = match *octets {
            [] => self.last,
            [one] => [self.last[1], one],
            [.., one, other] => [one, other],
        };
        match &mut self.file {
            Some(file) => file.write_all(octets),
            None => {
                self.memory.extend_from_slice(octets);
                Ok(())
            }
        }
    }

    /// Ends the last line, if there is one that does not end: BDAT may bring such content, and stored mail is lines, of which
    /// POP3 tells the size.
    pub(crate) fn end_line(&mut self) -> io::Result<()> {
        if self.length == 0 || self.last == *b"\r\n" {
            return Ok(());
        }
        if let Some(file) = &mut self.file {
            file.seek(io::SeekFrom::End(0))?; // it may have been read
        }
        self.write(b"\r\n")
    }

    /// Whether nothing has to be read from a disk.
    pub(crate) fn is_in_memory(&self) -> bool {
        self.file.is_none()
    }

    /// From the first octet on.
    pub(crate) fn reader(&mut self) -> io::Result<Box<dyn Read + Send + '_>> {
        match &mut self.file {
            Some(file) => {
                file.rewind()?;
                Ok(Box::new(file))
            }
            None => Ok(Box::new(self.memory.as_slice())),
        }
    }
}

/// A file that is gone when it is closed.
fn nameless(folder: &Path) -> io::Result<File> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    std::fs::create_dir_all(folder)?;
    let name = format!("spool.{}.{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let path = folder.join(name);
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may
mod tests {
    use super::*;

    #[test]
    fn a_last_line_without_end_gets_one() {
        let folder = std::env::temp_dir().join(format!("gatepost-spool-{}", std::process::id()));
        let long = "x".repeat(IN_MEMORY);
        for (pieces, wanted) in [
            (vec![], String::new()),
            (vec!["a", "b\r", "\n"], "ab\r\n".to_owned()),
            (vec!["a\n"], "a\n\r\n".to_owned()),
            (vec!["a\r"], "a\r\r\n".to_owned()),
            (vec!["a\r\n", "b"], "a\r\nb\r\n".to_owned()),
            (vec![&*long, "end"], format!("{long}end\r\n")),
        ] {
            let mut spool = Spool::new(&folder);
            pieces.iter().for_each(|piece| spool.write(piece.as_bytes()).unwrap());
            let mut read = String::new();
            spool.reader().unwrap().take(5).read_to_string(&mut read).unwrap(); // some of it was read before
            for _ in 0..2 {
                spool.end_line().unwrap();
                read.clear();
                spool.reader().unwrap().read_to_string(&mut read).unwrap();
                assert_eq!(read, wanted);
            }
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
