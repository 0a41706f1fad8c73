//! The bytes of a file: mapped, compiled into the program, or owned.

use std::fmt;
use std::fs::{self, File};
use std::ops::{Deref, Range};
use std::path::Path;

use memmap2::Mmap;

use crate::error::CheckpointError;

/// Bytes with the name that errors call them by.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
}

impl Source {
    /// Maps a regular file. A directory, a pipe or a device is refused before it is opened.
    pub(crate) fn open(path: &Path) -> Result<Self, CheckpointError> {
        let name = path.display().to_string();
        let fail = |source| CheckpointError::Read { file: path.display().to_string(), source };
        if !fs::metadata(path).map_err(fail)?.is_file() {
            return Err(CheckpointError::NotAFile { file: name });
        }
        let file = File::open(path).map_err(fail)?;
        let bytes = Bytes::Mapped(map(&file).map_err(fail)?);
        Ok(Self { name, bytes })
    }
}

/// Read-only bytes.
pub(crate) enum Bytes {
    Mapped(Mmap),
    Static(&'static [u8]),
    Owned(Vec<u8>),
}

impl Bytes {
    /// Tells the system that these bytes will not be needed soon, so that reading a large file from end to end does
    /// not keep all of it in memory. Reading them again stays possible. Does nothing for bytes that are not mapped.
    pub(crate) fn release(&self, range: Range<usize>) {
        #[cfg(unix)]
        if let Self::Mapped(map) = self {
            // Whole pages inside the range: the neighbours' pages may still be in use by other threads.
            let start = range.start.next_multiple_of(PAGE);
            let end = range.end / PAGE * PAGE;
            if start < end {
                give_back(map, start, end - start);
            }
        }
        #[cfg(not(unix))]
        let _ = range;
    }
}

/// At least the page size of the platforms that we run on; a smaller real page only makes the rounding coarser.
#[cfg(unix)]
const PAGE: usize = 16 * 1024;

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Static(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

#[allow(unsafe_code)]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the mapping is read-only and private to this process' view of the file. Changing the file meanwhile is
    // outside of what any reader of mapped weights can prevent: values are checked when they are read and never used
    // as addresses, so changed bytes give other numbers; a file cut short gives a bus error.
    unsafe { Mmap::map(file) }
}

#[cfg(unix)]
#[allow(unsafe_code)]
fn give_back(map: &Mmap, start: usize, length: usize) {
    // SAFETY: the mapping is backed by a file and never written to, so dropped pages come back with the same content.
    // Failure only means that memory is not given back.
    let _ = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, length) };
}
