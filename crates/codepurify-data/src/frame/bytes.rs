//! A stream with a digest of all that was taken from it.

use std::io::{self, BufRead};

use sha2::{Digest, Sha256};

use super::Kept;

/// A stream whose bytes are looked at before they are taken.
pub(crate) struct Bytes {
    from: Box<dyn BufRead + Send>,
    taken: Sha256,
}

impl Bytes {
    pub(crate) fn new(from: Box<dyn BufRead + Send>) -> Self {
        Self { from, taken: Sha256::new() }
    }

    /// Bytes that are there, none at the end.
    pub(super) fn look(&mut self) -> io::Result<&[u8]> {
        loop {
            match self.from.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // Nothing is read here: the buffer is filled, or the stream at its end.
        self.from.fill_buf()
    }

    /// Takes the first `count` of the bytes that are there.
    pub(super) fn take(&mut self, count: usize, kept: &mut Kept) -> io::Result<()> {
        let bytes = &self.look()?[..count];
        kept.push(bytes);
        let taken = &self.from.fill_buf()?[..count];
        self.taken.update(taken);
        self.from.consume(count);
        Ok(())
    }

    /// The next byte, if there is one.
    pub(super) fn next(&mut self) -> io::Result<Option<u8>> {
        Ok(self.look()?.first().copied())
    }

    /// Digest of all bytes that were taken.
    pub(crate) fn digest(&self) -> [u8; 32] {
        self.taken.clone().finalize().into()
    }
}
