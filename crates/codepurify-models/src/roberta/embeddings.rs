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

    /// Embeds tokens, given their ids and positions: `[tokens, hidden]`.
    pub(super) fn forward(&self, ids: &[u32], positions: &[u32]) -> Result<Tensor> {
        self.forward_words(&ops::select_rows(&self.words, ids)?, positions)
    }

    /// Embeds tokens, given their word embeddings, `[tokens, hidden]`, and positions.
    pub(super) fn forward_words(&self, words: &Tensor, positions: &[u32]) -> Result<Tensor> {
        let token_type = ops::select_rows(&self.token_type, &vec![0; positions.len()])?;
        let positions = ops::select_rows(&self.positions, positions)?;
        self.norm.forward(&ops::add(&ops::add(words, &positions)?, &token_type)?)
    }
}
