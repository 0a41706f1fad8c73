//! Errors of files, rows and fields.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::store::StoreError;

/// A file that cannot be read as rows, or not to its end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// It cannot be opened or read: a cut or damaged gzip or zstd stream, for example.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its store refuses or fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A format that is told by its content or its name, and not read.
    #[error("{path}: {format} is not read: write the rows as JSON Lines, a JSON array, CSV or Parquet")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The format's name.
        format: &'static str,
    },
    /// One JSON object over several lines.
    #[error(
        "{path}: one JSON object over several lines, not rows: write one object a line, or one array of objects \
         (`jq -c '.[]'` or `jq -c '.data[]'` takes them out)"
    )]
    OneObject {
        /// The file.
        path: PathBuf,
    },
    /// A Parquet file that cannot be read at any place.
    #[error(
        "{path}: Parquet is read from a file that is not compressed as a whole, not from a stream: write it to a file first"
    )]
    ParquetStream {
        /// The stream or file.
        path: PathBuf,
    },
    /// The input has a column of the name of one that is to be added.
    #[error("{path}: there is a column `{column}` already, which is to be added: rename it")]
    Exists {
        /// The file.
        path: PathBuf,
        /// The name.
        column: String,
    },
    /// Neither content nor name says that there are rows.
    #[error(
        "{path}: no rows: neither JSON objects, one a line or in one array, nor CSV with a header that names the code, \
         nor Parquet"
    )]
    NotRows {
        /// The file.
        path: PathBuf,
    },
    /// Nothing, or nothing but white space.
    #[error("{path}: empty: there are no rows")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The end of the file comes before the end of its JSON array.
    #[error("{path}: the JSON array is cut short behind row {row}")]
    CutShort {
        /// The file.
        path: PathBuf,
        /// The last whole row.
        row: usize,
    },
    /// There is something behind the end of the JSON array.
    #[error("{path}: something follows the end of the JSON array: only one array is read")]
    Trailing {
        /// The file.
        path: PathBuf,
    },
    /// The header of a CSV file cannot be used.
    #[error("{path}: header: {source}")]
    Header {
        /// The file.
        path: PathBuf,
        /// Why.
        source: RowError,
    },
}

impl DataError {
    /// Returns the fault without the file's name.
    #[must_use]
    pub fn reason(&self) -> String {
        let path = match self {
            Self::Store(_) => return self.to_string(),
            Self::Io { path, .. }
            | Self::Unsupported { path, .. }
            | Self::OneObject { path }
            | Self::NotRows { path }
            | Self::ParquetStream { path }
            | Self::Exists { path, .. }
            | Self::Empty { path }
            | Self::CutShort { path, .. }
            | Self::Trailing { path }
            | Self::Header { path, .. } => path,
        };
        let (message, name) = (self.to_string(), format!("{}: ", path.display()));
        message.strip_prefix(&name).unwrap_or(&message).to_owned()
    }
}

/// A row that cannot be used. The others can.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RowError {
    /// It is larger than allowed; the rest of it was skipped.
    #[error("the row has more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// It is not UTF-8.
    #[error("not UTF-8: first bad byte at offset {offset}")]
    NotUtf8 {
        /// Offset in the row.
        offset: usize,
    },
    /// It is not JSON, not even as Python writes it.
    #[error("not JSON: {message} at offset {offset}")]
    NotJson {
        /// Expected kind of value.
        message: &'static str,
        /// Offset in the row.
        offset: usize,
    },
    /// It is JSON, but no object.
    #[error("the row is {found}, not an object")]
    NotAnObject {
        /// Kind of value that was found.
        found: &'static str,
    },
    /// It has more or fewer fields than the header.
    #[error("the row has {found} fields, the header {expected}")]
    FieldCount {
        /// Fields of the row.
        found: usize,
        /// Fields of the header.
        expected: usize,
    },
    /// The file ends within a quoted field.
    #[error("a quote that is opened in this row is not closed before the end of the file")]
    OpenQuote,
}

/// A field of a row that does not hold the text that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FieldError {
    /// There is none of this name.
    #[error("the row has no field `{field}`, only {}", listed(found))]
    Missing {
        /// The wanted name.
        field: String,
        /// The fields that there are.
        found: Vec<String>,
    },
    /// There are several: which one is read depends on the reader, so that a guard could be shown another one than the model.
    #[error("the row has the field `{field}` more than once")]
    Repeated {
        /// The name.
        field: String,
    },
    /// There is one of the name of a column that is to be added.
    #[error("the row has the field `{field}` already, which is to be added")]
    Exists {
        /// The name.
        field: String,
    },
    /// It holds something else.
    #[error("the field `{field}` holds {found}, no text")]
    NotText {
        /// The name.
        field: String,
        /// Content of the file.
        found: &'static str,
    },
    /// It holds half of a character, which no text can.
    #[error(
        "the field `{field}` holds the lone surrogate `{escape}`, half of a character, which no text can"
    )]
    LoneSurrogate {
        /// The name.
        field: String,
        /// The escape sequence.
        escape: String,
    },
}

/// Fields that a message names.
const LISTED: usize = 12;

/// Names of fields for people.
pub(crate) fn listed(names: &[String]) -> String {
    let mut list: Vec<String> = names.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => return "none at all".to_owned(),
        count if count > LISTED => list.push(format!("{} more", count - LISTED)),
        _ => {}
    }
    list.join(", ")
}
