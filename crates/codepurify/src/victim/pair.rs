//! Victims that classify two snippets.

use std::sync::Arc;

use super::{Logits, Model, Ragged};
use crate::error::ModelError;

/// A victim that classifies two snippets, such as a clone detector. It is deterministic, as a
/// [`Victim`](super::Victim) is.
pub trait PairVictim: Model {
    /// Returns one row of logits for each pair of `left.row(i)` and `right.row(i)`, in order. Where one side
    /// repeats through the batch, a bi-encoder encodes it once.
    ///
    /// # Errors
    /// [`ModelError`] if the runtime fails, a row exceeds the window, an output is not finite or the two sides
    /// differ in their number of rows.
    fn judge_pairs(&self, left: &Ragged, right: &Ragged) -> Result<Logits, ModelError>;
}

impl<V: PairVictim + ?Sized> PairVictim for &V {
    fn judge_pairs(&self, left: &Ragged, right: &Ragged) -> Result<Logits, ModelError> {
        (**self).judge_pairs(left, right)
    }
}

impl<V: PairVictim + ?Sized> PairVictim for Box<V> {
    fn judge_pairs(&self, left: &Ragged, right: &Ragged) -> Result<Logits, ModelError> {
        (**self).judge_pairs(left, right)
    }
}

impl<V: PairVictim + ?Sized> PairVictim for Arc<V> {
    fn judge_pairs(&self, left: &Ragged, right: &Ragged) -> Result<Logits, ModelError> {
        (**self).judge_pairs(left, right)
    }
}
