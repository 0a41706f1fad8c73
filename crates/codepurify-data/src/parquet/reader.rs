//! The rows of a Parquet file.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::{ARROW_SCHEMA_META_KEY, ProjectionMask};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, KeyValue, ParquetMetaData};
use parquet::file::reader::ChunkReader;
use sha2::{Digest, Sha256};

use super::cells;
use crate::fields::{LANGUAGE_FIELDS, is_code_field};

/// Bytes of rows that a batch holds, about.
const BATCH_BYTES: usize = 16 << 20;

/// Most rows of a batch.
const BATCH_ROWS: usize = 1_024;

/// The rows of a file, one after the other.
pub(crate) struct ParquetRows {
    about: Arc<About>,
    batches: ParquetRecordBatchReader,
    batch: Arc<Batch>,
    /// Rows of the batch that were taken.
    taken: usize,
    /// Rows that were taken in all.
    rows: usize,
    digest: [u8; 32],
}

/// A file, without its rows.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) schema: SchemaRef,
    /// Metadata of the file, such as those of pandas and `datasets`, without its schema.
    pub(super) metadata: Vec<KeyValue>,
    /// Compression of its first column.
    pub(super) compression: Compression,
    /// Number of rows.
    pub(crate) rows: usize,
}

/// Rows of a file.
#[derive(Debug)]
struct Batch {
    names: Arc<[String]>,
    records: RecordBatch,
}

/// A row of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    batch: Arc<Batch>,
    index: usize,
}

impl ParquetRows {
    /// Opens a file. With `code`, only these columns are read, or else those that are known to hold code; and languages.
    ///
    /// # Errors
    /// Damage, or a kind of column or compression that is not read.
    pub(crate) fn open(path: &Path, code: Option<&[String]>) -> io::Result<Self> {
        Self::new(File::open(path)?, code)
    }

    /// Reads a file that is open.
    ///
    /// # Errors
    /// As [`ParquetRows::open`].
    pub(crate) fn new(file: impl ChunkReader + 'static, code: Option<&[String]>) -> io::Result<Self> {
        guarded(|| Self::begin(file, code))
    }

    fn begin(file: impl ChunkReader + 'static, code: Option<&[String]>) -> parquet::errors::Result<Self> {
        let mut metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::default())?;
        if metadata.schema().fields().iter().any(|field| has_dictionary(field)) {
            // Texts that are written as dictionaries are read as texts: only these can get other values.
            let plain = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
            metadata = ArrowReaderMetadata::load(&file, plain)?;
        }
        let rows = rows_of_batch(metadata.metadata());
        let batches = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone());
        let mut batches = batches.with_batch_size(rows);
        if let Some(columns) = code.and_then(|named| wanted(metadata.schema(), named)) {
            let mask = ProjectionMask::roots(metadata.parquet_schema(), columns);
            batches = batches.with_projection(mask);
        }
        let batches = batches.build()?;
        let about = About::new(batches.schema(), metadata.metadata());
        let names: Arc<[String]> = about.schema.fields().iter().map(|field| field.name().clone()).collect();
        let batch = Arc::new(Batch { names, records: RecordBatch::new_empty(about.schema.clone()) });
        Ok(Self { about: Arc::new(about), batches, batch, taken: 0, rows: 0, digest: [0; 32] })
    }

    pub(crate) fn about(&self) -> &Arc<About> {
        &self.about
    }

    /// Number of the last row that was taken.
    pub(crate) fn number(&self) -> usize {
        self.rows
    }

    /// The next row.
    ///
    /// # Errors
    /// Damage. Rows behind it cannot be read.
    pub(crate) fn next(&mut self) -> Option<io::Result<Record>> {
        while self.taken == self.batch.records.num_rows() {
            let records = match guarded(|| self.batches.next().transpose().map_err(ParquetError::from)) {
                Ok(records) => records?,
                Err(error) => {
                    let message = format!("behind row {}: {error}", self.rows);
                    return Some(Err(io::Error::new(error.kind(), message)));
                }
            };
            self.batch = Arc::new(Batch { names: Arc::clone(&self.batch.names), records });
            self.taken = 0;
        }
        let record = Record { batch: Arc::clone(&self.batch), index: self.taken };
        self.taken += 1;
        self.rows += 1;
        self.digest = record.digest(&self.digest);
        Some(Ok(record))
    }

    /// SHA-256 of the texts of all rows that were taken: of each the digest before it, and its texts with their lengths.
    pub(crate) fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

