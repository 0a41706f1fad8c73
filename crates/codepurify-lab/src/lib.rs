//! The laboratory: training of victims, baselines, and measurements of attacks and defences.
//!
//! [`codepurify_attacks`] provides data sets and poisoning. [`train`] makes victims of them and
//! [`evaluate`] measures these, with [`baseline`] to compare with; [`table`] and [`plot`] render
//! the rows. [`whitebox`] inspects a trained victim, and the [`training_defence`]s build on it.
//! [`grid`] does all of this for every cell of an experiment.

pub mod baseline;
mod error_chain;
pub mod evaluate;
pub mod export;
mod fingerprint;
pub mod grid;
pub mod plot;
pub mod table;
pub mod train;
pub mod training_defence;
pub mod whitebox;

pub use error_chain::error_chain;
