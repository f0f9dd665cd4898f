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
}

impl Spool {
    pub(crate) fn new(folder: &Path) -> Self {
        Spool { folder: folder.to_owned(), memory: Vec::new(), file: None, length: 0 }
    }

    pub(crate) fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        if self.file.is_none() && self.memory.len() + octets.len() > IN_MEMORY {
            let mut file = nameless(&self.folder)?;
            file.write_all(&self.memory)?;
            self.memory = Vec::new();
            self.file = Some(file);
        }
        self.length += u64::try_from(octets.len()).unwrap_or(0);
        match &mut self.file {
            Some(file) => file.write_all(octets),
            None => {
                self.memory.extend_from_slice(octets);
                Ok(())
            }
        }
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
