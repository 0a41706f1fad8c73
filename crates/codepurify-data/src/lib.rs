//! Rows of code as people have them, read one at a time in bounded memory.
//!
//! A file of rows is JSON Lines as Python writes it, one JSON array of objects, or CSV with a header, each of them also
//! behind gzip or zstd; or Parquet. Which one it is, its content says ([`RowReader::detect`]); its name only decides where
//! the content does not. A row keeps its bytes ([`Row::raw`]), so that what is not changed can be written as it was.
//!
//! - `input`: a file, or a stream that can be read only once → bytes without their compression
//! - `content`: the first bytes and the name → the format, or why the file is refused
//! - `frame`: bytes → the bytes of one row after the other
//! - `reader`: an input → its rows, one at a time
//! - `json`, `row`: the bytes of a row → its fields
//! - `parquet`: a Parquet file → its rows, and rows → a Parquet file
//! - `writer`, `added`: rows with changes and further columns → bytes that are appended to a file of the same format
//! - `store`: files behind URLs, with the feature `object-store`
//! - `fields`, `columns`: names in known data sets → which field holds the code
//!
//! This crate knows no model, no language and no command line. A further format is a variant of [`Format`], the bytes that
//! tell it (`content`) and something that cuts it into rows (`frame`).

mod added;
mod columns;
mod content;
mod digest;
mod error;
mod fields;
mod frame;
mod input;
mod json;
mod parquet;
mod reader;
mod row;
mod store;
mod writer;

pub use added::{AddedCell, AddedColumn, AddedKind};
pub use columns::{Columns, NoColumn, Sides};
pub use content::{Format, holds_rows, promises_rows};
pub use digest::fingerprint;
pub use error::{DataError, FieldError, RowError};
pub use fields::{LANGUAGE_FIELDS, PAIR_FIELDS, SINGLE_FIELDS};
pub use input::Input;
pub use reader::{Found, ReadOptions, RowReader};
pub use row::{Edit, NumberedRow, Row};
pub use store::{RemoteFile, StoreError, exists, is_url, list, upload};
pub use writer::{EditedRow, RowWriter};
