//! Multi-head attention without biases and without scaling of the scores.
//!
//! Two ways lead through it: whole rows at once, ragged, and a few next tokens of equally long sequences that go on from
//! the keys and values of what came before.

use std::sync::Arc;

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::T5Config;
use crate::linear::Linear;
use crate::ops::Rows;
use crate::ops::{self, Precision};

/// Keys and values, each `[rows, heads, keys, width]`.
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

    /// Appends `later`.
    pub(super) fn followed_by(&self, later: &Self) -> Result<Self> {
        let keys = Tensor::cat(&[&self.keys, &later.keys], 2)?;
        Ok(Self { keys, values: Tensor::cat(&[&self.values, &later.values], 2)? })
    }

    /// Row `order[i]` becomes row i.
    pub(super) fn select(&self, order: &Tensor) -> Result<Self> {
        Ok(Self { keys: self.keys.index_select(order, 0)?, values: self.values.index_select(order, 0)? })
    }
}

/// Heads, and the width of each; together they need not be as wide as the hidden states.
#[derive(Debug, Clone, Copy)]
struct Heads {
    count: usize,
    width: usize,
}

impl Heads {
    fn of(config: &T5Config) -> Self {
        Self { count: config.num_heads, width: config.d_kv }
    }

    fn attention(self, causal: bool) -> ops::Attention {
        ops::Attention { heads: self.count, scale: 1.0, causal }
    }

    /// Part `part` of `[rows · length, parts · inner]` as `[rows, heads, length, width]`.
    fn split(self, projected: &Tensor, part: usize, rows: usize) -> Result<Tensor> {
        let (length, inner) = (projected.dim(0)? / rows, self.count * self.width);
        let part = projected.narrow(1, part * inner, inner)?;
        part.reshape((rows, length, self.count, self.width))?.transpose(1, 2)?.contiguous()
    }

    /// Computes the attention of `query` to `seen`, `[rows · length, inner]`. `softmax` makes weights of the
    /// scores `[rows, heads, queries, keys]`.
    fn look(
        self,
        query: &Tensor,
        seen: &KeysValues,
        softmax: impl Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let weights = softmax(&query.matmul(&seen.keys.t()?)?)?;
        weights.matmul(&seen.values)?.transpose(1, 2)?.reshape(((), self.count * self.width))
    }
}

/// `q`, `k` and `v` (or some of them) and `o`, below the prefix of the weights.
struct Names<'a>(&'a T5Config, &'a VarBuilder<'a>);

impl Names<'_> {
    fn inward(&self, name: &str) -> Result<Linear> {
        let Self(config, weights) = self;
        // Queries are drawn smaller, in place of a scale of the scores.
        let terms = config.d_model * if name == "q" { config.d_kv } else { 1 };
        let inner = config.num_heads * config.d_kv;
        Linear::without_bias(config.d_model, inner, config.init(terms), &weights.pp(name))
    }

    fn outward(&self) -> Result<Linear> {
        let Self(config, weights) = self;
        let inner = config.num_heads * config.d_kv;
        Linear::without_bias(inner, config.d_model, config.init(inner), &weights.pp("o"))
    }
}

/// Attention of rows to themselves.
#[derive(Debug, Clone)]
pub(super) struct SelfAttention {
    /// Query, key and value.
    inward: Linear,
    output: Linear,
    heads: Heads,
    causal: bool,
}

impl SelfAttention {
    /// Takes `q`, `k`, `v` and `o` below the prefix of `weights`.
    pub(super) fn new(config: &T5Config, causal: bool, weights: &VarBuilder) -> Result<Self> {
        let names = Names(config, weights);
        let inward = [names.inward("q")?, names.inward("k")?, names.inward("v")?];
        Ok(Self {
            inward: Linear::side_by_side(inward)?,
            output: names.outward()?,
            heads: Heads::of(config),
            causal,
        })
    }

