//! Texts and files → the snippets that are judged.

use std::path::PathBuf;

use codepurify::{Language, Limits, Snippet, SnippetError, SourceFile};
use pyo3::prelude::*;

use crate::errors;

/// A row that was read, or why it cannot be judged.
pub(crate) type Read = Result<Vec<Snippet>, Unreadable>;

/// Why a row cannot be judged.
pub(crate) enum Unreadable {
    /// Its text is at fault.
    Text(SnippetError),
    /// Its file is.
    File(String),
}

/// Rows that were read: texts of a data set, or the units of source files.
#[pyclass(frozen, module = "codepurify._core")]
pub(crate) struct Rows {
    pub(crate) rows: Vec<Read>,
    /// Path and text of each file, and the number of its rows.
    #[pyo3(get)]
    files: Vec<(String, String, usize)>,
}

#[pymethods]
impl Rows {
    /// Reads rows of texts, each with its name, its sides and its language.
    #[staticmethod]
    fn from_texts(py: Python<'_>, texts: Vec<(String, Vec<String>, String)>) -> Self {
        let rows = py.detach(|| {
            texts.into_iter().map(|(name, sides, language)| whole(&name, sides, &language)).collect()
        });
        Self { rows, files: Vec::new() }
    }

    /// Reads the units of the source files under `paths` as the command `scan` does.
    #[staticmethod]
    #[allow(clippy::needless_pass_by_value, reason = "Python has no lists of paths to borrow")]
    fn from_paths(py: Python<'_>, paths: Vec<PathBuf>, language: Option<&str>) -> PyResult<Self> {
        let language = language.map(str::parse::<Language>).transpose();
        let language = language.map_err(|error| errors::snippet(py, &error))?;
        let read = py.detach(|| codepurify_cli::source_files(&paths, language));
        let (sources, refused) = read.map_err(|error| errors::command(py, &error))?;
        let mut all = Self { rows: Vec::new(), files: Vec::new() };
        for file in sources {
            let units = py.detach(|| file.units());
            let rows = match units {
                Ok(units) => units.into_iter().map(|unit| Ok(vec![unit])).collect(),
                Err(error) => vec![Err(Unreadable::Text(error))],
            };
            all.add(file.path(), file.text(), rows);
        }
        for error in refused {
            all.add(
                &error.path,
                "",
                vec![Err(Unreadable::File(format!("{}: {}", error.path, error.message)))],
            );
        }
        Ok(all)
    }

    fn __len__(&self) -> usize {
        self.rows.len()
    }
}

impl Rows {
    fn add(&mut self, path: &str, text: &str, rows: Vec<Read>) {
        self.files.push((path.to_owned(), text.to_owned(), rows.len()));
        self.rows.extend(rows);
    }
}

/// A row whose texts are judged as a whole.
fn whole(name: &str, sides: Vec<String>, language: &str) -> Read {
    let language: Language = language.parse().map_err(Unreadable::Text)?;
    let snippet = |text: String| {
        let file = SourceFile::new(name, text.into_bytes(), language, &Limits::default());
        file.and_then(|file| file.whole()).map_err(Unreadable::Text)
    };
    sides.into_iter().map(snippet).collect()
}

impl Unreadable {
    /// The exception for it.
    pub(crate) fn raised(&self, py: Python<'_>) -> PyErr {
        match self {
            Self::Text(error) => errors::snippet(py, error),
            Self::File(message) => errors::exception(py, "InputError", message),
        }
    }
}
