//! Heads on the encoder: a classifier over one of its vectors, or a masked-LM decoder.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::{LayerNorm, RobertaConfig};
use crate::linear::Linear;

/// `RobertaClassificationHead`: dense, tanh, projection to the classes; or the projection alone.
#[derive(Debug, Clone)]
pub struct ClassificationHead {
    dense: Option<Linear>,
    projection: Linear,
}

impl ClassificationHead {
    /// Takes `dense.*` and `out_proj.*` below the prefix of `weights`.
    ///
    /// # Errors
    /// If a tensor is missing or of the wrong shape.
    pub fn new(config: &RobertaConfig, classes: usize, weights: &VarBuilder) -> Result<Self> {
        Self::over(1, config, classes, weights)
    }

    /// Makes a head over the vectors of two snippets side by side, `[pairs, 2 · hidden]`.
    ///
    /// # Errors
    /// If a tensor is missing or of the wrong shape.
    pub fn for_pairs(config: &RobertaConfig, classes: usize, weights: &VarBuilder) -> Result<Self> {
        Self::over(2, config, classes, weights)
    }

    fn over(snippets: usize, config: &RobertaConfig, classes: usize, weights: &VarBuilder) -> Result<Self> {
        let (hidden, init) = (config.hidden_size, config.init());
        Ok(Self {
            dense: Some(Linear::new(snippets * hidden, hidden, init, &weights.pp("dense"))?),
            projection: Linear::new(hidden, classes, init, &weights.pp("out_proj"))?,
        })
    }

    /// Makes a head of one linear layer, as `DefectModel` of CodeT5's scripts puts it on a RoBERTa. Takes
    /// `weight` and `bias` below the prefix of `weights`.
    ///
    /// # Errors
    /// If a tensor is missing or of the wrong shape.
    pub fn linear(config: &RobertaConfig, classes: usize, weights: &VarBuilder) -> Result<Self> {
        let projection = Linear::new(config.hidden_size, classes, config.init(), weights)?;
        Ok(Self { dense: None, projection })
    }

    /// Vectors of snippets, `[rows, hidden]`, to logits `[rows, classes]`.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    pub fn forward(&self, hidden: &Tensor) -> Result<Tensor> {
        match &self.dense {
            Some(dense) => self.projection.forward(&dense.forward(hidden)?.tanh()?),
            None => self.projection.forward(hidden),
        }
    }
}

/// `RobertaLMHead`: dense, GELU, layer norm, decoder with a bias of its own.
#[derive(Debug, Clone)]
pub struct MaskedLmHead {
    dense: Linear,
    norm: LayerNorm,
    decoder: Linear,
}

impl MaskedLmHead {
    /// Takes `dense.*`, `layer_norm.*` and `bias` below the prefix of `weights`. The decoder is
    /// `decoder.weight` if the checkpoint brings one, else it is tied to `words`.
    ///
    /// # Errors
    /// If a tensor is missing or of the wrong shape.
    pub fn new(config: &RobertaConfig, words: &Tensor, weights: &VarBuilder) -> Result<Self> {
        let weight = if weights.contains_tensor("decoder.weight") {
            weights.get((config.vocab_size, config.hidden_size), "decoder.weight")?
        } else {
            words.clone()
        };
        let bias = weights.get_with_hints(config.vocab_size, "bias", candle_nn::init::ZERO)?;
        Ok(Self {
            dense: Linear::new(config.hidden_size, config.hidden_size, config.init(), &weights.pp("dense"))?,
            norm: LayerNorm::new(config, &weights.pp("layer_norm"))?,
            decoder: Linear::of(weight, Some(bias)),
        })
    }

    /// Hidden states `[rows, hidden]` to scores `[rows, vocabulary]`.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    pub fn forward(&self, hidden: &Tensor) -> Result<Tensor> {
        self.decoder.forward(&self.norm.forward(&self.dense.forward_gelu(hidden)?)?)
    }
}
