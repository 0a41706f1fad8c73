//! Cleaning a data set: rows in, rows out, and an account of every row.
//!
//! - `self_calibration`: a calibration on rows of the data set, where the model has none;
//! - `account`: what becomes of a row, and why;
//! - `manifest`: what a run depends on, so that only the same run goes on;
//! - `ledger`: the files that are written, so that an interrupted run can go on.

pub(crate) mod account;
pub(crate) mod ledger;
pub(crate) mod manifest;
pub(crate) mod self_calibration;
