//! Cleaning data sets: rows in, rows out, and an account of every row.
//!
//! - `jobs`, `paths`: arguments → files of rows, and where the results of each go;
//! - `selection`: which rows are judged;
//! - `self_calibration`: a calibration on rows of the data sets, where the model has none;
//! - `cleaner`, `account`: what becomes of a row, and why;
//! - `verdict_columns`: the verdict on a row as columns;
//! - `manifest`: what a run depends on, so that only the same run goes on;
//! - `ledger`, `row_file`, `appended`: the files that are written, so that an interrupted run can go on;
//! - `staging`: outputs behind URLs;
//! - `summary`, `frequent`, `answers`: the accounts of many rows in short.

pub(crate) mod account;
mod answers;
mod appended;
pub(crate) mod cleaner;
mod frequent;
pub(crate) mod jobs;
pub(crate) mod ledger;
pub(crate) mod manifest;
mod paths;
mod row_file;
pub(crate) mod selection;
pub(crate) mod self_calibration;
pub(crate) mod staging;
pub(crate) mod summary;
mod verdict_columns;
