//! The user's token.

use std::io;
use std::path::PathBuf;

use crate::cache;
use crate::error::HubError;

/// The largest file that is taken for a token, in bytes.
const MAX_BYTES: u64 = 4096;

/// Where the token comes from.
pub(crate) enum TokenSource {
    /// None is sent.
    Nowhere,
    /// The variable's value.
    Value(String),
    /// A file that need not exist.
    File(PathBuf),
}

impl TokenSource {
    /// The token, without white space around it.
    pub(crate) fn read(&self) -> Result<Option<String>, HubError> {
        let (origin, text) = match self {
            Self::Nowhere => return Ok(None),
            Self::Value(value) => ("HF_TOKEN".to_owned(), value.clone()),
            Self::File(path) => match cache::read(path, MAX_BYTES) {
                Ok(bytes) => (path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(source) => return Err(HubError::Disk { path: path.clone(), source }),
            },
        };
        let token = text.trim();
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = "it holds characters that no token has".to_owned();
            return Err(HubError::Token { origin, message });
        }
        Ok(Some(token.to_owned()).filter(|token| !token.is_empty()))
    }
}
