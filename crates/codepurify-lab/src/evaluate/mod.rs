//! Measuring: [`split`] (who is measured) → [`victim`] (how good a victim is, and an attack on it),
//! [`defence`] (one row a sample) → [`summary`] and [`calibration`] (what the rows say), with [`metrics`].

pub mod calibration;
pub mod defence;
pub mod metrics;
pub mod split;
pub mod summary;
pub mod victim;
