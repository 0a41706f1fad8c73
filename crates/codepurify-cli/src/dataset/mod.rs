//! Cleaning a data set: rows in, rows out, and an account of every row.
//!
//! - `account`: what becomes of a row, and why;
//! - `manifest`: what a run depends on, so that only the same run goes on;
//! - `ledger`: the files that are written, so that an interrupted run can go on.

pub(crate) mod account;
pub(crate) mod ledger;
pub(crate) mod manifest;
