//! One transformer block: self-attention and feed-forward, each with a residual and a layer norm behind it.

use std::sync::Arc;

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::{LayerNorm, RobertaConfig};
use crate::linear::Linear;
use crate::ops::Rows;
use crate::ops::{self, Precision};

/// A block, which can learn or is only used.
#[derive(Debug, Clone)]
pub(super) enum Layer {
    Parts(Parts),
    Whole(Arc<ops::Block>),
}

impl Layer {
    pub(super) fn new(config: &RobertaConfig, weights: &VarBuilder) -> Result<Self> {
        Parts::new(config, weights).map(Self::Parts)
    }

    /// From now on the block is only used: on a processor as a whole. Only the `last` one is asked for first positions.
    pub(super) fn pack(&mut self, precision: Precision, last: bool) -> Result<()> {
        let Self::Parts(parts) = self else { return Ok(()) };
        if parts.norm.weight.device().is_cpu() {
            *self = Self::Whole(Arc::new(parts.whole(precision, last)?));
            return Ok(());
        }
        parts.pack(precision)
    }

    /// `[tokens, hidden]` to the same shape.
    pub(super) fn forward(&self, x: &Tensor, rows: &Arc<Rows>) -> Result<Tensor> {
        match self {
            Self::Parts(parts) => parts.feed(&parts.attention.forward_onto(x, rows)?),
            Self::Whole(block) => block.forward(x, rows),
        }
    }

    /// Computes the result of [`Layer::forward`] at the first position of every row only, `[rows, hidden]`,
    /// at less than half of its cost: no other position goes through the feed-forward part.
    pub(super) fn firsts(&self, x: &Tensor, rows: &Arc<Rows>) -> Result<Tensor> {
        match self {
            Self::Parts(parts) => parts.feed(&parts.attention.firsts_onto(x, rows)?),
            Self::Whole(block) => block.firsts(x, rows),
        }
    }
}

/// The parts of a block, each an operation with a gradient.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    attention: Attention,
    attention_norm: LayerNorm,
    widen: Linear,
    narrow: Linear,
    norm: LayerNorm,
}

impl Parts {
    fn new(config: &RobertaConfig, weights: &VarBuilder) -> Result<Self> {
        let (hidden, wide) = (config.hidden_size, config.intermediate_size);
        Ok(Self {
            attention: Attention::new(config, &weights.pp("attention"))?,
            attention_norm: LayerNorm::new(config, &weights.pp("attention.output.LayerNorm"))?,
            widen: Linear::new(hidden, wide, config.init(), &weights.pp("intermediate.dense"))?,
            narrow: Linear::new(wide, hidden, config.init(), &weights.pp("output.dense"))?,
            norm: LayerNorm::new(config, &weights.pp("output.LayerNorm"))?,
        })
    }

    fn pack(&mut self, precision: Precision) -> Result<()> {
        let Self { attention: Attention { inward, output, .. }, widen, narrow, .. } = self;
        [inward, output, widen, narrow].into_iter().try_for_each(|linear| linear.pack(precision))
    }

    /// All parts in one.
    fn whole(&self, precision: Precision, last: bool) -> Result<ops::Block> {
        let Self { attention: Attention { inward, output, of }, attention_norm, widen, narrow, norm } = self;
        let hidden = norm.weight.elem_count();
        let seen = || inward.outputs(hidden, 2 * hidden)?.laid_out(precision);
        let packed = |norm: &LayerNorm| ops::Norm::new(&norm.weight, &norm.bias, norm.eps);
        Ok(ops::Block {
            attention: *of,
            inward: inward.laid_out(precision)?,
            seen: last.then(seen).transpose()?,
            output: output.laid_out(precision)?,
            attention_norm: packed(attention_norm)?,
            widen: widen.laid_out(precision)?,
            narrow: narrow.laid_out(precision)?,
            norm: packed(norm)?,
        })
    }

    /// Computes the layers behind attention.
    fn feed(&self, attended: &Tensor) -> Result<Tensor> {
        let x = self.attention_norm.forward(attended)?;
        let wide = self.widen.forward_gelu(&x)?;
        self.norm.forward(&self.narrow.forward_onto(&wide, &x)?)
    }
}

#[derive(Debug, Clone)]
struct Attention {
    /// Query, key and value.
    inward: Linear,
    output: Linear,
    of: ops::Attention,
}

impl Attention {
    fn new(config: &RobertaConfig, weights: &VarBuilder) -> Result<Self> {
        let (hidden, heads) = (config.hidden_size, config.num_attention_heads);
        let square = |name: &str| Linear::new(hidden, hidden, config.init(), &weights.pp(name));
        let inward = [square("self.query")?, square("self.key")?, square("self.value")?];
        let scale = ((hidden / heads) as f32).sqrt().recip();
        Ok(Self {
            inward: Linear::side_by_side(inward)?,
            output: square("output.dense")?,
            of: ops::Attention { heads, scale, causal: false },
        })
    }

