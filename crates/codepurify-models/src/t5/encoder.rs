//! The encoder: every position sees every visible position of its row.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::attention::Attention;
use super::position::RelativeBias;
use super::{FeedForward, RmsNorm, T5Config};
use crate::batch::PaddedBatch;
use crate::ops;

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

    /// Hidden states of `embedded`, both `[rows · length, hidden]`.
    pub(super) fn forward(&self, embedded: Tensor, batch: &PaddedBatch) -> Result<Tensor> {
        let (_, length) = batch.shape();
        let bias = self.bias.forward(length, length)?;
        let hidden = self.blocks.iter().try_fold(embedded, |x, block| block.forward(&x, &bias, batch))?;
        self.norm.forward(&hidden)
    }
}

#[derive(Debug, Clone)]
struct Block {
    norm: RmsNorm,
    attention: Attention,
    feed_forward: FeedForward,
}

impl Block {
    fn new(config: &T5Config, weights: &VarBuilder) -> Result<Self> {
        Ok(Self {
            norm: RmsNorm::new(config, &weights.pp("0.layer_norm"))?,
            attention: Attention::new(config, &weights.pp("0.SelfAttention"))?,
            feed_forward: FeedForward::new(config, &weights.pp(1))?,
        })
    }

    fn forward(&self, x: &Tensor, bias: &Tensor, batch: &PaddedBatch) -> Result<Tensor> {
        let (rows, _) = batch.shape();
        let normed = self.norm.forward(x)?;
        let seen = self.attention.keys_values(&normed, rows)?;
        let attended = self
            .attention
            .forward(&normed, &seen, |scores| ops::relative_softmax(scores, bias, batch.mask(), false))?;
        self.feed_forward.forward(&ops::add(x, &attended)?)
    }
}
