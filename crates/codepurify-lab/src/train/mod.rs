//! Training: [`weights`] (what is learned) → [`batches`] (what is read) → [`run`] (the loop) with [`adamw`],
//! [`schedule`] and [`state`] (what survives an interruption). The objectives are [`defect`].

pub mod adamw;
pub mod batches;
pub mod defect;

pub mod run;
pub mod schedule;
pub mod state;
pub mod weights;
pub mod workers;
