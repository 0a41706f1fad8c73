//! One row: its bytes and its fields.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::added::{self, AddedCell, AddedColumn};
use crate::digest::hex;
use crate::error::{FieldError, RowError};
use crate::frame::{Cells, Frame, replace_cells};
use crate::json::{self, Object};
use crate::parquet::Record;

/// A row and where it is.
#[derive(Debug)]
pub struct NumberedRow {
    /// Its line in JSON Lines; its element in an array; its record in a table, without the header; its row in a Parquet
    /// file. From 1.
    pub number: usize,
    /// The row, or what is wrong with it.
    pub row: Result<Row, RowError>,
    /// The bytes of a row with which something is wrong; none if there were too many.
    pub refused: Vec<u8>,
    /// SHA-256 of the input, decompressed, up to the end of this row; of a Parquet file that of the texts up to there.
    pub digest: [u8; 32],
}

impl NumberedRow {
    /// The first 16 hexadecimal digits of the digest.
    #[must_use]
    pub fn short_digest(&self) -> String {
        hex(&self.digest[..8])
    }
}

/// A row that is an object, or as wide as its table.
#[derive(Debug)]
pub struct Row {
    raw: Vec<u8>,
    text: Range<usize>,
    fields: Fields,
}

#[derive(Debug)]
enum Fields {
    Json(Object),
    Table { header: Arc<[String]>, cells: Cells, delimiter: u8 },
    Record(Record),
}

/// Changes to a row: other texts in fields that it has, and the cells of columns that are added.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Edit {
    /// Fields and their texts.
    pub texts: Vec<(String, String)>,
    /// One cell for each column that is added.
    pub added: Vec<AddedCell>,
}

impl Row {
    /// A row of JSON.
    pub(crate) fn json(frame: &mut Frame) -> Result<Self, RowError> {
        let object = json::parse(utf8(frame)?)?;
        Ok(Self::of(frame, Fields::Json(object)))
    }

    /// Takes the bytes of the frame.
    fn of(frame: &mut Frame, fields: Fields) -> Self {
        let Frame { raw, text, .. } = std::mem::take(frame);
        Self { raw, text, fields }
    }

    /// A record of a table.
    pub(crate) fn record(
        frame: &mut Frame,
        cells: Cells,
        header: &Arc<[String]>,
        delimiter: u8,
    ) -> Result<Self, RowError> {
        utf8(frame)?;
        let (found, expected) = (cells.count(), header.len());
        if found != expected {
            return Err(RowError::FieldCount { found, expected });
        }
        Ok(Self::of(frame, Fields::Table { header: Arc::clone(header), cells, delimiter }))
    }

    /// A row of a Parquet file.
    pub(crate) fn of_record(record: Record) -> Self {
        Self { raw: Vec::new(), text: 0..0, fields: Fields::Record(record) }
    }

    /// All bytes of the row as they are in the file, its line end and blank lines before it included. Of an array: what is
    /// between two commas. Of a Parquet file: nothing, as its rows have no bytes of their own.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Bytes that it takes in memory, about.
    #[must_use]
    pub fn size(&self) -> usize {
        match &self.fields {
            Fields::Record(record) => record.size(),
            _ => self.raw.len(),
        }
    }

