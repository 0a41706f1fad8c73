//! Unlabelled code for masked language models: one text field of several files.

use std::path::PathBuf;
use std::str::FromStr;

use codepurify::Language;

use super::jsonl::read_texts;
use super::{DataError, Rows};

/// File of a mixture, written `PATH:FIELD:LANGUAGE` on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorpusSource {
    /// A file of rows, in any format that the laboratory reads.
    pub path: PathBuf,
    /// Field that holds the code.
    pub field: String,
    /// Language of the code.
    pub language: Language,
}

/// Text of a corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Source code.
    pub code: String,
    /// Language of the code.
    pub language: Language,
}

impl FromStr for CorpusSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.rsplitn(3, ':');
        let (Some(language), Some(field), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(format!("`{text}` is not PATH:FIELD:LANGUAGE"));
        };
        let language = language.parse().map_err(|error: codepurify::SnippetError| error.to_string())?;
        Ok(Self { path: path.into(), field: field.to_owned(), language })
    }
}

impl CorpusSource {
    /// Reads the texts. Rows whose field is missing, not a text or empty are refused.
    ///
    /// # Errors
    /// [`DataError`].
    pub fn load(&self) -> Result<Rows<Text>, DataError> {
        read_texts(&self.path, &self.field, |code| {
            if code.trim().is_empty() {
                Err(format!("`{}` is empty", self.field))
            } else {
                Ok(Text { code, language: self.language })
            }
        })
    }
}

/// Reads the texts of all sources, one source after the other. Refused rows are reported on stderr.
///
/// # Errors
/// [`DataError`].
pub fn texts(sources: &[CorpusSource]) -> Result<Vec<Text>, DataError> {
    let mut texts = Vec::new();
    for source in sources {
        let found = source.load()?;
        found.report(&source.path);
        texts.extend(found.rows);
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_names_path_field_and_language() {
        let source: CorpusSource = "dir:with:colons/rows.jsonl.gz:func:c".parse().unwrap();
        assert_eq!(source.path, PathBuf::from("dir:with:colons/rows.jsonl.gz"));
        assert_eq!((source.field.as_str(), source.language), ("func", Language::C));
        assert!("rows.jsonl:func".parse::<CorpusSource>().is_err());
        assert!("rows.jsonl:func:cobol".parse::<CorpusSource>().unwrap_err().contains("cobol"));
    }

    #[test]
    fn rows_without_the_field_are_refused_with_their_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.jsonl");
        std::fs::write(&path, "{\"code\":\"x = 1\"}\n{\"doc\":\"\"}\n{\"code\":3}\n{\"code\":\" \"}\n")
            .unwrap();
        let source = CorpusSource { path, field: "code".to_owned(), language: Language::Python };
        let found = source.load().unwrap();
        assert_eq!(found.rows, [Text { code: "x = 1".to_owned(), language: Language::Python }]);
        assert_eq!(found.refused.iter().map(|error| error.line).collect::<Vec<_>>(), [2, 3, 4]);
    }
}
