//! Rows → bytes that can be appended to a file: messages of Arrow's stream format, which are whole record batches.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BinaryViewBuilder, Float64Builder, LargeBinaryBuilder, LargeStringBuilder, ListBuilder,
    StringBuilder, StringViewBuilder, StructBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema, SchemaRef};
use arrow_select::interleave::interleave_record_batch;

use super::reader::Record;
use super::{About, cells};
use crate::added::{AddedCell, AddedColumn, AddedKind};

/// Turns rows into messages.
pub(crate) struct Batches {
    schema: SchemaRef,
    added: Vec<AddedColumn>,
    stream: StreamWriter<Vec<u8>>,
}

/// A row with other texts in some of its columns, and the cells of added ones.
pub(crate) struct EditedRecord<'r> {
    pub(crate) record: &'r Record,
    pub(crate) texts: Vec<(usize, &'r str)>,
    pub(crate) added: &'r [AddedCell],
}

impl Batches {
    /// Rows of a file with these columns, and those that are added.
    pub(crate) fn new(about: &About, added: &[AddedColumn]) -> Result<Self, ArrowError> {
        let fields = about.schema.fields().iter().cloned();
        let fields: Fields = fields.chain(added.iter().map(|column| Arc::new(field(column)))).collect();
        let schema = Arc::new(Schema::new_with_metadata(fields, about.schema.metadata().clone()));
        let stream = StreamWriter::try_new(Vec::new(), &schema)?;
        Ok(Self { schema, added: added.to_vec(), stream })
    }

    /// The bytes since the last call: first the schema, and then what was written.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.stream.get_mut())
    }

    /// Writes rows as one batch.
    pub(crate) fn write(&mut self, rows: &[EditedRecord<'_>]) -> Result<(), ArrowError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut columns = collected(rows)?.columns().to_vec();
        for (index, column) in columns.iter_mut().enumerate() {
            *column = replaced(column, index, rows);
        }
        let added = self.added.iter().enumerate();
        columns.extend(added.map(|(index, column)| cells_of(column.kind, rows, index)));
        self.stream.write(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

/// The rows as they were, in one batch.
fn collected(rows: &[EditedRecord<'_>]) -> Result<RecordBatch, ArrowError> {
    let mut batches: Vec<&RecordBatch> = Vec::new();
    let mut places = Vec::with_capacity(rows.len());
    for row in rows {
        let (batch, index) = row.record.place();
        if !batches.last().is_some_and(|last| std::ptr::eq(*last, batch)) {
            batches.push(batch);
        }
        places.push((batches.len() - 1, index));
    }
    interleave_record_batch(&batches, &places)
}

/// The column with other texts where rows have them.
fn replaced(column: &ArrayRef, index: usize, rows: &[EditedRecord<'_>]) -> ArrayRef {
    let new = rows.iter().map(|row| row.texts.iter().find(|(column, _)| *column == index));
    let new: Vec<Option<&str>> = new.map(|found| found.map(|(_, text)| *text)).collect();
    if new.iter().all(Option::is_none) {
        return Arc::clone(column);
    }
    let cell = |row: usize| match new[row] {
        Some(text) => Some(text.as_bytes()),
        None if column.is_null(row) => None,
        None => cells::bytes(column, row),
    };
    let cells = (0..column.len()).map(cell);
    texts(column.data_type(), cells).unwrap_or_else(|| Arc::clone(column))
}

/// A column of texts or bytes; `None` for other types.
fn texts<'c>(data_type: &DataType, cells: impl Iterator<Item = Option<&'c [u8]>>) -> Option<ArrayRef> {
    macro_rules! column {
        ($builder:ident, $cell:expr) => {{
            let mut builder = $builder::new();
            cells.for_each(|cell| builder.append_option(cell.map($cell)));
            Arc::new(builder.finish())
        }};
    }
    let text = |bytes: &'c [u8]| String::from_utf8_lossy(bytes);
    Some(match data_type {
        DataType::Utf8 => column!(StringBuilder, text),
        DataType::LargeUtf8 => column!(LargeStringBuilder, text),
        DataType::Utf8View => column!(StringViewBuilder, text),
        DataType::Binary => column!(BinaryBuilder, |bytes| bytes),
        DataType::LargeBinary => column!(LargeBinaryBuilder, |bytes| bytes),
        DataType::BinaryView => column!(BinaryViewBuilder, |bytes| bytes),
        _ => return None,
    })
}

/// The type of an added column.
fn field(column: &AddedColumn) -> Field {
    let data_type = match column.kind {
        AddedKind::Text => DataType::Utf8,
        AddedKind::Number => DataType::Float64,
        AddedKind::Records(names) => {
            DataType::List(Arc::new(Field::new_list_field(DataType::Struct(fields(names)), true)))
        }
    };
    Field::new(&column.name, data_type, true)
}

fn fields(names: &[&str]) -> Fields {
    names.iter().map(|&name| Field::new(name, DataType::Utf8, true)).collect()
}

/// The cells of the added column with this index. A cell of another type than its column is null.
fn cells_of(kind: AddedKind, rows: &[EditedRecord<'_>], index: usize) -> ArrayRef {
    let cells = rows.iter().map(|row| row.added.get(index).unwrap_or(&AddedCell::Null));
    match kind {
        AddedKind::Text => {
            let mut builder = StringBuilder::new();
            cells.for_each(|cell| {
                builder.append_option(if let AddedCell::Text(text) = cell { Some(text) } else { None });
            });
            Arc::new(builder.finish())
        }
        AddedKind::Number => {
            let mut builder = Float64Builder::new();
            cells.for_each(|cell| match cell {
                AddedCell::Number(number) if number.is_finite() => builder.append_value(*number),
                _ => builder.append_null(),
            });
            Arc::new(builder.finish())
        }
        AddedKind::Records(names) => records(names, cells),
    }
}

fn records<'c>(names: &[&str], cells: impl Iterator<Item = &'c AddedCell>) -> ArrayRef {
    let mut builder = ListBuilder::new(StructBuilder::from_fields(fields(names), 0));
    for cell in cells {
        let AddedCell::Records(records) = cell else {
            builder.append_null();
            continue;
        };
        for record in records {
            for index in 0..names.len() {
                let text = record.get(index).and_then(Option::as_ref);
                let column = builder.values().field_builder::<StringBuilder>(index);
                column.expect("all fields are texts").append_option(text);
            }
            builder.values().append(true);
        }
        builder.append(true);
    }
    Arc::new(builder.finish())
}
