//! A file that rows go to.

use std::path::{Path, PathBuf};

use codepurify_data::{AddedColumn, EditedRow, RowReader, RowWriter};

use super::account::Size;
use super::appended::{Appended, unwritable};
use super::paths::partial;
use crate::error::CliError;

/// Rows in the format of the input. The file has another name until it is whole.
pub(crate) struct RowFile {
    output: PathBuf,
    written: Appended,
    pub(crate) writer: RowWriter,
    rows: u64,
}

impl RowFile {
    /// Opens the file `output` for rows of `input` with these columns added.
    pub(crate) fn open(output: &Path, input: &RowReader, added: Vec<AddedColumn>) -> Result<Self, CliError> {
        let writer = RowWriter::new(input, added, output)?;
        let written = Appended::open(&partial(output))?;
        Ok(Self { output: output.to_path_buf(), written, writer, rows: 0 })
    }

    /// Bytes that are there.
    pub(crate) fn bytes(&self) -> u64 {
        self.written.bytes
    }

    pub(crate) fn size(&self) -> Size {
        Size { bytes: self.written.bytes, rows: self.rows }
    }

    /// Starts the file, or goes on behind what it had when it was of this size.
    pub(crate) fn start(&mut self, from: Option<Size>) -> Result<(), CliError> {
        let size = from.unwrap_or_default();
        self.written.cut(size.bytes)?;
        self.rows = size.rows;
        let head = self.writer.head().map_err(|source| unwritable(&self.output, source))?;
        if from.is_none() {
            return self.written.append(&head);
        }
        self.writer.go_on(size.rows > 0);
        Ok(())
    }

    pub(crate) fn append(&mut self, rows: &[EditedRow]) -> Result<(), CliError> {
        let bytes = self.writer.rows(rows).map_err(|source| unwritable(&self.output, source))?;
        self.rows += rows.len() as u64;
        self.written.append(&bytes)
    }

    pub(crate) fn sync(&self) -> Result<(), CliError> {
        self.written.sync()
    }

    /// Gives the file its name, behind the last row of `input`.
    pub(crate) fn finish(mut self, input: &RowReader) -> Result<(), CliError> {
        let tail = self.writer.tail(input).map_err(|source| unwritable(&self.output, source))?;
        self.written.append(&tail)?;
        let finished = self.writer.finish(&self.written.path, &self.output);
        finished.map_err(|source| unwritable(&self.output, source))
    }
}
