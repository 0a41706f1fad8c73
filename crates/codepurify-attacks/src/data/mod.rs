//! Data sets: reads and writes rows, and reports every row that cannot be read.

pub mod clone;
pub mod corpus;
pub mod defect;
pub(crate) mod field;
mod jsonl;
#[cfg(test)]
mod parquet_tests;
pub mod repair;
pub mod report;

pub use field::ByteRange;
pub use jsonl::{DataError, RowError, Rows, read, write};
