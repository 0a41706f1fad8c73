//! Parquet: a file → its rows, and rows → a file.
//!
//! - `reader`: a file → its rows, in batches of bounded size
//! - `cells`: a cell of a batch → a text, or JSON
//! - `batches`: rows with their changes → bytes that can be appended to a file, or cut off it
//! - `file`: a file of such bytes → Parquet

mod batches;
mod cells;
mod file;
mod reader;

pub(crate) use batches::{Batches, EditedRecord};
pub(crate) use file::to_parquet;
pub(crate) use reader::{About, ParquetRows, Record};
