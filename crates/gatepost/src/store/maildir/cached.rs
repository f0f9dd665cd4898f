//! Files that the system holds in memory, read without waiting for a disk.

use std::path::Path;

/// A file as a whole, if neither its name nor one of its octets must be fetched from a disk, and it is not longer than `limit`.
#[cfg(target_os = "linux")]
pub(super) fn read(path: &Path, limit: usize) -> Option<Vec<u8>> {
    use std::io::IoSliceMut;

    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstat, openat2};
    use rustix::io::{ReadWriteFlags, preadv2};

    // any error is an answer, too: EAGAIN where it would wait, ENOSYS and EOPNOTSUPP where that can not be asked
    let file = openat2(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::CACHED).ok()?;
    let length = usize::try_from(fstat(&file).ok()?.st_size).ok().filter(|length| *length <= limit)?;
    let (mut octets, mut filled) = (vec![0; length], 0);
    while filled < length {
        let room = octets.get_mut(filled..)?;
        let offset = u64::try_from(filled).ok()?;
        match preadv2(&file, &mut [IoSliceMut::new(room)], offset, ReadWriteFlags::NOWAIT).ok()? {
            0 => return None, // somebody cuts it
            read => filled += read,
        }
    }
    Some(octets)
}

/// Other systems have no such question.
#[cfg(not(target_os = "linux"))]
pub(super) fn read(_path: &Path, _limit: usize) -> Option<Vec<u8>> {
    None
}
