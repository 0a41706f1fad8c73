//! Data sets: rows in, rows out, and an account of every row that could not be read.

pub mod corpus;
pub mod defect;
mod jsonl;

pub use jsonl::{DataError, RowError, Rows, read, write};
