//! Relative positions: a learned bias of the attention scores for each head and each bucket of distances.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::T5Config;
use crate::ops;
use crate::ops::Rows;

/// How distances fall into buckets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Buckets {
    count: usize,
    max_distance: usize,
    /// The encoder tells keys before a query from keys behind it and halves the buckets between them; the decoder sees
    /// only keys before a query and gives them all buckets.
    bidirectional: bool,
}

impl Buckets {
    pub(super) fn new(config: &T5Config, bidirectional: bool) -> Self {
        let count = config.relative_attention_num_buckets;
        Self { count, max_distance: config.relative_attention_max_distance, bidirectional }
    }

    /// Returns the bucket of a key by its distance `before` or `behind` a query: one of the two is 0.
    ///
    /// Small distances have a bucket each, larger ones share buckets that widen logarithmically up to the largest.
    #[expect(clippy::cast_sign_loss, reason = "the logarithm of a number from 1 on is not negative")]
    fn bucket(self, before: usize, behind: usize) -> u32 {
        let (count, first, distance) = match (self.bidirectional, behind) {
            (true, 1..) => (self.count / 2, self.count / 2, behind),
            (true, 0) => (self.count / 2, 0, before),
            (false, _) => (self.count, 0, before),
        };
        let exact = count / 2;
        if distance < exact {
            return (first + distance) as u32;
        }
        // In `f32` and in this order, as PyTorch computes it: at the border of two buckets rounding decides.
        let span = (self.max_distance as f64 / exact as f64).ln() as f32;
        let share = (distance as f32 / exact as f32).ln() / span;
        let wide = (share * (count - exact) as f32) as u32;
        (first + exact) as u32 + wide.min((count - exact - 1) as u32)
    }
}

/// The table of biases of a stack; its blocks share it.
#[derive(Debug, Clone)]
pub(super) struct RelativeBias {
    weight: Tensor,
    buckets: Buckets,
}

impl RelativeBias {
    /// Takes `relative_attention_bias.weight` below the prefix of `weights`.
    pub(super) fn new(config: &T5Config, bidirectional: bool, weights: &VarBuilder) -> Result<Self> {
        let shape = (config.relative_attention_num_buckets, config.num_heads);
        let name = "relative_attention_bias.weight";
        let weight = weights.get_with_hints(shape, name, config.init(config.d_model))?;
        Ok(Self { weight, buckets: Buckets::new(config, bidirectional) })
    }

    /// The biases of each distance from −(keys − 1) to queries − 1, `[heads, queries + keys − 1]`, as
    /// [`crate::ops::relative_softmax`] takes them.
    pub(super) fn forward(&self, queries: usize, keys: usize) -> Result<Tensor> {
        let before = (1..keys).rev().map(|before| self.buckets.bucket(before, 0));
        let behind = (0..queries).map(|behind| self.buckets.bucket(0, behind));
        let buckets: Vec<u32> = before.chain(behind).collect();
        ops::select_rows(&self.weight, &buckets)?.t()?.contiguous()
    }

    /// The biases of each distance in the longest row, as [`crate::ops::Attention::within_by_distance`] takes them.
    pub(super) fn of_rows(&self, rows: &Rows) -> Result<Tensor> {
        let longest = rows.longest().max(1);
        self.forward(longest, longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    /// Buckets by transformers for distances of `reach` keys before to `reach` keys behind a query.
    #[derive(Deserialize)]
    struct Golden {
        buckets: usize,
        max_distance: usize,
        bidirectional: bool,
        reach: usize,
        expected: Vec<u32>,
    }

    #[test]
    fn buckets_are_those_of_transformers() {
        let golden: Vec<Golden> =
            serde_json::from_str(include_str!("../../tests/golden/t5-buckets.json")).unwrap();
        assert!(golden.len() > 3);
        for Golden { buckets: count, max_distance, bidirectional, reach, expected } in golden {
            let buckets = Buckets { count, max_distance, bidirectional };
            let found: Vec<u32> = (1..=reach)
                .rev()
                .map(|before| buckets.bucket(before, 0))
                .chain((0..=reach).map(|behind| buckets.bucket(0, behind)))
                .collect();
            assert_eq!(found, expected, "{buckets:?}");
        }
    }
}
