//! Fingerprints of files, and digits of SHA-256.

use std::fmt::Write;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::DataError;
use crate::store::{RemoteFile, is_url};

/// Text that changes with the content of a file: the SHA-256 of its bytes as they are stored, in hexadecimal; of one behind a
/// URL what its store says about its version.
///
/// # Errors
/// [`DataError::Io`] and [`DataError::Store`].
pub fn fingerprint(path: &Path) -> Result<String, DataError> {
    if is_url(path) {
        return Ok(RemoteFile::open(path)?.version());
    }
    let io = |source| DataError::Io { path: path.to_path_buf(), source };
    let mut file = BufReader::new(File::open(path).map_err(io)?);
    let mut digest = Sha256::new();
    loop {
        let bytes = file.fill_buf().map_err(io)?;
        if bytes.is_empty() {
            return Ok(format!("sha256 {}", hex(&digest.finalize())));
        }
        digest.update(bytes);
        let count = bytes.len();
        file.consume(count);
    }
}

/// Two hexadecimal digits for each byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}"); // writing to a String cannot fail
        digits
    })
}
