//! One transformer block: self-attention and feed-forward, each with a residual and a layer norm behind it.

use std::sync::Arc;

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::{LayerNorm, RobertaConfig};
use crate::batch::Rows;
use crate::linear::Linear;
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

    /// What [`Layer::forward`] gives at the first position of every row, `[rows, hidden]`, at less than half of its cost:
    /// nothing else is asked, so nothing else is fed forward.
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

    /// What comes behind attention.
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

    /// `x` plus what its positions find in their rows.
    fn forward_onto(&self, x: &Tensor, rows: &Arc<Rows>) -> Result<Tensor> {
        self.output.forward_onto(&self.of.within(&self.inward.forward(x)?, rows)?, x)
    }

    /// The same of the first position of every row, `[rows, hidden]`.
    fn firsts_onto(&self, x: &Tensor, rows: &Arc<Rows>) -> Result<Tensor> {
        let (projected, hidden) = (self.inward.forward(x)?, x.dim(1)?);
        let queries = rows.firsts(&projected)?.narrow(1, 0, hidden)?.contiguous()?;
        let seen = projected.narrow(1, hidden, 2 * hidden)?.contiguous()?;
        let firsts = Arc::new(Rows::of_single_tokens(rows.count()));
        self.output.forward_onto(&self.of.across(&queries, &firsts, &seen, rows)?, &rows.firsts(x)?)
    }
}
