//! Files that get their name when they are whole, as Linux has them: a crash leaves nothing of them, and two changes of a folder
//! less have to reach the disk.

use std::fs::File;
use std::io;
use std::path::Path;

/// A file in a folder; nothing where there are no such files, or none that could get a name.
#[cfg(target_os = "linux")]
pub(super) fn open(folder: &Path) -> io::Result<Option<File>> {
    use rustix::fs::{Mode, OFlags};
    use rustix::io::Errno;

    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    match rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR).map(File::from) {
        Ok(file) => Ok(std::fs::exists(own(&file))?.then_some(file)), // without /proc it could get no name
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Ok(None), // not on this file system
        Err(error) => Err(error.into()),
    }
}

/// Gives it a name that nothing has.
#[cfg(target_os = "linux")]
pub(super) fn name(file: &File, path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};

    Ok(linkat(CWD, own(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

/// An open file as its own process finds it.
#[cfg(target_os = "linux")]
fn own(file: &File) -> String {
    use std::os::fd::AsRawFd;

    format!("/proc/self/fd/{}", file.as_raw_fd())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn open(_folder: &Path) -> io::Result<Option<File>> {
    Ok(None)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn name(_file: &File, _path: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
