//! The encoder: every position sees every visible position of its row.

use std::sync::Arc;

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::attention::SelfAttention;
use super::position::RelativeBias;
use super::{FeedForward, RmsNorm, T5Config};
use crate::ops::Precision;
use crate::ops::Rows;

#[derive(Debug, Clone)]
pub(super) struct Encoder {
    bias: RelativeBias,
    blocks: Vec<Block>,
    norm: RmsNorm,
}

impl Encoder {
    pub(super) fn new(config: &T5Config, weights: &VarBuilder) -> Result<Self> {
        let blocks = weights.pp("block");
        Ok(Self {
            bias: RelativeBias::new(config, true, &blocks.pp("0.layer.0.SelfAttention"))?,
            blocks: (0..config.num_layers)
                .map(|index| Block::new(config, &blocks.pp(index).pp("layer")))
                .collect::<Result<_>>()?,
            norm: RmsNorm::new(config, &weights.pp("final_layer_norm"))?,
        })
    }

    pub(super) fn pack(&mut self, precision: Precision) -> Result<()> {
        self.blocks.iter_mut().try_for_each(|block| {
            block.attention.pack(precision)?;
            block.feed_forward.pack(precision)
        })
    }

    /// Hidden states of `embedded`, both `[tokens, hidden]`.
    pub(super) fn forward(&self, embedded: Tensor, rows: &Arc<Rows>) -> Result<Tensor> {
        let bias = self.bias.of_rows(rows)?;
        let hidden = self.blocks.iter().try_fold(embedded, |x, block| block.forward(&x, rows, &bias))?;
        self.norm.forward(&hidden)
    }
}

#[derive(Debug, Clone)]
struct Block {
    norm: RmsNorm,
    attention: SelfAttention,
    feed_forward: FeedForward,
}

impl Block {
    fn new(config: &T5Config, weights: &VarBuilder) -> Result<Self> {
        Ok(Self {
            norm: RmsNorm::new(config, &weights.pp("0.layer_norm"))?,
            attention: SelfAttention::new(config, false, &weights.pp("0.SelfAttention"))?,
            feed_forward: FeedForward::new(config, &weights.pp(1))?,
        })
    }

    fn forward(&self, x: &Tensor, rows: &Arc<Rows>, bias: &Tensor) -> Result<Tensor> {
        let attended = self.attention.forward_onto(x, &self.norm.forward(x)?, rows, bias)?;
        self.feed_forward.forward(&attended)
    }
}
