//! Files of typed rows, in any format that `codepurify-data` reads and in Parquet, and files of
//! lines.

use std::fs::File;
use std::io::{BufRead, BufWriter, Write};
use std::path::{Path, PathBuf};

use codepurify_data::{Input, NumberedRow, ReadOptions, Row, RowReader};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::de::DeserializeOwned;
use serde::{Deserializer, Serialize};
use serde_json::Value;
use thiserror::Error;

/// File that cannot be used at all.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// It cannot be opened, read (for example a damaged Parquet file) or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// It cannot be read as rows, or not to its end.
    #[error(transparent)]
    Rows(#[from] codepurify_data::DataError),
    /// It holds no usable row.
    #[error("{path}: no usable row ({refused} refused)")]
    NoRows {
        /// The file.
        path: PathBuf,
        /// Number of refused rows.
        refused: usize,
    },
}

/// Refused row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowError {
    /// Line, from 1; in an array, a table or a Parquet file the row.
    pub line: usize,
    /// Description of the fault.
    pub message: String,
}

/// Rows of a file, usable and refused ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows<T> {
    /// Usable rows, in file order.
    pub rows: Vec<T>,
    /// Line of each usable row, from 1; in an array, a table or a Parquet file the row.
    pub lines: Vec<usize>,
    /// Refused rows, in file order.
    pub refused: Vec<RowError>,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), lines: Vec::new(), refused: Vec::new() }
    }
}

impl<T> Rows<T> {
    /// Adds the result of one line.
    pub(super) fn add(&mut self, line: usize, row: Result<T, String>) {
        match row {
            Ok(row) => {
                self.rows.push(row);
                self.lines.push(line);
            }
            Err(message) => self.refused.push(RowError { line, message }),
        }
    }

    /// Returns itself if any row is usable.
    pub(super) fn or_no_rows(self, path: &Path) -> Result<Self, DataError> {
        if self.rows.is_empty() {
            return Err(DataError::NoRows { path: path.to_path_buf(), refused: self.refused.len() });
        }
        Ok(self)
    }

    /// Reports on stderr how many rows were refused, and the first few reasons.
    pub fn report(&self, path: &Path) {
        for error in self.refused.iter().take(5) {
            eprintln!("{}:{}: row refused: {}", path.display(), error.line, error.message);
        }
        if self.refused.len() > 5 {
            eprintln!("{}: {} rows refused in all", path.display(), self.refused.len());
        }
    }
}

/// Reads a file of rows: JSON Lines, a JSON array or CSV, compressed or not, or Parquet.
///
/// `check` may refuse a row that parsed.
///
/// # Errors
/// [`DataError`] if the file cannot be read to its end or holds no usable row. Bad rows are no
/// error: they are returned with their line numbers.
pub fn read<T: DeserializeOwned>(
    path: &Path,
    mut check: impl FnMut(&T) -> Result<(), String>,
) -> Result<Rows<T>, DataError> {
    read_json(path, |_, row| check(&row).map(|()| row))
}

/// Reads rows of type `S` and keeps what `convert` returns for each; it also gets the line.
pub(super) fn read_json<S: DeserializeOwned, T>(
    path: &Path,
    mut convert: impl FnMut(usize, S) -> Result<T, String>,
) -> Result<Rows<T>, DataError> {
    read_data(path, |number, row| {
        let json = row.to_json();
        if row.raw().is_empty() {
            // A row of a Parquet file has no text in which a message could name a place.
            let value: Value = serde_json::from_str(&json).map_err(|error| error.to_string())?;
            return convert(number, typed(value)?);
        }
        convert(number, typed(&mut serde_json::Deserializer::from_str(&json))?)
    })
}

/// Reads the text in one field of every row; other fields may hold anything.
pub(super) fn read_texts<T>(
    path: &Path,
    field: &str,
    mut convert: impl FnMut(String) -> Result<T, String>,
) -> Result<Rows<T>, DataError> {
    read_data(path, |_, row| convert(row.text(field).map_err(|error| error.to_string())?))
}

/// Reads rows of any format.
fn read_data<T>(
    path: &Path,
    mut convert: impl FnMut(usize, &Row) -> Result<T, String>,
) -> Result<Rows<T>, DataError> {
    let mut found = Rows::default();
    for row in RowReader::open(path, &ReadOptions::default())? {
        let NumberedRow { number, row, .. } = row?;
        let row = row.map_err(|error| error.to_string());
        found.add(number, row.and_then(|row| convert(number, &row)));
    }
    found.or_no_rows(path)
}

/// Returns the row, or the faulty field and its fault.
fn typed<'de, S: DeserializeOwned>(from: impl Deserializer<'de>) -> Result<S, String> {
    serde_path_to_error::deserialize(from).map_err(|error| match error.path().to_string() {
        whole if whole == "." => error.into_inner().to_string(),
        field => format!("`{field}`: {}", error.into_inner()),
    })
}

