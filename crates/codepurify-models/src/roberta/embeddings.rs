//! Word, position and token-type embeddings.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::{LayerNorm, RobertaConfig};
use crate::ops;

#[derive(Debug, Clone)]
pub(super) struct Embeddings {
    words: Tensor,
    positions: Tensor,
    /// Only row 0 is used: RoBERTa has no second segment.
    token_type: Tensor,
    norm: LayerNorm,
}

impl Embeddings {
    pub(super) fn new(config: &RobertaConfig, weights: &VarBuilder) -> Result<Self> {
        let table = |rows: usize, name: &str| {
            weights.get_with_hints(
                (rows, config.hidden_size),
                &format!("{name}_embeddings.weight"),
                config.init(),
            )
        };
        Ok(Self {
            words: table(config.vocab_size, "word")?,
            positions: table(config.max_position_embeddings, "position")?,
            token_type: table(config.type_vocab_size, "token_type")?,
            norm: LayerNorm::new(config, &weights.pp("LayerNorm"))?,
        })
    }

    pub(super) fn words(&self) -> &Tensor {
        &self.words
    }

    /// Ids and positions `u32 [tokens]` to `[tokens, hidden]`.
    pub(super) fn forward(&self, ids: &Tensor, positions: &Tensor) -> Result<Tensor> {
        self.forward_words(&self.words.index_select(ids, 0)?, positions)
    }

    /// The same from word embeddings `[tokens, hidden]`.
    pub(super) fn forward_words(&self, words: &Tensor, positions: &Tensor) -> Result<Tensor> {
        let token_type = self.token_type.index_select(&positions.zeros_like()?, 0)?;
        let positions = self.positions.index_select(positions, 0)?;
        self.norm.forward(&ops::add(&ops::add(words, &positions)?, &token_type)?)
    }
}
