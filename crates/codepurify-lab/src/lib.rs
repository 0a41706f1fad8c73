//! The laboratory: what attacks, trains and measures.
//!
//! [`data`] → [`attack`] and [`poison`] → [`train`] → [`evaluate`], with [`baseline`] to compare with → [`table`] and
//! [`plot`]. A [`whitebox`] looks into a trained victim; on it stand the [`training_defence`]s. [`grid`] does all of it for
//! every cell of an experiment. The only crate that knows triggers; the defence itself never sees this code.

pub mod attack;
pub mod baseline;
pub mod data;
pub mod evaluate;
pub mod export;
pub mod failure;
mod fingerprint;
pub mod grid;
mod naming;
pub mod plot;
pub mod poison;
pub mod table;
pub mod train;
pub mod training_defence;
pub mod whitebox;
