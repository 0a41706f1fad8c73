//! Bytes → source file, within limits. Everything is opened and read once, as a pipe can be.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use codepurify::verdict::SkipReason;
use codepurify::{Language, Limits, SnippetError, SourceFile};
use codepurify_data::holds_rows;

use super::encoding::{self, MARK};
use super::{Origin, Reading};

/// A file and where it comes from.
pub(crate) type Loaded = (SourceFile, Origin);

/// Why a file is not judged.
#[derive(Debug)]
pub(crate) struct Refused {
    /// How it is counted, if it was found at all.
    pub(crate) reason: Option<SkipReason>,
    /// Fault and advice.
    pub(crate) message: String,
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self { reason: Some(SkipReason::Unreadable), message: error.to_string() }
    }
}

impl From<SnippetError> for Refused {
    fn from(error: SnippetError) -> Self {
        let reason = match error {
            SnippetError::Empty => Some(SkipReason::Empty),
            SnippetError::NotUtf8 { .. } => Some(SkipReason::Encoding),
            SnippetError::Binary { .. } => Some(SkipReason::Binary),
            SnippetError::TooLarge { .. } => Some(SkipReason::TooLarge),
            _ => None,
        };
        Self { reason, message: error.to_string() }
    }
}

/// The source file at `path`.
pub(super) fn opened(
    path: &Path,
    name: &str,
    language: impl FnOnce(&str) -> Option<Language>,
    reading: &Reading,
) -> Result<Loaded, Refused> {
    let file = File::open(path)?;
    let bytes = file.metadata().map_or(0, |about| usize::try_from(about.len()).unwrap_or(usize::MAX));
    check_size(bytes, reading.limits.max_file_bytes)?;
    load(path, name, file, language, reading)
}

/// The source file that `from` holds, called `name`. `language` decides by the text; where it cannot, the file is refused.
pub(crate) fn load(
    path: &Path,
    name: &str,
    from: impl Read,
    language: impl FnOnce(&str) -> Option<Language>,
    reading: &Reading,
) -> Result<Loaded, Refused> {
    let limit = reading.limits.max_file_bytes;
    let bytes = bounded(from, limit)?;
    check_size(bytes.len(), limit)?;
    let (text, encoding) = reading.encoding.decode(bytes)?;
    if text.trim_start_matches(MARK).trim().is_empty() {
        return Err(SnippetError::Empty.into());
    }
    // A line of Python can look like a row.
    let is_python = Language::from_path(path) == Some(Language::Python);
    if !is_python && holds_rows(path, text.as_bytes()) {
        let message = "rows of a data set, no source code: `codepurify dataset` judges them".to_owned();
        return Err(Refused { reason: None, message });
    }
    let language = language(&text).ok_or_else(|| Refused { reason: None, message: unsupported(path) })?;
    if language == Language::Python {
        encoding::check_python(&text)?;
    }
    // The limit is one of the file's bytes, of which text may have more.
    let limits = Limits { max_file_bytes: usize::MAX, ..reading.limits };
    let file = SourceFile::new(name, text.into_bytes(), language, &limits)?;
    Ok((file, Origin { path: path.to_path_buf(), encoding }))
}

fn unsupported(path: &Path) -> String {
    let extension =
        path.extension().map_or_else(String::new, |extension| extension.to_string_lossy().into_owned());
    format!("{}; name the language with --lang", SnippetError::UnsupportedLanguage(extension))
}

/// The text of a file that options name, of at most `limit` bytes.
pub(crate) fn text(path: &Path, limit: usize) -> io::Result<String> {
    let bytes = bounded(File::open(path)?, limit)?;
    if bytes.len() > limit {
        return Err(io::Error::other(format!("more than the limit of {limit} bytes")));
    }
    String::from_utf8(bytes).map_err(|error| {
        io::Error::other(format!("not UTF-8: first bad byte at offset {}", error.utf8_error().valid_up_to()))
    })
}

/// At most one byte more than is allowed: enough to know that it is too much.
fn bounded(from: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take((limit as u64).saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn check_size(bytes: usize, limit: usize) -> Result<(), SnippetError> {
    if bytes > limit { Err(SnippetError::TooLarge { bytes, limit }) } else { Ok(()) }
}
