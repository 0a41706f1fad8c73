//! The paper's experiment: every attack, rate, task and family, every defence on the same samples of the same victims.
//!
//! The flow: [`plan`] (what is wanted) → [`pretraining`] → [`victims`] (a start for each task and family, a poisoned victim for each cell) →
//! [`samples`] (clean and triggered test rows) → [`guard`] (what a victim answers) → [`defend`] (each defence, calibrated
//! on clean rows) → [`rows`] (one row a sample and defence). [`cleaning`] is about training sets. [`driver`] goes through
//! all cells and skips what is there.

mod case;
pub mod cleaning;
pub mod defend;
pub mod driver;
pub mod guard;
pub mod plan;
pub mod pretraining;
pub mod rows;
pub mod samples;
pub mod victims;
