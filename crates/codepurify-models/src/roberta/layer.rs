//! One transformer block: self-attention and feed-forward, each with a residual and a layer norm behind it.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::{LayerNorm, Linear, RobertaConfig};
use crate::batch::PaddedBatch;
use crate::ops;

#[derive(Debug, Clone)]
pub(super) struct Layer {
    attention: Attention,
    attention_norm: LayerNorm,
    widen: Linear,
    narrow: Linear,
    norm: LayerNorm,
}

impl Layer {
    pub(super) fn new(config: &RobertaConfig, weights: &VarBuilder) -> Result<Self> {
        let (hidden, wide) = (config.hidden_size, config.intermediate_size);
        Ok(Self {
            attention: Attention::new(config, &weights.pp("attention"))?,
            attention_norm: LayerNorm::new(config, &weights.pp("attention.output.LayerNorm"))?,
            widen: Linear::new(hidden, wide, config.init(), &weights.pp("intermediate.dense"))?,
            narrow: Linear::new(wide, hidden, config.init(), &weights.pp("output.dense"))?,
            norm: LayerNorm::new(config, &weights.pp("output.LayerNorm"))?,
        })
    }

    pub(super) fn forward(&self, x: &Tensor, batch: &PaddedBatch) -> Result<Tensor> {
        let attended = self.attention.forward(x, batch)?;
        let x = self.attention_norm.forward(&ops::add(x, &attended)?)?;
        let wide = ops::gelu(&self.widen.forward(&x)?)?;
        self.norm.forward(&ops::add(&x, &self.narrow.forward(&wide)?)?)
    }
}

#[derive(Debug, Clone)]
struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    heads: usize,
}

impl Attention {
    fn new(config: &RobertaConfig, weights: &VarBuilder) -> Result<Self> {
        let square = |name: &str| {
            Linear::new(config.hidden_size, config.hidden_size, config.init(), &weights.pp(name))
        };
        Ok(Self {
            query: square("self.query")?,
            key: square("self.key")?,
            value: square("self.value")?,
            output: square("output.dense")?,
            heads: config.num_attention_heads,
        })
    }

    fn forward(&self, x: &Tensor, batch: &PaddedBatch) -> Result<Tensor> {
        let (rows, length) = batch.shape();
        let hidden = x.dim(1)?;
        let width = hidden / self.heads;
        let split = |linear: &Linear| {
            linear.forward(x)?.reshape((rows, length, self.heads, width))?.transpose(1, 2)?.contiguous()
        };
        let (query, key, value) = (split(&self.query)?, split(&self.key)?, split(&self.value)?);
        let scores = query.matmul(&key.t()?)?;
        let weights = ops::masked_softmax(&scores, batch.mask(), (width as f32).sqrt().recip())?;
        let mixed = weights.matmul(&value)?.transpose(1, 2)?.reshape((rows * length, hidden))?;
        self.output.forward(&mixed)
    }
}
