//! A file that is only appended to, or cut off.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::CliError;

/// A file that is written from its beginning to its end, maybe by several runs.
pub(crate) struct Appended {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    /// Its size.
    pub(crate) bytes: u64,
}

impl Appended {
    /// Opens a file, which is made if there is none.
    pub(crate) fn open(path: &Path) -> Result<Self, CliError> {
        let open = || -> io::Result<Self> {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
            let bytes = file.metadata()?.len();
            Ok(Self { path: path.to_path_buf(), file, bytes })
        };
        open().map_err(|source| unwritable(path, source))
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), CliError> {
        self.file.write_all(bytes).map_err(|source| unwritable(&self.path, source))?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Cuts off what is behind the first `bytes`; the next ones go there.
    pub(crate) fn cut(&mut self, bytes: u64) -> Result<(), CliError> {
        let cut = self.file.set_len(bytes).and_then(|()| self.file.seek(SeekFrom::Start(bytes)));
        self.bytes = bytes;
        cut.map(drop).map_err(|source| unwritable(&self.path, source))
    }

    /// Waits until the disk has everything.
    pub(crate) fn sync(&self) -> Result<(), CliError> {
        self.file.sync_data().map_err(|source| unwritable(&self.path, source))
    }
}

pub(crate) fn unwritable(path: &Path, source: io::Error) -> CliError {
    CliError::Write { to: path.display().to_string(), source }
}