    pub(super) fn pack(&mut self, precision: Precision) -> Result<()> {
        self.inward.pack(precision)?;
        self.output.pack(precision)
    }

    /// Returns `x` plus the attention of its normed positions to their rows; `bias` is
    /// [`super::position::RelativeBias::of_rows`].
    pub(super) fn forward_onto(
        &self,
        x: &Tensor,
        normed: &Tensor,
        rows: &Arc<Rows>,
        bias: &Tensor,
    ) -> Result<Tensor> {
        let attention = self.heads.attention(self.causal);
        let mixed = attention.within_by_distance(&self.inward.forward(normed)?, bias, rows)?;
        self.output.forward_onto(&mixed, x)
    }

    /// Computes [`SelfAttention::forward_onto`] for the next positions of `rows` sequences. They see `past`,
    /// to which their keys and values are added, and each other as far as `softmax` allows.
    pub(super) fn step_onto(
        &self,
        x: &Tensor,
        normed: &Tensor,
        rows: usize,
        past: &mut Option<KeysValues>,
        softmax: impl Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let projected = self.inward.forward(normed)?;
        let [query, keys, values] = [0, 1, 2].map(|part| self.heads.split(&projected, part, rows));
        let new = KeysValues { keys: keys?, values: values? };
        let all = match past {
            Some(past) => past.followed_by(&new)?,
            None => new,
        };
        let mixed = self.heads.look(&query?, &all, softmax)?;
        *past = Some(all);
        self.output.forward_onto(&mixed, x)
    }
}

/// Attention of target rows to the encoded sources.
#[derive(Debug, Clone)]
pub(super) struct CrossAttention {
    query: Linear,
    /// Key and value.
    seen: Linear,
    output: Linear,
    heads: Heads,
}

impl CrossAttention {
    /// Takes `q`, `k`, `v` and `o` below the prefix of `weights`.
    pub(super) fn new(config: &T5Config, weights: &VarBuilder) -> Result<Self> {
        let names = Names(config, weights);
        Ok(Self {
            query: names.inward("q")?,
            seen: Linear::side_by_side([names.inward("k")?, names.inward("v")?])?,
            output: names.outward()?,
            heads: Heads::of(config),
        })
    }

    pub(super) fn pack(&mut self, precision: Precision) -> Result<()> {
        [&mut self.query, &mut self.seen, &mut self.output]
            .into_iter()
            .try_for_each(|linear| linear.pack(precision))
    }

    /// Returns `x` plus the attention of its normed positions to the source of their row.
    pub(super) fn forward_onto(
        &self,
        x: &Tensor,
        normed: &Tensor,
        rows: &Arc<Rows>,
        encoded: &Tensor,
        sources: &Arc<Rows>,
    ) -> Result<Tensor> {
        let (query, seen) = (self.query.forward(normed)?, self.seen.forward(encoded)?);
        self.output.forward_onto(&self.heads.attention(false).across(&query, rows, &seen, sources)?, x)
    }

    /// Keys and values of encoded sources at equal distances, `[sources · length, hidden]`.
    pub(super) fn remember(&self, encoded: &Tensor, sources: usize) -> Result<KeysValues> {
        let projected = self.seen.forward(encoded)?;
        let [keys, values] = [0, 1].map(|part| self.heads.split(&projected, part, sources));
        Ok(KeysValues { keys: keys?, values: values? })
    }

    /// Returns `x` plus the attention of its normed positions, equally many for each source, to the keys and
    /// values `source`; `mask` is additive, `[sources, keys]`.
    pub(super) fn step_onto(
        &self,
        x: &Tensor,
        normed: &Tensor,
        source: &KeysValues,
        mask: &Tensor,
    ) -> Result<Tensor> {
        let query = self.heads.split(&self.query.forward(normed)?, 0, mask.dim(0)?)?;
        let softmax = |scores: &Tensor| ops::masked_softmax(scores, mask, 1.0);
        self.output.forward_onto(&self.heads.look(&query, source, softmax)?, x)
    }
}
