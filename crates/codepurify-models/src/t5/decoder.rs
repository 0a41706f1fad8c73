//! The decoder: every position sees itself, the positions before it, and the whole source.

use candle_core::{Device, Result, Tensor};
use candle_nn::VarBuilder;

use super::attention::{Attention, KeysValues};
use super::position::RelativeBias;
use super::{FeedForward, RmsNorm, T5Config};
use crate::batch::PaddedBatch;
use crate::ops;

#[derive(Debug, Clone)]
pub(super) struct Decoder {
    bias: RelativeBias,
    blocks: Vec<Block>,
    norm: RmsNorm,
}

/// What the decoder has seen of a group of sequences: their sources, and their own tokens so far.
#[derive(Debug, Clone)]
pub struct DecoderState {
    blocks: Vec<Seen>,
    /// Additive attention mask of the sources, `[sources, source length]`.
    source_mask: Tensor,
    /// Sequences. Those of one source stand side by side and share what was encoded; there are equally many of each.
    rows: usize,
}

/// What one block has seen.
#[derive(Debug, Clone)]
struct Seen {
    target: Option<KeysValues>,
    source: KeysValues,
}

impl Decoder {
    pub(super) fn new(config: &T5Config, weights: &VarBuilder) -> Result<Self> {
        let blocks = weights.pp("block");
        Ok(Self {
            bias: RelativeBias::new(config, false, &blocks.pp("0.layer.0.SelfAttention"))?,
            blocks: (0..config.decoder_layers())
                .map(|index| Block::new(config, &blocks.pp(index).pp("layer")))
                .collect::<Result<_>>()?,
            norm: RmsNorm::new(config, &weights.pp("final_layer_norm"))?,
        })
    }

    /// A state that has seen the sources, encoded as `[rows · length, hidden]`, and no token yet.
    pub(super) fn begin(&self, encoded: &Tensor, batch: &PaddedBatch) -> Result<DecoderState> {
        let (rows, _) = batch.shape();
        let seen = |block: &Block| -> Result<Seen> {
            Ok(Seen { target: None, source: block.source_attention.keys_values(encoded, rows)? })
        };
        Ok(DecoderState {
            blocks: self.blocks.iter().map(seen).collect::<Result<_>>()?,
            source_mask: batch.mask().clone(),
            rows,
        })
    }

    /// Hidden states of the next tokens of each sequence, `[rows · length, hidden]` embedded. `mask` is the additive
    /// mask of all their tokens so far, these included: `[rows, tokens]`.
    pub(super) fn forward(
        &self,
        embedded: Tensor,
        mask: &Tensor,
        state: &mut DecoderState,
    ) -> Result<Tensor> {
        let (rows, keys) = mask.dims2()?;
        let bias = self.bias.forward(embedded.dim(0)? / rows, keys)?;
        let weigh_target = |scores: &Tensor| ops::relative_softmax(scores, &bias, mask, true);
        let source_mask = &state.source_mask;
        let weigh_source = |scores: &Tensor| ops::masked_softmax(scores, source_mask, 1.0);
        let mut hidden = embedded;
        for (block, seen) in self.blocks.iter().zip(&mut state.blocks) {
            hidden = block.attend_target(&hidden, rows, seen, weigh_target)?;
            hidden = block.attend_source(&hidden, &seen.source, weigh_source)?;
            hidden = block.feed_forward.forward(&hidden)?;
        }
        self.norm.forward(&hidden)
    }
}

impl DecoderState {
    /// How many sequences there are.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// How many tokens each of them has been fed.
    pub(super) fn tokens(&self) -> Result<usize> {
        self.blocks.first().and_then(|seen| seen.target.as_ref()).map_or(Ok(0), KeysValues::len)
    }

    /// Sequence `order[i]` becomes sequence i.
    pub(super) fn select(&mut self, order: &[u32]) -> Result<()> {
        if let Some(row) = order.iter().find(|&&row| row as usize >= self.rows) {
            candle_core::bail!("sequence {row} is none of {}", self.rows);
        }
        let encoded = self.source_mask.dim(0)?;
        let each = (self.rows / encoded.max(1)) as u32;
        let kept = shared(&order.iter().map(|row| row / each).collect::<Vec<_>>());
        if !kept.iter().copied().eq(0..encoded as u32) {
            let kept = Tensor::from_slice(&kept, kept.len(), &Device::Cpu)?;
            self.source_mask = self.source_mask.index_select(&kept, 0)?;
            for seen in &mut self.blocks {
                seen.source = seen.source.select(&kept)?;
            }
        }
        let rows = Tensor::from_slice(order, order.len(), &Device::Cpu)?;
        for seen in &mut self.blocks {
            seen.target = seen.target.as_ref().map(|target| target.select(&rows)).transpose()?;
        }
        self.rows = order.len();
        Ok(())
    }
}

/// The sources to keep for sequences that belong to `sources`: each of them once if equally many sequences in a row
/// can share it, else one for each sequence.
fn shared(sources: &[u32]) -> Vec<u32> {
    let mut kept = sources.to_vec();
    kept.dedup();
    let each = sources.len().div_ceil(kept.len().max(1)).max(1);
    let even = sources.len() == each * kept.len()
        && sources.chunks(each).zip(&kept).all(|(group, kept)| group.iter().all(|source| source == kept));
    if even { kept } else { sources.to_vec() }
}

#[derive(Debug, Clone)]
struct Block {
    target_norm: RmsNorm,
    target_attention: Attention,
    source_norm: RmsNorm,
    source_attention: Attention,
    feed_forward: FeedForward,
}

impl Block {
    fn new(config: &T5Config, weights: &VarBuilder) -> Result<Self> {
        Ok(Self {
            target_norm: RmsNorm::new(config, &weights.pp("0.layer_norm"))?,
            target_attention: Attention::new(config, &weights.pp("0.SelfAttention"))?,
            source_norm: RmsNorm::new(config, &weights.pp("1.layer_norm"))?,
            source_attention: Attention::new(config, &weights.pp("1.EncDecAttention"))?,
            feed_forward: FeedForward::new(config, &weights.pp(2))?,
        })
    }

    fn attend_target(
        &self,
        x: &Tensor,
        rows: usize,
        seen: &mut Seen,
        weigh: impl Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let normed = self.target_norm.forward(x)?;
        let new = self.target_attention.keys_values(&normed, rows)?;
        let all =
            seen.target.as_ref().map_or_else(|| Ok(new.clone()), |earlier| earlier.followed_by(&new))?;
        let attended = self.target_attention.forward(&normed, &all, weigh)?;
        seen.target = Some(all);
        ops::add(x, &attended)
    }

    fn attend_source(
        &self,
        x: &Tensor,
        source: &KeysValues,
        weigh: impl Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let attended = self.source_attention.forward(&self.source_norm.forward(x)?, source, weigh)?;
        ops::add(x, &attended)
    }
}
