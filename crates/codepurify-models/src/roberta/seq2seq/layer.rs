//! One layer of PyTorch's transformer decoder.

use std::sync::Arc;

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::attention::{Attention, KeysValues};
use crate::layout::DecoderShape;
use crate::linear::Linear;
use crate::ops;
use crate::ops::Rows;
use crate::roberta::{LayerNorm, RobertaConfig};

/// Added to the variance: PyTorch's default, whatever the encoder's configuration says.
const NORM_EPS: f32 = 1e-5;

/// `nn.TransformerDecoderLayer`: attention to the target, attention to the source, feed-forward with `ReLU`, each with a
/// residual and a layer norm behind it.
#[derive(Debug, Clone)]
pub(super) struct DecoderLayer {
    self_attention: Attention,
    cross_attention: Attention,
    widen: Linear,
    narrow: Linear,
    norms: [LayerNorm; 3],
}

impl DecoderLayer {
    pub(super) fn new(config: &RobertaConfig, shape: DecoderShape, weights: &VarBuilder) -> Result<Self> {
        let (hidden, wide) = (config.hidden_size, shape.feed_forward);
        let norm = |name: &str| LayerNorm::with_eps(config, NORM_EPS, &weights.pp(name));
        Ok(Self {
            self_attention: Attention::new(config, &weights.pp("self_attn"))?,
            cross_attention: Attention::new(config, &weights.pp("multihead_attn"))?,
            widen: Linear::new(hidden, wide, config.init(), &weights.pp("linear1"))?,
            narrow: Linear::new(wide, hidden, config.init(), &weights.pp("linear2"))?,
            norms: [norm("norm1")?, norm("norm2")?, norm("norm3")?],
        })
    }

    /// Computes the layer's keys and values of `rows` encoded sources, `[rows · length, hidden]`.
    pub(super) fn remember(&self, encoded: &Tensor, rows: usize) -> Result<LayerState> {
        Ok(LayerState { past: None, memory: self.cross_attention.remember(encoded, rows)? })
    }

    /// Whole targets, `[tokens, hidden]`, over the encoded source of each.
    pub(super) fn forced(
        &self,
        x: &Tensor,
        rows: &Arc<Rows>,
        encoded: &Tensor,
        sources: &Arc<Rows>,
    ) -> Result<Tensor> {
        self.around(
            x,
            |x| self.self_attention.within(x, rows),
            |x| self.cross_attention.across(x, rows, encoded, sources),
        )
    }

    /// The next positions of `rows` sequences, `[rows · length, hidden]`; `mask` `[sources, keys]` hides padding of the
    /// sources.
    pub(super) fn forward(
        &self,
        x: &Tensor,
        rows: usize,
        state: &mut LayerState,
        mask: &Tensor,
    ) -> Result<Tensor> {
        let LayerState { past, memory } = state;
        self.around(
            x,
            |x| self.self_attention.look_back(x, rows, past),
            |x| self.cross_attention.look_up(x, memory, mask),
        )
    }

    /// The layer around its two attentions.
    fn around(
        &self,
        x: &Tensor,
        to_target: impl FnOnce(&Tensor) -> Result<Tensor>,
        to_source: impl FnOnce(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let [after_target, after_source, after_wide] = &self.norms;
        let x = after_target.forward(&ops::add(x, &to_target(x)?)?)?;
        let x = after_source.forward(&ops::add(&x, &to_source(&x)?)?)?;
        after_wide.forward(&self.narrow.forward_onto(&self.widen.forward_relu(&x)?, &x)?)
    }
}

/// Keys and values that a layer holds: of the targets so far, one entry for each sequence, and of the sources.
#[derive(Debug, Clone)]
pub(super) struct LayerState {
    pub(super) past: Option<KeysValues>,
    pub(super) memory: KeysValues,
}
