//! A pair model made of a model and a function that judges.

use codepurify::{Logits, Model, ModelError, PairVictim, Ragged, WrapsModel};

/// Reads text like `model`.
pub(crate) struct Judging<M> {
    pub(crate) model: M,
    /// Logits for pairs.
    pub(crate) judge: fn(&M, &Ragged, &Ragged) -> Result<Logits, ModelError>,
}

impl<M: Model> WrapsModel for Judging<M> {
    type Inner = M;

    fn inner(&self) -> &M {
        &self.model
    }
}

impl<M: Model> PairVictim for Judging<M> {
    fn judge_pairs(&self, left: &Ragged, right: &Ragged) -> Result<Logits, ModelError> {
        (self.judge)(&self.model, left, right)
    }
}
