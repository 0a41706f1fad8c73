//! Evaluation: [`split`] (rows to use) → [`ask`] (predictions) → [`victim`] (quality, and success
//! of an attack).
//!
//! [`defence`] (one row per sample) → [`summary`] and [`calibration`] (measures of the rows), with
//! [`metrics`].

pub mod ask;
pub mod calibration;
pub mod defence;
pub mod metrics;
pub mod split;
pub mod summary;
pub mod victim;
