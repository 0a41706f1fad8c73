//! Cells of record batches.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_schema::DataType;

use crate::json::quoted;

/// The text of a cell. Bytes that are UTF-8 are a text, too: some writers do not mark texts as such.
///
/// # Errors
/// The kind of value that the cell holds instead.
pub(super) fn text(column: &dyn Array, index: usize) -> Result<&str, &'static str> {
    if column.is_null(index) {
        return Err("null");
    }
    match bytes(column, index) {
        Some(bytes) => std::str::from_utf8(bytes).map_err(|_| "bytes that are not UTF-8"),
        None => Err(kind(column.data_type())),
    }
}

/// The bytes of a cell that holds a text or bytes.
pub(super) fn bytes(column: &dyn Array, index: usize) -> Option<&[u8]> {
    Some(match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(index).as_bytes(),
        DataType::LargeUtf8 => column.as_string::<i64>().value(index).as_bytes(),
        DataType::Utf8View => column.as_string_view().value(index).as_bytes(),
        DataType::Binary => column.as_binary::<i32>().value(index),
        DataType::LargeBinary => column.as_binary::<i64>().value(index),
        DataType::BinaryView => column.as_binary_view().value(index),
        _ => return None,
    })
}

/// Kind of the values of a column, for messages.
fn kind(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Null => "null",
        DataType::Boolean => "a boolean",
        data_type if data_type.is_numeric() => "a number",
        data_type if data_type.is_temporal() => "a time",
        DataType::Struct(_) | DataType::Map(..) => "an object",
        data_type if data_type.is_nested() => "an array",
        _ => "another kind of value",
    }
}

/// A row as an object of JSON. Cells that are null are left out: that is how such a file says that something is missing.
pub(super) fn object(names: &[String], columns: &[ArrayRef], index: usize) -> String {
    let there = names.iter().zip(columns).filter(|(_, column)| !column.is_null(index));
    let members = there.map(|(name, column)| format!("{}:{}", quoted(name), json(column, index)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// A cell as JSON. Values without a form in JSON, such as times, become an empty object.
fn json(column: &ArrayRef, index: usize) -> String {
    if column.is_null(index) {
        return "null".to_owned();
    }
    if let Ok(text) = text(column, index) {
        return quoted(text);
    }
    if let Some(number) = number(column, index) {
        return number;
    }
    match column.data_type() {
        DataType::Boolean => column.as_boolean().value(index).to_string(),
        DataType::Struct(_) => members(column.as_struct(), index),
        DataType::List(_) => list(&column.as_list::<i32>().value(index)),
        DataType::LargeList(_) => list(&column.as_list::<i64>().value(index)),
        DataType::FixedSizeList(..) => list(&column.as_fixed_size_list().value(index)),
        _ => "{}".to_owned(),
    }
}

fn members(column: &StructArray, index: usize) -> String {
    let names: Vec<String> = column.fields().iter().map(|field| field.name().clone()).collect();
    object(&names, column.columns(), index)
}

fn list(values: &ArrayRef) -> String {
    let values: Vec<String> = (0..values.len()).map(|index| json(values, index)).collect();
    format!("[{}]", values.join(","))
}

/// A number as JSON; `None` for other kinds of values.
fn number(column: &ArrayRef, index: usize) -> Option<String> {
    fn shown<T: ArrowPrimitiveType<Native: ToString>>(column: &ArrayRef, index: usize) -> Option<String> {
        Some(column.as_primitive_opt::<T>()?.value(index).to_string())
    }
    let finite =
        |text: Option<String>| text.map(|text| if is_finite(&text) { text } else { "null".to_owned() });
    match column.data_type() {
        DataType::Int8 => shown::<Int8Type>(column, index),
        DataType::Int16 => shown::<Int16Type>(column, index),
        DataType::Int32 => shown::<Int32Type>(column, index),
        DataType::Int64 => shown::<Int64Type>(column, index),
        DataType::UInt8 => shown::<UInt8Type>(column, index),
        DataType::UInt16 => shown::<UInt16Type>(column, index),
        DataType::UInt32 => shown::<UInt32Type>(column, index),
        DataType::UInt64 => shown::<UInt64Type>(column, index),
        DataType::Float32 => finite(shown::<Float32Type>(column, index)),
        DataType::Float64 => finite(shown::<Float64Type>(column, index)),
        _ => None,
    }
}

/// Returns true for a number that JSON can hold: neither `NaN` nor `inf`.
fn is_finite(number: &str) -> bool {
    !number.ends_with(|last: char| last.is_ascii_alphabetic())
}
