//! Cleaning a data set: rows in, rows out, and an account of every row.
//!
//! - `row`: a line of JSON whose code can be changed while all else stays byte for byte;
//! - `account`: what becomes of a row, and why;
//! - `ledger`: the files that are written, so that an interrupted run can go on.

pub(crate) mod account;
pub(crate) mod ledger;
pub(crate) mod row;
