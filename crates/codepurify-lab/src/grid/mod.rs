//! Experiment of the paper: every attack, rate, task and family, and every defence on the same
//! samples of the same victims.
//!
//! [`plan`] (the experiment) → [`pretraining`] → [`victims`] (an initial model for each task and
//! family, a poisoned victim for each cell) → [`samples`] (clean and triggered test rows) →
//! [`defended_victim`] (predictions of a victim) → [`defend`] (each defence, calibrated on clean
//! rows) → [`rows`] (one row per sample and defence). [`cleaning`] is about training sets.
//! [`driver`] runs all cells and skips finished results.

mod cell_run;
pub mod cleaning;
pub mod defend;
pub mod defended_victim;
pub mod driver;
pub mod plan;
pub mod pretraining;
pub mod rows;
pub mod samples;
pub mod victims;
