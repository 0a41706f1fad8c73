//! Rows, one at a time.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::content::{self, BOM, Content, Format};
use crate::error::{DataError, RowError};
use crate::frame::{Array, Bytes, Cut, CutError, Delimited, Frame, Lines};
use crate::input::Input;
use crate::parquet::{About, ParquetRows};
use crate::row::{NumberedRow, Row};

/// How rows are read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// Largest row in bytes, decompressed; larger ones are row errors.
    pub max_row_bytes: usize,
    /// Fields that the caller reads. They help to tell a table where nothing else does.
    pub fields: Vec<String>,
    /// Read only the fields with code and languages, where the format allows that: of Parquet, the other columns are not
    /// read. With [`ReadOptions::fields`] these are the fields with code. If one of them is missing, all fields are read.
    pub code_only: bool,
}

impl Default for ReadOptions {
    /// 32 MiB a row.
    fn default() -> Self {
        Self { max_row_bytes: 32 << 20, fields: Vec::new(), code_only: false }
    }
}

/// Kind of an input.
pub enum Found {
    /// Rows.
    Rows(Box<RowReader>),
    /// Something else, a source file for example.
    Other(Input),
}

/// Reads the rows of one file.
pub struct RowReader {
    path: PathBuf,
    bytes: Bytes,
    format: Format,
    cutter: Cutter,
    limit: usize,
    head: Vec<u8>,
    tail: Vec<u8>,
    /// Rows that were looked at ahead, and the error behind them.
    ahead: VecDeque<NumberedRow>,
    failure: Option<DataError>,
    ended: bool,
    length: Option<u64>,
    position: Arc<AtomicU64>,
}

/// Cutters of bytes into rows.
enum Cutter {
    Lines(Lines),
    Array(Array),
    Table { table: Box<Delimited>, header: Arc<[String]> },
    Parquet(Box<ParquetRows>),
}

impl RowReader {
    /// Opens a file of rows.
    ///
    /// # Errors
    /// [`DataError`].
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self, DataError> {
        match Self::detect(Input::open(path)?, options)? {
            Found::Rows(reader) => Ok(*reader),
            Found::Other(_) => Err(DataError::NotRows { path: path.to_path_buf() }),
        }
    }

    /// Looks whether an input holds rows, and reads them if it does.
    ///
    /// # Errors
    /// [`DataError`] if it holds, or should hold by its name, rows that cannot be read.
    pub fn detect(input: Input, options: &ReadOptions) -> Result<Found, DataError> {
        let path = input.path().to_path_buf();
        let (start, whole) = input.start();
        match content::tell(start, whole, &path, &options.fields) {
            Content::Rows(format) => Ok(Found::Rows(Box::new(Self::new(input, format, options)?))),
            Content::Unsupported(format) => Err(DataError::Unsupported { path, format }),
            Content::OneObject => Err(DataError::OneObject { path }),
            Content::Empty => Err(DataError::Empty { path }),
            Content::Unknown => Ok(Found::Other(input)),
        }
    }

    fn new(input: Input, format: Format, options: &ReadOptions) -> Result<Self, DataError> {
        let path = input.path().to_path_buf();
        let (length, position) = input.progress();
        let readable = input.is_regular() && !input.is_compressed();
        let remote = input.remote();
        let (mut bytes, limit) = (Bytes::new(input.into_reader()), options.max_row_bytes);
        let opened = match format {
            Format::JsonLines => Ok((Cutter::Lines(Lines::default()), Vec::new())),
            Format::JsonArray => {
                Array::open(&mut bytes, limit).map(|(array, head)| (Cutter::Array(array), head))
            }
            Format::Delimited(delimiter) => match Delimited::open(&mut bytes, delimiter, limit) {
                Ok((table, frame)) => {
                    let header = header(&frame, &table);
                    let header = header.map_err(|source| DataError::Header { path: path.clone(), source })?;
                    Ok((Cutter::Table { table: Box::new(table), header }, frame.raw))
                }
                Err(error) => Err(error),
            },
            Format::Parquet if !readable => return Err(DataError::ParquetStream { path }),
            Format::Parquet => {
                let columns = options.code_only.then_some(&*options.fields);
                let rows = match remote {
                    Some(file) => ParquetRows::new(file, columns),
                    None => ParquetRows::open(&path, columns),
                };
                let rows = rows.map_err(CutError::Io);
                rows.map(|rows| (Cutter::Parquet(Box::new(rows)), Vec::new()))
            }
        };
        let (cutter, head) = opened.map_err(|error| failed(&path, 0, error))?;
        Ok(Self {
            path,
            bytes,
            format,
            cutter,
            limit,
            head,
            tail: Vec::new(),
            ahead: VecDeque::new(),
            failure: None,
            ended: false,
            length,
            position,
        })
    }

