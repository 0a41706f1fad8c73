//! Training: [`weights`] (what is learned) → [`batches`] (what is read) → [`run`] (the loop, on [`workers`]) with
//! [`adamw`], [`schedule`] and [`state`] (what survives an interruption). The objectives are [`defect`] and [`mlm`].

pub mod adamw;
pub mod batches;
pub mod defect;
mod masking;
pub mod mlm;
pub mod run;
pub mod schedule;
mod start;
pub mod state;
pub mod weights;
pub mod workers;
