//! Heads that CodeT5's scripts for classification put on the vectors of [`super::T5::end_vectors`].

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::T5Config;
use crate::linear::Linear;

/// `DefectModel`: one linear layer over the vector of a snippet.
#[derive(Debug, Clone)]
pub struct DefectHead {
    classifier: Linear,
}

impl DefectHead {
    /// Takes `weight` and `bias` below the prefix of `weights` (`classifier` in a checkpoint).
    ///
    /// # Errors
    /// If a tensor is missing or of the wrong shape.
    pub fn new(config: &T5Config, classes: usize, weights: &VarBuilder) -> Result<Self> {
        Ok(Self { classifier: Linear::new(config.d_model, classes, config.init(config.d_model), weights)? })
    }

    /// Vectors `[rows, hidden]` to logits `[rows, classes]`.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    pub fn forward(&self, vectors: &Tensor) -> Result<Tensor> {
        self.classifier.forward(vectors)
    }
}

/// `CloneModel`: dense, tanh, projection over the vectors of two snippets side by side.
#[derive(Debug, Clone)]
pub struct CloneHead {
    dense: Linear,
    projection: Linear,
}

impl CloneHead {
    /// Takes `dense.*` and `out_proj.*` below the prefix of `weights` (`classifier` in a checkpoint).
    ///
    /// # Errors
    /// If a tensor is missing or of the wrong shape.
    pub fn new(config: &T5Config, classes: usize, weights: &VarBuilder) -> Result<Self> {
        let (hidden, pair) = (config.d_model, 2 * config.d_model);
        Ok(Self {
            dense: Linear::new(pair, hidden, config.init(pair), &weights.pp("dense"))?,
            projection: Linear::new(hidden, classes, config.init(hidden), &weights.pp("out_proj"))?,
        })
    }

    /// Vectors of two snippets side by side, `[pairs, 2 · hidden]`, to logits `[pairs, classes]`.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    pub fn forward(&self, pairs: &Tensor) -> Result<Tensor> {
        self.projection.forward(&self.dense.forward(pairs)?.tanh()?)
    }
}
