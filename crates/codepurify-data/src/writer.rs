//! Rows → bytes of a file of the same format.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use flate2::write::GzEncoder;

use crate::added::{self, AddedCell, AddedColumn};
use crate::content::{Compression, Format, compression_by_name};
use crate::error::{DataError, FieldError};
use crate::parquet::{About, Batches, EditedRecord, Record, to_parquet};
use crate::reader::RowReader;
use crate::row::{Edit, Row};

/// Level of zstd: its default.
const ZSTD_LEVEL: i32 = 3;

/// Turns rows into bytes that are appended to a file, which is made into the output when it is whole.
///
/// The file can be cut off behind what any call returned, and gone on with from there. Texts are as they will be; rows of
/// Parquet are record batches of Arrow's stream format until [`RowWriter::finish`].
pub struct RowWriter {
    form: Form,
    added: Vec<AddedColumn>,
    compression: Option<Compression>,
    /// True if there is a row in the file.
    any: bool,
}

enum Form {
    Text { format: Format, head: Vec<u8>, separator: &'static [u8] },
    Parquet { about: Arc<About>, batches: Box<Batches> },
}

/// A row with its changes, which can be written.
pub struct EditedRow(Changed);

enum Changed {
    Text(Vec<u8>),
    Record { record: Record, texts: Vec<(usize, String)>, added: Vec<AddedCell> },
}

impl RowWriter {
    /// A writer for rows of `input` with these columns added. The name of the output says whether it is compressed.
    ///
    /// # Errors
    /// [`DataError::Exists`] if the input has one of these columns already.
    pub fn new(input: &RowReader, added: Vec<AddedColumn>, output: &Path) -> Result<Self, DataError> {
        let known = input.columns().unwrap_or_default();
        if let Some(column) = added.iter().find(|column| known.contains(&column.name.as_str())) {
            return Err(DataError::Exists { path: input.path().to_path_buf(), column: column.name.clone() });
        }
        let form = match input.parquet() {
            Some(about) => {
                let batches = Batches::new(about, &added);
                let batches = batches.map_err(|error| DataError::Io {
                    path: input.path().to_path_buf(),
                    source: io::Error::other(error),
                })?;
                Form::Parquet { about: Arc::clone(about), batches: Box::new(batches) }
            }
            None => {
                Form::Text { format: input.format(), head: head(input, &added), separator: input.separator() }
            }
        };
        let compression = compression_by_name(output).filter(|_| input.format() != Format::Parquet);
        Ok(Self { form, added, compression, any: false })
    }

    /// The bytes before the first row.
    ///
    /// # Errors
    /// If they cannot be compressed.
    pub fn head(&mut self) -> io::Result<Vec<u8>> {
        let head = match &mut self.form {
            Form::Text { head, .. } => std::mem::take(head),
            Form::Parquet { batches, .. } => batches.take(),
        };
        self.compressed(head)
    }

    /// Goes on with a file that has its head and, if `any`, rows.
    pub fn go_on(&mut self, any: bool) {
        self.any = any;
    }

    /// Makes the changes to a row.
    ///
    /// # Errors
    /// [`FieldError`] if the row does not have exactly one of the fields that change, or has one that is added.
    pub fn edit(&self, row: &Row, edit: Edit) -> Result<EditedRow, FieldError> {
        let Some(record) = row.as_record() else {
            return Ok(EditedRow(Changed::Text(row.edited(&edit, &self.added)?)));
        };
        let places = row.places(&edit)?.into_iter();
        let texts = places.map(|(index, text)| (index, text.to_owned())).collect();
        Ok(EditedRow(Changed::Record { record: record.clone(), texts, added: edit.added }))
    }

    /// The bytes of rows.
    ///
    /// # Errors
    /// If they cannot be encoded or compressed.
    pub fn rows(&mut self, rows: &[EditedRow]) -> io::Result<Vec<u8>> {
        let bytes = match &mut self.form {
            Form::Text { separator, .. } => {
                let mut bytes = Vec::new();
                for row in rows {
                    let Changed::Text(row) = &row.0 else { continue };
                    if self.any {
                        bytes.extend_from_slice(separator);
                    }
                    bytes.extend_from_slice(row);
                    self.any = true;
                }
                bytes
            }
            Form::Parquet { batches, .. } => {
                let records: Vec<EditedRecord<'_>> = rows.iter().filter_map(EditedRow::record).collect();
                batches.write(&records).map_err(io::Error::other)?;
                batches.take()
            }
        };
        self.compressed(bytes)
    }

    /// The bytes behind the last row, as the input has them. An input that was not read to its end has none; an array is
    /// closed all the same.
    ///
    /// # Errors
    /// If they cannot be compressed.
    pub fn tail(&self, input: &RowReader) -> io::Result<Vec<u8>> {
        let tail = match &self.form {
            Form::Text { format: Format::JsonArray, .. } if input.tail().is_empty() => b"\n]\n",
            Form::Text { .. } => input.tail(),
            Form::Parquet { .. } => b"",
        };
        self.compressed(tail.to_vec())
    }

    /// Makes the file `written`, which has all rows, into `output`: whole or not at all.
    ///
    /// # Errors
    /// If `written` cannot be read, or `output` not be written.
    pub fn finish(&self, written: &Path, output: &Path) -> io::Result<()> {
        let Form::Parquet { about, .. } = &self.form else {
            File::open(written)?.sync_all()?;
            return std::fs::rename(written, output);
        };
        let converted = written.with_added_extension("parquet");
        let file = File::create(&converted)?;
        to_parquet(written, &file, about)?;
        file.sync_all()?;
        std::fs::rename(converted, output)?;
        std::fs::remove_file(written)
    }

    /// Compresses bytes on their own, as a file may consist of several compressed streams.
    fn compressed(&self, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        match self.compression {
            _ if bytes.is_empty() => Ok(bytes),
            None => Ok(bytes),
            Some(Compression::Gzip) => {
                let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(&bytes)?;
                encoder.finish()
            }
            Some(Compression::Zstd) => zstd::encode_all(&*bytes, ZSTD_LEVEL),
        }
    }
}

impl EditedRow {
    fn record(&self) -> Option<EditedRecord<'_>> {
        let Changed::Record { record, texts, added } = &self.0 else { return None };
        let texts = texts.iter().map(|(index, text)| (*index, text.as_str())).collect();
        Some(EditedRecord { record, texts, added })
    }
}

/// The head of a text file with the names of added columns.
fn head(input: &RowReader, added: &[AddedColumn]) -> Vec<u8> {
    let head = input.head();
    let Format::Delimited(delimiter) = input.format() else { return head.to_vec() };
    let line_end = head.iter().rev().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let (names, line_end) = head.split_at(head.len() - line_end);
    [names, &added::names(added, delimiter), line_end].concat()
}
