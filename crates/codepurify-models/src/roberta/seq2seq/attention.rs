//! PyTorch's multi-head attention, with query, key and value projections in one matrix.

use std::sync::Arc;

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use crate::linear::Linear;
use crate::ops;
use crate::ops::Rows;
use crate::roberta::RobertaConfig;

/// Keys and values `[batch, heads, length, width of a head]`.
#[derive(Debug, Clone)]
pub(super) struct KeysValues {
    pub(super) keys: Tensor,
    pub(super) values: Tensor,
}

impl KeysValues {
    /// Appends keys and values of further positions.
    fn followed_by(&self, later: &Self) -> Result<Self> {
        Ok(Self {
            keys: Tensor::cat(&[&self.keys, &later.keys], 2)?,
            values: Tensor::cat(&[&self.values, &later.values], 2)?,
        })
    }

    /// Selects the batch entries `order`.
    pub(super) fn select(&self, order: &Tensor) -> Result<Self> {
        Ok(Self { keys: self.keys.index_select(order, 0)?, values: self.values.index_select(order, 0)? })
    }
}

/// `nn.MultiheadAttention`: `in_proj_weight` holds the rows of query, key and value projection in this order.
#[derive(Debug, Clone)]
pub(super) struct Attention {
    projections: Linear,
    output: Linear,
    hidden: usize,
    heads: usize,
}

impl Attention {
    pub(super) fn new(config: &RobertaConfig, weights: &VarBuilder) -> Result<Self> {
        let (hidden, zero) = (config.hidden_size, candle_nn::init::ZERO);
        Ok(Self {
            projections: Linear::of(
                weights.get_with_hints((3 * hidden, hidden), "in_proj_weight", config.init())?,
                Some(weights.get_with_hints(3 * hidden, "in_proj_bias", zero)?),
            ),
            output: Linear::new(hidden, hidden, config.init(), &weights.pp("out_proj"))?,
            hidden,
            heads: config.num_attention_heads,
        })
    }

    /// Computes the attention of whole rows, `x` `[tokens, hidden]`, to themselves.
    pub(super) fn within(&self, x: &Tensor, rows: &Arc<Rows>) -> Result<Tensor> {
        self.output.forward(&self.of(true).within(&self.projections.forward(x)?, rows)?)
    }

    /// Computes the attention of whole rows, `x` `[tokens, hidden]`, to their encoded sources.
    pub(super) fn across(
        &self,
        x: &Tensor,
        rows: &Arc<Rows>,
        encoded: &Tensor,
        sources: &Arc<Rows>,
    ) -> Result<Tensor> {
        let (queries, seen) = (self.part(0, 1)?.forward(x)?, self.part(1, 2)?.forward(encoded)?);
        self.output.forward(&self.of(false).across(&queries, rows, &seen, sources)?)
    }

    fn of(&self, causal: bool) -> ops::Attention {
        ops::Attention { heads: self.heads, scale: self.scale(), causal }
    }

    /// Computes the attention of `rows` sequences to themselves. `x` is `[rows · length, hidden]`. `past`
    /// holds the earlier keys and values of each sequence; the new ones are added to it.
    pub(super) fn look_back(&self, x: &Tensor, rows: usize, past: &mut Option<KeysValues>) -> Result<Tensor> {
        let projected = self.projections.forward(x)?;
        let [queries, keys, values] = [0, 1, 2].map(|part| self.split(&projected, part, rows));
        let new = KeysValues { keys: keys?, values: values? };
        let all = match past {
            Some(past) => past.followed_by(&new)?,
            None => new,
        };
        let scores = queries?.matmul(&all.keys.t()?)?;
        let mixed = ops::causal_softmax(&scores, self.scale())?.matmul(&all.values)?;
        *past = Some(all);
        self.join(&mixed)
    }

    /// Keys and values of `rows` encoded sources, `[rows · length, hidden]`.
    pub(super) fn remember(&self, encoded: &Tensor, rows: usize) -> Result<KeysValues> {
        let projected = self.part(1, 2)?.forward(encoded)?;
        Ok(KeysValues { keys: self.split(&projected, 0, rows)?, values: self.split(&projected, 1, rows)? })
    }

    /// Computes the attention to the memory of the sources. `mask` is additive, `[sources, keys]`; `x` holds
    /// equally many positions for each source, one source after the other.
    pub(super) fn look_up(&self, x: &Tensor, memory: &KeysValues, mask: &Tensor) -> Result<Tensor> {
        let queries = self.split(&self.part(0, 1)?.forward(x)?, 0, mask.dim(0)?)?;
        let scores = queries.matmul(&memory.keys.t()?)?;
        let mixed = ops::masked_softmax(&scores, mask, self.scale())?.matmul(&memory.values)?;
        self.join(&mixed)
    }

    /// `count` of the three projections, from `first` on.
    fn part(&self, first: usize, count: usize) -> Result<Linear> {
        self.projections.outputs(first * self.hidden, count * self.hidden)
    }

    /// Part `part` of `[batch · length, parts · hidden]` as `[batch, heads, length, width]`.
    fn split(&self, projected: &Tensor, part: usize, batch: usize) -> Result<Tensor> {
        let width = self.hidden / self.heads;
        let parts = projected.dim(1)? / self.hidden;
        let length = projected.dim(0)? / batch;
        let heads = projected.reshape((batch, length, parts, self.heads, width))?.narrow(2, part, 1)?;
        heads.squeeze(2)?.transpose(1, 2)?.contiguous()
    }

    /// `[batch, heads, length, width]` through the output projection to `[batch · length, hidden]`.
    fn join(&self, mixed: &Tensor) -> Result<Tensor> {
        self.output.forward(&mixed.transpose(1, 2)?.reshape(((), self.hidden))?)
    }

    fn scale(&self) -> f32 {
        ((self.hidden / self.heads) as f32).sqrt().recip()
    }
}