    /// Returns `x` plus the attention of its positions to their rows.
    fn forward_onto(&self, x: &Tensor, rows: &Arc<Rows>) -> Result<Tensor> {
        self.output.forward_onto(&self.of.within(&self.inward.forward(x)?, rows)?, x)
    }

    /// Computes [`Attention::forward_onto`] at the first position of every row only, `[rows, hidden]`.
    fn firsts_onto(&self, x: &Tensor, rows: &Arc<Rows>) -> Result<Tensor> {
        let (projected, hidden) = (self.inward.forward(x)?, x.dim(1)?);
        let queries = rows.firsts(&projected)?.narrow(1, 0, hidden)?.contiguous()?;
        let seen = projected.narrow(1, hidden, 2 * hidden)?.contiguous()?;
        let firsts = Arc::new(Rows::of_single_tokens(rows.count()));
        self.output.forward_onto(&self.of.across(&queries, &firsts, &seen, rows)?, &rows.firsts(x)?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use candle_nn::VarMap;

    use super::*;
    use crate::ops::finite_difference::ramp;

    const HIDDEN: usize = 72;

    fn layer() -> Layer {
        let config = serde_json::json!({
            "model_type": "roberta", "vocab_size": 9, "hidden_size": HIDDEN, "num_hidden_layers": 1, "num_attention_heads": 3,
            "intermediate_size": 100, "max_position_embeddings": 9, "type_vocab_size": 1, "layer_norm_eps": 1e-5,
            "pad_token_id": 1, "initializer_range": 0.2,
        });
        let config: RobertaConfig = serde_json::from_value(config).unwrap();
        let variables = VarMap::new();
        Layer::new(&config, &VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu)).unwrap()
    }

    /// More tokens than a block holds, a row longer than one, a hidden token.
    fn rows() -> Arc<Rows> {
        let rows = Rows::of_lengths([3, 150, 1, 20]);
        let tokens = rows.tokens();
        Arc::new(rows.hiding((0..tokens).map(|token| token == 5)))
    }

    fn values(x: &Tensor) -> Vec<f32> {
        x.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn a_block_as_a_whole_gives_what_its_parts_give_to_the_last_bit() {
        for precision in [Precision::F32, Precision::Int8] {
            let Layer::Parts(parts) = layer() else { unreachable!("it was not packed") };
            let mut whole = Layer::Parts(parts.clone());
            whole.pack(precision, true).unwrap();
            assert!(matches!(whole, Layer::Whole(_)));
            let mut parts = parts;
            parts.pack(precision).unwrap();
            let parts = Layer::Parts(parts);
            let (rows, x) = (rows(), ramp(&[174, HIDDEN]));
            let all = whole.forward(&x, &rows).unwrap();
            assert_eq!(values(&all), values(&parts.forward(&x, &rows).unwrap()));
            let firsts = whole.firsts(&x, &rows).unwrap();
            assert_eq!(values(&firsts), values(&parts.firsts(&x, &rows).unwrap()));
            let first = all.get(3).unwrap();
            let difference = (firsts.get(1).unwrap() - first).unwrap().abs().unwrap().max_all().unwrap();
            assert!(difference.to_scalar::<f32>().unwrap() < 1e-5);
        }
    }

    #[test]
    fn what_is_left_in_the_workspace_does_not_matter() {
        let (mut whole, rows) = (layer(), rows());
        whole.pack(Precision::F32, true).unwrap();
        let x = ramp(&[174, HIDDEN]);
        let [all, firsts] = [whole.forward(&x, &rows).unwrap(), whole.firsts(&x, &rows).unwrap()];
        let spoilt = (x.ones_like().unwrap() * f64::NAN).unwrap();
        assert!(values(&whole.forward(&spoilt, &rows).unwrap()).iter().all(|value| value.is_nan()));
        assert_eq!(values(&whole.forward(&x, &rows).unwrap()), values(&all));
        assert_eq!(values(&whole.firsts(&x, &rows).unwrap()), values(&firsts));
    }

    #[test]
    fn what_a_block_is_not_for_is_refused() {
        let (mut inner, mut last) = (layer(), layer());
        inner.pack(Precision::F32, false).unwrap();
        last.pack(Precision::F32, true).unwrap();
        let (rows, x) = (rows(), ramp(&[174, HIDDEN]));
        let refused = |result: Result<Tensor>| result.unwrap_err().to_string();
        assert!(refused(inner.firsts(&x, &rows)).contains("not for first positions"));
        assert!(refused(last.forward(&ramp(&[173, HIDDEN]), &rows)).contains("173 x 72"));
        let empty = Arc::new(Rows::of_lengths([0, 2]));
        assert!(refused(last.firsts(&ramp(&[2, HIDDEN]), &empty)).contains("empty row"));
        let x = candle_core::Var::from_tensor(&x).unwrap();
        assert!(last.forward(&x, &rows).unwrap().sum_all().unwrap().backward().is_err());
    }
}
