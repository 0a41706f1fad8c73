//! Measuring: [`split`] (who is measured) → [`detector`] (a victim's accuracy and success rate of an attack),
//! [`defence`] (one row a sample) → [`summary`] and [`calibration`] (what the rows say), with [`metrics`].

pub mod calibration;
pub mod defence;
pub mod detector;
pub mod metrics;
pub mod split;
pub mod summary;
