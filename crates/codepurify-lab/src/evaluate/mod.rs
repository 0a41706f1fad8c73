//! Measuring: [`split`] (who is measured) → [`ask`] (what a victim answers) → [`victim`] (how good it is, and an attack on it),
//! [`defence`] (one row a sample) → [`summary`] and [`calibration`] (what the rows say), with [`metrics`].

pub mod ask;
pub mod calibration;
pub mod defence;
pub mod metrics;
pub mod split;
pub mod summary;
pub mod victim;
