//! Keys that clients show as bearer tokens. Only their digests are kept.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use thiserror::Error;

/// Shortest key, in bytes.
const SHORTEST: usize = 16;
/// Largest file of keys, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// Digest of a key.
type KeyDigest = [u8; 32];

/// Keys from a file, one a line, and from a list. Without any, every request is accepted.
#[derive(Default)]
pub struct Keys {
    file: Option<PathBuf>,
    listed: Vec<KeyDigest>,
    digests: RwLock<Vec<KeyDigest>>,
}

/// Keys that cannot be used. Messages never contain a key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read.
    #[error("keys in {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The problem with it.
        source: io::Error,
    },
    /// A key is too short or has other characters than visible ASCII.
    #[error("keys in {place}: key {number} must have at least {SHORTEST} visible ASCII characters")]
    Unusable {
        /// File or variable.
        place: String,
        /// Number of the key, from 1.
        number: usize,
    },
    /// The file or list holds no key.
    #[error("keys in {place}: there is none")]
    None {
        /// File or variable.
        place: String,
    },
}

impl Keys {
    /// Reads the keys of `file` (one a line; empty lines and lines with `#` are skipped), and those of
    /// `listed`, separated by commas, which comes from `place`.
    ///
    /// # Errors
    /// [`KeyError`] if a source that is named has no keys, or unusable ones.
    pub fn read(file: Option<PathBuf>, listed: Option<&str>, place: &str) -> Result<Self, KeyError> {
        let listed = listed.map_or(Ok(Vec::new()), |listed| digests(listed.split(','), place))?;
        let keys = Self { file, listed, digests: RwLock::default() };
        keys.reload()?;
        Ok(keys)
    }

    /// Reads the file again; after an error the old keys hold. Returns the number of keys.
    ///
    /// # Errors
    /// As [`Keys::read`].
    pub fn reload(&self) -> Result<usize, KeyError> {
        let mut all = self.listed.clone();
        if let Some(path) = &self.file {
            let text = text(path).map_err(|source| KeyError::Read { path: path.clone(), source })?;
            all.extend(digests(text.lines(), &path.display().to_string())?);
        }
        let number = all.len();
        *self.digests.write().unwrap_or_else(PoisonError::into_inner) = all;
        Ok(number)
    }

    /// Returns true if clients need no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.file.is_none() && self.listed.is_empty()
    }

    /// Returns true if the value of the header `Authorization` shows one of the keys, or none is needed.
    /// The time does not depend on how much of a key is right, nor on which one it is.
    #[must_use]
    pub fn accept(&self, authorization: Option<&[u8]>) -> bool {
        if self.is_empty() {
            return true;
        }
        let Some(key) = authorization.and_then(bearer) else { return false };
        let shown: KeyDigest = Sha256::digest(key).into();
        let digests = self.digests.read().unwrap_or_else(PoisonError::into_inner);
        let none = Choice::from(0);
        digests.iter().fold(none, |found, digest| found | digest.ct_eq(&shown)).into()
    }
}

/// The token of `Bearer TOKEN`; the scheme is not case-sensitive.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(LARGEST_FILE).read_to_string(&mut text)?;
    Ok(text)
}

fn digests<'k>(keys: impl Iterator<Item = &'k str>, place: &str) -> Result<Vec<KeyDigest>, KeyError> {
    let keys = keys.map(str::trim).filter(|key| !key.is_empty() && !key.starts_with('#'));
    let digest = |(index, key): (usize, &str)| {
        let usable = key.len() >= SHORTEST && key.bytes().all(|byte| byte.is_ascii_graphic());
        let unusable = || KeyError::Unusable { place: place.to_owned(), number: index + 1 };
        if usable { Ok(Sha256::digest(key).into()) } else { Err(unusable()) }
    };
    let digests: Vec<KeyDigest> = keys.enumerate().map(digest).collect::<Result<_, _>>()?;
    if digests.is_empty() { Err(KeyError::None { place: place.to_owned() }) } else { Ok(digests) }
}
