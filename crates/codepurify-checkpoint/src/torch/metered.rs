//! A reader that gives up after a budget of bytes.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

/// Bytes in memory with a limit on the bytes read. The zip library keeps a small multiple of what it reads, so
/// this bounds its memory and its time, however many entries the archive claims to have.
pub(super) struct Metered<'a> {
    bytes: Cursor<&'a [u8]>,
    budget: usize,
}

impl<'a> Metered<'a> {
    pub(super) fn new(bytes: &'a [u8], budget: usize) -> Self {
        Self { bytes: Cursor::new(bytes), budget }
    }
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        self.budget =
            self.budget.checked_sub(read).ok_or_else(|| io::Error::other("its directory is too large"))?;
        Ok(read)
    }
}

impl Seek for Metered<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}