impl About {
    fn new(schema: SchemaRef, metadata: &ParquetMetaData) -> Self {
        let all = metadata.file_metadata().key_value_metadata().cloned().unwrap_or_default();
        let first = metadata.row_groups().first().and_then(|group| group.columns().first());
        Self {
            schema,
            metadata: all.into_iter().filter(|pair| pair.key != ARROW_SCHEMA_META_KEY).collect(),
            compression: first.map_or(Compression::SNAPPY, ColumnChunkMetaData::compression),
            rows: usize::try_from(metadata.file_metadata().num_rows()).unwrap_or_default(),
        }
    }
}

impl Record {
    /// Names of the columns.
    pub(crate) fn names(&self) -> &[String] {
        &self.batch.names
    }

    /// The batch that it is a row of, and its place there.
    pub(super) fn place(&self) -> (&RecordBatch, usize) {
        (&self.batch.records, self.index)
    }

    /// The text in a column, or what is there instead.
    pub(crate) fn text(&self, column: usize) -> Result<&str, &'static str> {
        cells::text(self.batch.records.column(column), self.index)
    }

    /// The row as an object of JSON.
    pub(crate) fn to_json(&self) -> String {
        cells::object(&self.batch.names, self.batch.records.columns(), self.index)
    }

    /// Bytes of its texts.
    pub(crate) fn size(&self) -> usize {
        self.texts().map(<[u8]>::len).sum()
    }

    fn texts(&self) -> impl Iterator<Item = &[u8]> {
        let there = self.batch.records.columns().iter().filter(|column| !column.is_null(self.index));
        there.filter_map(|column| cells::bytes(column, self.index))
    }

    fn digest(&self, before: &[u8; 32]) -> [u8; 32] {
        let mut digest = Sha256::new_with_prefix(before);
        for text in self.texts() {
            digest.update(text.len().to_le_bytes());
            digest.update(text);
        }
        digest.finalize().into()
    }
}

/// Places of the columns with these names, or else of those that are known to hold code; and of those that name languages.
/// None if one of the names is missing, or no column is known.
fn wanted(schema: &Schema, named: &[String]) -> Option<Vec<usize>> {
    let columns = || schema.fields().iter().map(|field| field.name());
    if named.iter().any(|name| columns().all(|column| column != name)) {
        return None;
    }
    let is_code = |name: &String| if named.is_empty() { is_code_field(name) } else { named.contains(name) };
    if !columns().any(is_code) {
        return None;
    }
    let is_wanted = |name: &String| is_code(name) || LANGUAGE_FIELDS.contains(&name.as_str());
    Some(columns().enumerate().filter(|(_, name)| is_wanted(name)).map(|(index, _)| index).collect())
}

/// Returns true if a column, or a part of it, is written as a dictionary.
fn has_dictionary(field: &Field) -> bool {
    match field.data_type() {
        DataType::Dictionary(..) => true,
        DataType::Struct(fields) => fields.iter().any(|field| has_dictionary(field)),
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            has_dictionary(field)
        }
        DataType::Map(field, _) => has_dictionary(field),
        _ => false,
    }
}

/// The number of rows that have about as many bytes as a batch may have.
fn rows_of_batch(metadata: &ParquetMetaData) -> usize {
    let bytes = |(rows, bytes): (i64, i64)| usize::try_from(bytes / rows.max(1)).unwrap_or(BATCH_BYTES);
    let groups = metadata.row_groups().iter().map(|group| (group.num_rows(), group.total_byte_size()));
    let largest = groups.map(bytes).max().unwrap_or(1);
    (BATCH_BYTES / largest.max(1)).clamp(1, BATCH_ROWS)
}

/// Runs `read`. The reader panics on some kinds of damage.
pub(super) fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> io::Result<T> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(io::Error::other),
        Err(_) => Err(io::Error::other("the Parquet file is damaged, or has a column of an unknown kind")),
    }
}
