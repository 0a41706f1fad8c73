//! Models that classify two snippets.

use super::{Logits, Model, Ragged};
use crate::error::ModelError;

/// A guarded model that classifies two snippets, such as a clone detector. Deterministic, as [`Victim`] is.
pub trait PairVictim: Model {
    /// One row of logits for each pair of `left.row(i)` and `right.row(i)`, in order. Where one side repeats through the
    /// batch, an implementation that encodes the sides apart does it once.
    ///
    /// # Errors
    /// [`ModelError`] if the runtime fails, a row exceeds the window, an output is not finite or the two sides differ in
    /// their number of rows.
    fn judge_pairs(&self, left: &Ragged, right: &Ragged) -> Result<Logits, ModelError>;
}