/// Reads a file line by line, compressed or not; blank lines are skipped.
///
/// `parse` gets the line's number, from 1, and its bytes.
pub(super) fn read_lines<T>(
    path: &Path,
    mut parse: impl FnMut(usize, &[u8]) -> Result<T, String>,
) -> Result<Rows<T>, DataError> {
    let mut found = Rows::default();
    for (index, line) in lines(path)?.enumerate() {
        let line = line?;
        if !line.trim_ascii().is_empty() {
            found.add(index + 1, parse(index + 1, &line));
        }
    }
    found.or_no_rows(path)
}

/// Returns the lines of a file, compressed or not, one at a time.
pub(super) fn lines(path: &Path) -> Result<impl Iterator<Item = Result<Vec<u8>, DataError>>, DataError> {
    let owned = path.to_path_buf();
    let io = move |source| DataError::Io { path: owned.clone(), source };
    Ok(Input::open(path)?.into_reader().split(b'\n').map(move |line| line.map_err(&io)))
}

/// Writes a `.jsonl` or `.jsonl.gz` file by way of a temporary file in its folder: the file is
/// complete or absent.
///
/// # Errors
/// [`DataError::Io`].
pub fn write<T: Serialize>(path: &Path, rows: impl IntoIterator<Item = T>) -> Result<(), DataError> {
    let io = |source| DataError::Io { path: path.to_path_buf(), source };
    let partial = path.with_extension("partial");
    let file = BufWriter::new(File::create(&partial).map_err(io)?);
    if is_gzip(path) {
        let mut encoder = GzEncoder::new(file, Compression::default());
        write_rows(&mut encoder, rows).map_err(io)?;
        encoder.finish().and_then(|mut file| file.flush()).map_err(io)?;
    } else {
        let mut file = file;
        write_rows(&mut file, rows).and_then(|()| file.flush()).map_err(io)?;
    }
    std::fs::rename(&partial, path).map_err(io)
}

fn write_rows<T: Serialize>(to: &mut impl Write, rows: impl IntoIterator<Item = T>) -> std::io::Result<()> {
    for row in rows {
        serde_json::to_writer(&mut *to, &row)?;
        to.write_all(b"\n")?;
    }
    Ok(())
}

fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct Typed {
        code: String,
    }

    #[test]
    fn bad_rows_are_reported_with_their_line_and_good_ones_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.jsonl");
        std::fs::write(
            &path,
            "{\"code\":\"a\"}\n\n{\"kode\":1}\nnonsense\n{\"code\":\"\"}\n{\"code\":\"b\"}",
        )
        .unwrap();
        let filled = |row: &Typed| if row.code.is_empty() { Err("empty `code`".to_owned()) } else { Ok(()) };
        let found = read(&path, filled).unwrap();
        assert_eq!(found.rows.iter().map(|row| row.code.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(found.refused.iter().map(|error| error.line).collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!(found.refused[2].message, "empty `code`");
    }

    #[test]
    fn gzip_round_trips_and_a_truncated_stream_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.jsonl.gz");
        let rows: Vec<Typed> = (0..500).map(|index| Typed { code: format!("int f{index}(void);") }).collect();
        write(&path, &rows).unwrap();
        assert_eq!(read(&path, |_: &Typed| Ok(())).unwrap().rows, rows);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(matches!(read(&path, |_: &Typed| Ok(())), Err(DataError::Rows(_))));
    }

    #[test]
    fn a_file_without_rows_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.jsonl");
        for (text, count) in [("[1]\n", 1), ("[]\n", 0), ("1\n\"x\"\n", 2)] {
            std::fs::write(&path, text).unwrap();
            let error = read(&path, |_: &Typed| Ok(())).unwrap_err();
            assert!(matches!(error, DataError::NoRows { refused, .. } if refused == count), "{error}");
        }
        std::fs::write(&path, " \n").unwrap();
        assert!(matches!(read(&path, |_: &Typed| Ok(())), Err(DataError::Rows(_))));
    }

    #[test]
    fn rows_are_read_from_every_format() {
        let dir = tempfile::tempdir().unwrap();
        let lines =
            "\u{feff}{\"code\": \"a\", \"cvss\": NaN, \"note\": \"\\ud83d\"}\r\n\n{\"code\": \"b\"}\n";
        for (name, text, numbers) in [
            ("rows.jsonl", lines, [1, 3]),
            ("rows.json", "[\n  {\"code\": \"a\", \"x\": -Infinity},\n  {\"code\": \"b\"}\n]\n", [1, 2]),
            ("rows.csv", "id,code\r\n1,a\r\n2,\"b\"\r\n", [1, 2]),
        ] {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            let found = read(&path, |_: &Typed| Ok(())).unwrap();
            assert_eq!(
                found.rows.iter().map(|row| row.code.as_str()).collect::<Vec<_>>(),
                ["a", "b"],
                "{name}"
            );
            assert_eq!(found.lines, numbers, "{name}");
            assert_eq!(read_texts(&path, "code", Ok).unwrap().rows, ["a", "b"], "{name}");
        }
    }
}
