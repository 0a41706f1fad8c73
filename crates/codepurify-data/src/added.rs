//! Columns that are added to rows.

use crate::frame::quoted_cell;
use crate::json::quoted;

/// A column that the rows of the input do not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedColumn {
    /// Its name.
    pub name: String,
    /// Type of its cells.
    pub kind: AddedKind,
}

/// Type of the cells of an added column. Each cell may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddedKind {
    /// Texts.
    Text,
    /// Numbers.
    Number,
    /// Lists of records, each with these fields, which hold texts.
    Records(&'static [&'static str]),
}

/// Cell of an added column.
#[derive(Debug, Clone, PartialEq)]
pub enum AddedCell {
    /// No value.
    Null,
    /// A text.
    Text(String),
    /// A number. One that is not finite is written as null.
    Number(f64),
    /// Records, each with as many texts as its column has fields.
    Records(Vec<Vec<Option<String>>>),
}

impl AddedCell {
    /// A number, or null.
    #[must_use]
    pub fn number(number: Option<f64>) -> Self {
        number.map_or(Self::Null, Self::Number)
    }

    /// A text, or null.
    #[must_use]
    pub fn text(text: Option<&str>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(text.to_owned()))
    }

    /// The cell as JSON.
    fn json(&self, kind: AddedKind) -> String {
        match (self, kind) {
            (Self::Text(text), _) => quoted(text),
            (Self::Number(number), _) if number.is_finite() => number.to_string(),
            (Self::Records(records), AddedKind::Records(names)) => {
                let records = records.iter().map(|record| object(names, record));
                format!("[{}]", records.collect::<Vec<_>>().join(","))
            }
            _ => "null".to_owned(),
        }
    }
}

fn object(names: &[&str], texts: &[Option<String>]) -> String {
    let text = |text: &Option<String>| text.as_deref().map_or_else(|| "null".to_owned(), quoted);
    let members = names.iter().zip(texts).map(|(name, value)| format!("{}:{}", quoted(name), text(value)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// Members that are added to an object of JSON, which has none so far if `first`.
pub(crate) fn members(columns: &[AddedColumn], cells: &[AddedCell], first: bool) -> Vec<u8> {
    let member = |(column, cell): (&AddedColumn, &AddedCell)| {
        format!("{}: {}", quoted(&column.name), cell.json(column.kind))
    };
    let members = columns.iter().zip(cells).map(member).collect::<Vec<_>>().join(", ");
    let separator = if first || members.is_empty() { "" } else { ", " };
    format!("{separator}{members}").into_bytes()
}

/// Cells that are added to a record of a table, each behind its delimiter. Lists of records are JSON there.
pub(crate) fn cells(columns: &[AddedColumn], cells: &[AddedCell], delimiter: u8) -> Vec<u8> {
    let text = |(column, cell): (&AddedColumn, &AddedCell)| match cell {
        AddedCell::Null => String::new(),
        AddedCell::Text(text) => text.clone(),
        other => other.json(column.kind),
    };
    let texts = columns.iter().zip(cells).map(text);
    texts.flat_map(|text| [&[delimiter], &*quoted_cell(&text, delimiter)].concat()).collect()
}

/// Names that are added to the header of a table.
pub(crate) fn names(columns: &[AddedColumn], delimiter: u8) -> Vec<u8> {
    let names = columns.iter().map(|column| quoted_cell(&column.name, delimiter));
    names.flat_map(|name| [&[delimiter], &*name].concat()).collect()
}
