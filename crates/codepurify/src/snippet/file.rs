//! Source files, and the units that are judged.

use std::sync::Arc;

use super::{Language, Snippet, SnippetError, Span, Unit, UnitKind, cut};

/// Limits on the size of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest file, in bytes; larger ones are refused.
    pub max_file_bytes: usize,
    /// Largest unit, in bytes; larger ones get an inconclusive verdict.
    pub max_unit_bytes: usize,
}

impl Default for Limits {
    /// 8 MiB for a file, 256 KiB for a unit.
    fn default() -> Self {
        Self { max_file_bytes: 8 << 20, max_unit_bytes: 256 << 10 }
    }
}

/// Text of one source file.
#[derive(Debug, Clone)]
pub struct SourceFile {
    path: String,
    text: Arc<str>,
    language: Language,
    limits: Limits,
}

impl SourceFile {
    /// Takes a file's bytes. `path` is its name in verdicts; nothing is read from there.
    ///
    /// # Errors
    /// [`SnippetError`] if the bytes are too many, binary, not UTF-8, or white space only.
    pub fn new(
        path: impl Into<String>,
        bytes: Vec<u8>,
        language: Language,
        limits: &Limits,
    ) -> Result<Self, SnippetError> {
        if bytes.len() > limits.max_file_bytes {
            return Err(SnippetError::TooLarge { bytes: bytes.len(), limit: limits.max_file_bytes });
        }
        // Before the UTF-8 check: "binary" helps more than the offset of some bad byte.
        reject_nul(&bytes)?;
        let text = String::from_utf8(bytes)
            .map_err(|error| SnippetError::NotUtf8 { offset: error.utf8_error().valid_up_to() })?;
        reject_empty(&text)?;
        Ok(Self { path: path.into(), text: text.into(), language, limits: *limits })
    }

    /// Returns the whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the name of the file in verdicts.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the language that it is parsed as.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    /// Returns every function and method that is not inside another one, and the other code between
    /// them (`docs/trust.md#what-is-judged`). A text without functions is one unit.
    ///
    /// # Errors
    /// [`SnippetError::ParserGaveUp`] if the text cannot be parsed in reasonable time.
    pub fn units(&self) -> Result<Vec<Snippet>, SnippetError> {
        let parts = cut::parts(&self.text, self.language)?;
        if parts.is_empty() {
            return Ok(vec![self.whole()?]);
        }
        let (mut line, mut counted) = (1, 0);
        parts
            .into_iter()
            .map(|part| {
                line += newlines(&self.text[counted..part.span.start]);
                counted = part.span.start;
                self.unit(part.kind, part.name, part.span, line)
            })
            .collect()
    }

    /// Returns the whole text as one unit, with the name of its function if it holds exactly one.
    /// The sides of a pair are read in this way.
    ///
    /// # Errors
    /// [`SnippetError::ParserGaveUp`] if the text cannot be parsed in reasonable time.
    pub fn whole(&self) -> Result<Snippet, SnippetError> {
        Ok(self.unit(UnitKind::Function, None, Span::new(0, self.text.len()), 1)?.named())
    }

    fn unit(
        &self,
        kind: UnitKind,
        name: Option<String>,
        span: Span,
        start_line: usize,
    ) -> Result<Snippet, SnippetError> {
        let text = &self.text[span.start..span.end];
        let unit = Unit {
            kind,
            name,
            start_byte: span.start,
            end_byte: span.end,
            start_line,
            end_line: start_line + newlines(text) - usize::from(text.ends_with('\n')),
        };
        Snippet::part(&self.path, text, &self.text, self.language, unit, self.limits.max_unit_bytes)
    }
}

/// Counts line ends.
fn newlines(text: &str) -> usize {
    text.bytes().filter(|&byte| byte == b'\n').count()
}

/// Refuses NUL bytes, which do not occur in source code.
pub(super) fn reject_nul(bytes: &[u8]) -> Result<(), SnippetError> {
    match bytes.iter().position(|&byte| byte == 0) {
        Some(offset) => Err(SnippetError::Binary { offset }),
        None => Ok(()),
    }
}

/// Refuses a text of white space only.
pub(super) fn reject_empty(text: &str) -> Result<(), SnippetError> {
    if text.trim().is_empty() { Err(SnippetError::Empty) } else { Ok(()) }
}