    /// How the rows are written.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The path, or the name of the stream.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes before the first row: the header of a table, the bracket of an array.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// The bytes behind the last row, once that was read: blank lines, the bracket of an array.
    #[must_use]
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// The bytes between two rows: the comma of an array.
    #[must_use]
    pub fn separator(&self) -> &'static [u8] {
        if self.format == Format::JsonArray { b"," } else { b"" }
    }

    /// The names of the columns, where all rows have the same.
    #[must_use]
    pub fn columns(&self) -> Option<Vec<&str>> {
        match &self.cutter {
            Cutter::Lines(_) | Cutter::Array(_) => None,
            Cutter::Table { header, .. } => Some(header.iter().map(String::as_str).collect()),
            Cutter::Parquet(rows) => {
                Some(rows.about().schema.fields().iter().map(|field| field.name().as_str()).collect())
            }
        }
    }

    /// Facts about a Parquet file.
    pub(crate) fn parquet(&self) -> Option<&Arc<About>> {
        if let Cutter::Parquet(rows) = &self.cutter { Some(rows.about()) } else { None }
    }

    /// How many bytes of the file were read, and how many it has; the latter is not known of a stream.
    #[must_use]
    pub fn progress(&self) -> (u64, Option<u64>) {
        (self.position.load(Ordering::Relaxed), self.length)
    }

    /// The next rows, which remain to be read: at most `count`, fewer if they are large.
    pub fn look_ahead(&mut self, count: usize) -> impl Iterator<Item = &NumberedRow> {
        let mut bytes = 0;
        while self.ahead.len() < count && bytes <= self.limit && self.failure.is_none() {
            match self.read() {
                Some(Ok(row)) => {
                    bytes += row.row.as_ref().map_or(0, Row::size);
                    self.ahead.push_back(row);
                }
                Some(Err(error)) => self.failure = Some(error),
                None => break,
            }
        }
        self.ahead.iter().take(count)
    }

    fn read(&mut self) -> Option<Result<NumberedRow, DataError>> {
        if self.ended {
            return None;
        }
        let cut = match &mut self.cutter {
            Cutter::Lines(lines) => lines.next(&mut self.bytes, self.limit),
            Cutter::Array(array) => array.next(&mut self.bytes, self.limit),
            Cutter::Table { table, .. } => table.next(&mut self.bytes, self.limit),
            Cutter::Parquet(_) => return self.read_record(),
        };
        match cut {
            Ok((number, Cut::Row(mut frame))) => {
                let row = self.parse(&mut frame);
                Some(Ok(NumberedRow { number, row, refused: frame.raw, digest: self.bytes.digest() }))
            }
            Ok((_, Cut::End(tail))) => {
                (self.ended, self.tail) = (true, tail);
                None
            }
            Err(error) => {
                self.ended = true;
                let rows = if let Cutter::Array(array) = &self.cutter { array.elements() } else { 0 };
                Some(Err(failed(&self.path, rows, error)))
            }
        }
    }

    /// The next row of a Parquet file.
    fn read_record(&mut self) -> Option<Result<NumberedRow, DataError>> {
        let Cutter::Parquet(rows) = &mut self.cutter else { return None };
        let record = match rows.next() {
            Some(Ok(record)) => record,
            Some(Err(source)) => {
                self.ended = true;
                return Some(Err(DataError::Io { path: self.path.clone(), source }));
            }
            None => {
                self.ended = true;
                return None;
            }
        };
        let (number, digest) = (rows.number(), rows.digest());
        // The bytes of the file that belong to these rows, about.
        let part = self.length.unwrap_or(0) / rows.about().rows.max(1) as u64;
        self.position.store(part * number as u64, Ordering::Relaxed);
        let row = if record.size() > self.limit {
            Err(RowError::TooLarge { limit: self.limit })
        } else {
            Ok(Row::of_record(record))
        };
        Some(Ok(NumberedRow { number, row, refused: Vec::new(), digest }))
    }

    fn parse(&mut self, frame: &mut Frame) -> Result<Row, RowError> {
        if frame.too_large {
            return Err(RowError::TooLarge { limit: self.limit });
        }
        match (&mut self.cutter, self.format) {
            (Cutter::Table { table, header }, Format::Delimited(delimiter)) => {
                if table.open_quote {
                    return Err(RowError::OpenQuote);
                }
                Row::record(frame, std::mem::take(&mut table.cells), header, delimiter)
            }
            _ => Row::json(frame),
        }
    }
}

impl Iterator for RowReader {
    type Item = Result<NumberedRow, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(row) = self.ahead.pop_front() {
            return Some(Ok(row));
        }
        match self.failure.take() {
            Some(failure) => Some(Err(failure)),
            None => self.read(),
        }
    }
}

/// The names of a table's columns.
fn header(frame: &Frame, table: &Delimited) -> Result<Arc<[String]>, RowError> {
    if frame.too_large {
        return Err(RowError::TooLarge { limit: frame.raw.len() });
    }
    if table.open_quote {
        return Err(RowError::OpenQuote);
    }
    let name = |index: usize| {
        let bytes = table.cells.get(index).unwrap_or_default();
        // The mark belongs to the file, not to the first name.
        let bytes = if index == 0 { bytes.strip_prefix(BOM).unwrap_or(bytes) } else { bytes };
        let name = std::str::from_utf8(bytes);
        name.map(str::to_owned).map_err(|error| RowError::NotUtf8 { offset: error.valid_up_to() })
    };
    (0..table.cells.count()).map(name).collect()
}

fn failed(path: &Path, row: usize, error: CutError) -> DataError {
    let path = path.to_path_buf();
    match error {
        CutError::Io(source) => DataError::Io { path, source },
        CutError::CutShort => DataError::CutShort { path, row },
        CutError::Trailing => DataError::Trailing { path },
    }
}
