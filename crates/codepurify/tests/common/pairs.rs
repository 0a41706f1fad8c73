//! A model of pairs made of a model and a way to judge.

use codepurify::{Encoding, Logits, Model, ModelError, PairVictim, Ragged, VictimCard};

/// Reads as `model` does.
pub(crate) struct Judging<M> {
    pub(crate) model: M,
    /// What it answers to pairs.
    pub(crate) judge: fn(&M, &Ragged, &Ragged) -> Result<Logits, ModelError>,
}

impl<M: Model> Model for Judging<M> {
    fn card(&self) -> &VictimCard {
        self.model.card()
    }

    fn window(&self) -> usize {
        self.model.window()
    }

    fn occlusion_id(&self) -> u32 {
        self.model.occlusion_id()
    }

    fn encode(&self, text: &str) -> Result<Encoding, ModelError> {
        self.model.encode(text)
    }
}

impl<M: Model> PairVictim for Judging<M> {
    fn judge_pairs(&self, left: &Ragged, right: &Ragged) -> Result<Logits, ModelError> {
        (self.judge)(&self.model, left, right)
    }
}