    /// Names of the fields, in order.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        match &self.fields {
            Fields::Json(object) => object.members.iter().map(|member| member.name.as_str()).collect(),
            Fields::Table { header, .. } => header.iter().map(String::as_str).collect(),
            Fields::Record(record) => record.names().iter().map(String::as_str).collect(),
        }
    }

    /// The text in a field.
    ///
    /// # Errors
    /// [`FieldError`] if the row does not have exactly one such field, or no text in it.
    pub fn text(&self, field: &str) -> Result<String, FieldError> {
        let index = self.find(field)?;
        let owned = || field.to_owned();
        match &self.fields {
            Fields::Json(object) => {
                let value = self.slice(object.members[index].value.clone());
                if !value.starts_with('"') {
                    return Err(FieldError::NotText { field: owned(), found: json::kind(value) });
                }
                json::decode(value).map_err(|escape| FieldError::LoneSurrogate { field: owned(), escape })
            }
            Fields::Table { cells, .. } => Ok(cell(cells, index).into_owned()),
            Fields::Record(record) => match record.text(index) {
                Ok(text) => Ok(text.to_owned()),
                Err(found) => Err(FieldError::NotText { field: owned(), found }),
            },
        }
    }

    /// The bytes of the row with changes; all else as it was. None for a row of a Parquet file.
    ///
    /// # Errors
    /// [`FieldError`] if the row does not have exactly one of each field whose text changes, or has one that is added.
    pub(crate) fn edited(&self, edit: &Edit, added: &[AddedColumn]) -> Result<Vec<u8>, FieldError> {
        let places = self.places(edit)?;
        let behind = self.raw.len() - self.text.end;
        let (mut bytes, end, new) = match &self.fields {
            Fields::Record(_) => return Ok(Vec::new()),
            Fields::Table { delimiter, .. } => {
                let bytes = replace_cells(&self.raw, &self.text, *delimiter, &places);
                (bytes, behind, added::cells(added, &edit.added, *delimiter))
            }
            Fields::Json(object) => {
                self.reject_known(added)?;
                let texts =
                    places.iter().map(|(index, text)| (&object.members[*index].value, json::quoted(text)));
                let text = self.replaced(texts);
                let bytes =
                    [&self.raw[..self.text.start], text.as_bytes(), &self.raw[self.text.end..]].concat();
                (bytes, behind + 1, added::members(added, &edit.added, object.members.is_empty()))
            }
        };
        let at = bytes.len() - end;
        bytes.splice(at..at, new);
        Ok(bytes)
    }

    /// Refuses a row that has a field of the name of an added one.
    fn reject_known(&self, added: &[AddedColumn]) -> Result<(), FieldError> {
        let names = self.names();
        let known = added.iter().find(|column| names.contains(&column.name.as_str()));
        known.map_or(Ok(()), |column| Err(FieldError::Exists { field: column.name.clone() }))
    }

    /// The row of a Parquet file.
    pub(crate) fn as_record(&self) -> Option<&Record> {
        if let Fields::Record(record) = &self.fields { Some(record) } else { None }
    }

    /// The fields with other texts, in order.
    ///
    /// # Errors
    /// [`FieldError`] if the row does not have exactly one of each.
    pub(crate) fn places<'e>(&self, edit: &'e Edit) -> Result<Vec<(usize, &'e str)>, FieldError> {
        let place = |(field, text): &'e (String, String)| Ok((self.find(field)?, text.as_str()));
        let mut places = edit.texts.iter().map(place).collect::<Result<Vec<_>, FieldError>>()?;
        places.sort_unstable();
        Ok(places)
    }

    /// The row as an object of JSON that other readers take: `NaN` and infinities are null, cells of tables are texts. Lone
    /// surrogates stay: readers refuse them where they need the text. Of a Parquet file, cells that are null are left out,
    /// and values without a form in JSON, such as times, are empty objects.
    #[must_use]
    pub fn to_json(&self) -> Cow<'_, str> {
        match &self.fields {
            Fields::Json(object) if object.constants.is_empty() => {
                Cow::Borrowed(self.slice(0..self.text.len()))
            }
            Fields::Json(object) => {
                Cow::Owned(self.replaced(object.constants.iter().map(|place| (place, "null".to_owned()))))
            }
            Fields::Table { header, cells, .. } => {
                let member = |(index, name): (usize, &String)| {
                    format!("{}:{}", json::quoted(name), json::quoted(&cell(cells, index)))
                };
                let members: Vec<String> = header.iter().enumerate().map(member).collect();
                Cow::Owned(format!("{{{}}}", members.join(",")))
            }
            Fields::Record(record) => Cow::Owned(record.to_json()),
        }
    }

    fn find(&self, field: &str) -> Result<usize, FieldError> {
        let names = self.names();
        let mut found = names.iter().enumerate().filter(|(_, name)| **name == field);
        match (found.next(), found.next()) {
            (Some((index, _)), None) => Ok(index),
            (Some(_), Some(_)) => Err(FieldError::Repeated { field: field.to_owned() }),
            _ => {
                let found = names.iter().map(|&name| name.to_owned()).collect();
                Err(FieldError::Missing { field: field.to_owned(), found })
            }
        }
    }

    /// A part of the row's text.
    fn slice(&self, range: Range<usize>) -> &str {
        let text = std::str::from_utf8(&self.raw[self.text.clone()]).expect("rows are checked to be UTF-8");
        &text[range]
    }

    /// The row's text with other text in some places, which are in order.
    fn replaced<'p>(&self, new: impl Iterator<Item = (&'p Range<usize>, String)>) -> String {
        let (mut out, mut at) = (String::new(), 0);
        for (place, text) in new {
            out += self.slice(at..place.start);
            out += &text;
            at = place.end;
        }
        out + self.slice(at..self.text.len())
    }
}

/// The text of a cell of a record that is UTF-8.
fn cell(cells: &Cells, index: usize) -> Cow<'_, str> {
    String::from_utf8_lossy(cells.get(index).unwrap_or_default())
}

fn utf8(frame: &Frame) -> Result<&str, RowError> {
    let text = std::str::from_utf8(&frame.raw[frame.text.clone()]);
    text.map_err(|error| RowError::NotUtf8 { offset: error.valid_up_to() })
}
