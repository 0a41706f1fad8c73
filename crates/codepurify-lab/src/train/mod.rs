//! Training: [`weights`] (variables) → [`batches`] (rows) → [`run`] (the loop, on [`workers`]) with
//! [`adamw`], [`schedule`] and [`state`] (saved for resuming).
//!
//! The objectives are [`mlm`] and [`t5`] (pre-training), [`classifier`] (defects and clones) and
//! [`repair`]. [`victim`] makes one from the rows of any task. A [`start::ModelFamily`] is one of
//! the architectures.

pub mod adamw;
pub mod batches;
pub mod classifier;
mod losses;
mod masking;
pub mod mlm;
pub(crate) mod network;
pub mod repair;
pub mod run;
pub mod schedule;
pub(crate) mod sequences;
mod spans;
pub mod start;
pub mod state;
pub mod t5;
mod texts;
pub mod victim;
pub mod weights;
pub mod workers;
