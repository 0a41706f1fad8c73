//! Stores without the feature `object-store`: every URL is refused.

use std::io;
use std::path::Path;

use bytes::Bytes;
use parquet::file::reader::{ChunkReader, Length};

use super::StoreError;

/// A file behind a URL. Without the feature `object-store` there is none.
#[derive(Debug, Clone)]
pub enum RemoteFile {}

impl RemoteFile {
    /// Refuses a URL.
    ///
    /// # Errors
    /// [`StoreError::NotBuilt`].
    pub fn open(url: &Path) -> Result<Self, StoreError> {
        Err(not_built(url))
    }

    /// Size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        match *self {}
    }

    /// Text that changes with the content of the file.
    #[must_use]
    pub fn version(&self) -> String {
        match *self {}
    }

    /// The bytes from `start` on.
    #[must_use]
    pub fn reader(&self, _start: u64) -> io::Empty {
        match *self {}
    }
}

impl Length for RemoteFile {
    fn len(&self) -> u64 {
        match *self {}
    }
}

impl ChunkReader for RemoteFile {
    type T = io::Empty;

    fn get_read(&self, _start: u64) -> parquet::errors::Result<Self::T> {
        match *self {}
    }

    fn get_bytes(&self, _start: u64, _length: usize) -> parquet::errors::Result<Bytes> {
        match *self {}
    }
}

/// Refuses a URL.
///
/// # Errors
/// [`StoreError::NotBuilt`].
pub fn exists(url: &Path) -> Result<bool, StoreError> {
    Err(not_built(url))
}

/// Refuses a URL.
///
/// # Errors
/// [`StoreError::NotBuilt`].
pub fn list(url: &Path) -> Result<Vec<String>, StoreError> {
    Err(not_built(url))
}

/// Refuses a URL.
///
/// # Errors
/// [`StoreError::NotBuilt`].
pub fn upload(_file: &Path, url: &Path) -> Result<(), StoreError> {
    Err(not_built(url))
}

fn not_built(url: &Path) -> StoreError {
    StoreError::NotBuilt { url: url.display().to_string() }
}
