//! One row: its bytes and its fields.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::digest::hex;
use crate::error::{FieldError, RowError};
use crate::frame::{Cells, Frame, replace_cells};
use crate::json::{self, Object};

/// A row and where it is.
#[derive(Debug)]
pub struct NumberedRow {
    /// Its line in JSON Lines; its element in an array; its record in a table, without the header. From 1.
    pub number: usize,
    /// The row, or what is wrong with it.
    pub row: Result<Row, RowError>,
    /// SHA-256 of the input, decompressed, up to the end of this row.
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
}

impl Row {
    /// A row of JSON.
    pub(crate) fn json(frame: Frame) -> Result<Self, RowError> {
        let object = json::parse(utf8(&frame)?)?;
        Ok(Self { raw: frame.raw, text: frame.text, fields: Fields::Json(object) })
    }

    /// A record of a table.
    pub(crate) fn record(
        frame: Frame,
        cells: Cells,
        header: &Arc<[String]>,
        delimiter: u8,
    ) -> Result<Self, RowError> {
        utf8(&frame)?;
        let (found, expected) = (cells.count(), header.len());
        if found != expected {
            return Err(RowError::FieldCount { found, expected });
        }
        let fields = Fields::Table { header: Arc::clone(header), cells, delimiter };
        Ok(Self { raw: frame.raw, text: frame.text, fields })
    }

    /// All bytes of the row as they are in the file, its line end and blank lines before it included. Of an array: what is
    /// between two commas.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Names of the fields, in order.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        match &self.fields {
            Fields::Json(object) => object.members.iter().map(|member| member.name.as_str()).collect(),
            Fields::Table { header, .. } => header.iter().map(String::as_str).collect(),
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
        }
    }

    /// The bytes of the row with other texts in fields that it has; all else as it was.
    ///
    /// # Errors
    /// [`FieldError`] if the row does not have exactly one of each field.
    pub fn with_texts(&self, texts: &[(&str, &str)]) -> Result<Vec<u8>, FieldError> {
        let mut new = Vec::new();
        for &(field, text) in texts {
            new.push((self.find(field)?, text));
        }
        new.sort_unstable();
        match &self.fields {
            Fields::Table { delimiter, .. } => Ok(replace_cells(&self.raw, &self.text, *delimiter, &new)),
            Fields::Json(object) => {
                let new = new.iter().map(|(index, text)| (&object.members[*index].value, json::quoted(text)));
                let text = self.replaced(new);
                Ok([&self.raw[..self.text.start], text.as_bytes(), &self.raw[self.text.end..]].concat())
            }
        }
    }

    /// The row as an object of JSON that other readers take: `NaN` and infinities are null, cells of tables are texts. Lone
    /// surrogates stay: readers refuse them where they need the text.
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
