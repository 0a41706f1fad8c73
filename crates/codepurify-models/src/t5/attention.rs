//! Multi-head attention without biases and without scaling of the scores.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::{Projection, T5Config};

#[derive(Debug, Clone)]
pub(super) struct Attention {
    query: Projection,
    key: Projection,
    value: Projection,
    output: Projection,
    heads: usize,
    /// Of one head.
    width: usize,
}

/// What can be attended to: keys and values, each `[rows, heads, keys, width]`.
#[derive(Debug, Clone)]
pub(super) struct KeysValues {
    keys: Tensor,
    values: Tensor,
}

impl KeysValues {
    /// How many keys there are.
    pub(super) fn len(&self) -> Result<usize> {
        self.keys.dim(2)
    }

    /// These, and behind them `later`.
    pub(super) fn followed_by(&self, later: &Self) -> Result<Self> {
        let keys = Tensor::cat(&[&self.keys, &later.keys], 2)?;
        Ok(Self { keys, values: Tensor::cat(&[&self.values, &later.values], 2)? })
    }

    /// Row `order[i]` becomes row i.
    pub(super) fn select(&self, order: &Tensor) -> Result<Self> {
        Ok(Self { keys: self.keys.index_select(order, 0)?, values: self.values.index_select(order, 0)? })
    }
}

impl Attention {
    /// Takes `q`, `k`, `v` and `o` below the prefix that `weights` stands at.
    pub(super) fn new(config: &T5Config, weights: &VarBuilder) -> Result<Self> {
        let (hidden, inner) = (config.d_model, config.num_heads * config.d_kv);
        let inward = |name: &str, terms: usize| {
            Projection::new((inner, hidden), config.init(terms), &weights.pp(name))
        };
        Ok(Self {
            // Smaller, in place of a scale of the scores.
            query: inward("q", hidden * config.d_kv)?,
            key: inward("k", hidden)?,
            value: inward("v", hidden)?,
            output: Projection::new((hidden, inner), config.init(inner), &weights.pp("o"))?,
            heads: config.num_heads,
            width: config.d_kv,
        })
    }

    /// Keys and values of hidden states `[rows · length, hidden]`.
    pub(super) fn keys_values(&self, x: &Tensor, rows: usize) -> Result<KeysValues> {
        Ok(KeysValues { keys: self.split(&self.key, x, rows)?, values: self.split(&self.value, x, rows)? })
    }

    /// What the positions of `x`, `[rows · queries, hidden]`, find in `seen`. `weigh` makes weights of the scores
    /// `[rows, heads, queries, keys]`.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        seen: &KeysValues,
        weigh: impl Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let query = self.split(&self.query, x, seen.keys.dim(0)?)?;
        let weights = weigh(&query.matmul(&seen.keys.t()?)?)?;
        let mixed = weights.matmul(&seen.values)?.transpose(1, 2)?;
        self.output.forward(&mixed.reshape((x.dim(0)?, self.heads * self.width))?)
    }

    /// `[rows · length, hidden]` to `[rows, heads, length, width]`.
    fn split(&self, projection: &Projection, x: &Tensor, rows: usize) -> Result<Tensor> {
        let length = x.dim(0)? / rows;
        let split = projection.forward(x)?.reshape((rows, length, self.heads, self.width))?;
        split.transpose(1, 2)?.contiguous()
    }
}
