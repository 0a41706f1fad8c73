//! The decoder: every position sees itself, the positions before it, and the whole source.

use std::sync::Arc;

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::attention::{CrossAttention, KeysValues, SelfAttention};
use super::position::RelativeBias;
use super::{FeedForward, RmsNorm, T5Config};
use crate::batch::RaggedBatch;
use crate::ops::Rows;
use crate::ops::{self, Precision};

#[derive(Debug, Clone)]
pub(super) struct Decoder {
    bias: RelativeBias,
    blocks: Vec<Block>,
    norm: RmsNorm,
}

/// State of a group of sequences during decoding: their sources, and their own tokens so far.
#[derive(Debug, Clone)]
pub struct DecoderState {
    blocks: Vec<Seen>,
    /// Additive attention mask of the sources, `[sources, source length]`.
    source_mask: Tensor,
    /// Number of sequences. Those of one source are adjacent and share its encoding; every source has equally
    /// many.
    rows: usize,
}

/// Keys and values of one block.
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

    pub(super) fn pack(&mut self, precision: Precision) -> Result<()> {
        self.blocks.iter_mut().try_for_each(|block| {
            block.target_attention.pack(precision)?;
            block.source_attention.pack(precision)?;
            block.feed_forward.pack(precision)
        })
    }

    /// Hidden states of whole targets, `[tokens, hidden]`, given their tokens embedded and the encoded source of each.
    pub(super) fn forced(
        &self,
        embedded: Tensor,
        rows: &Arc<Rows>,
        encoded: &Tensor,
        sources: &Arc<Rows>,
    ) -> Result<Tensor> {
        let bias = self.bias.of_rows(rows)?;
        let through = |hidden: Tensor, block: &Block| block.forward(&hidden, rows, &bias, encoded, sources);
        self.norm.forward(&self.blocks.iter().try_fold(embedded, through)?)
    }

    /// [`Decoder::forced`] at one position of each target, `[rows, hidden]`; `places` count all tokens. Behind
    /// the last block's look at the target nothing else is fed forward.
    pub(super) fn forced_at(
        &self,
        places: &[u32],
        embedded: Tensor,
        rows: &Arc<Rows>,
        encoded: &Tensor,
        sources: &Arc<Rows>,
    ) -> Result<Tensor> {
        let Some((last, blocks)) = self.blocks.split_last() else {
            return self.norm.forward(&ops::select_rows(&embedded, places)?);
        };
        let bias = self.bias.of_rows(rows)?;
        let through = |hidden: Tensor, block: &Block| block.forward(&hidden, rows, &bias, encoded, sources);
        let hidden = blocks.iter().try_fold(embedded, through)?;
        let attended = ops::select_rows(&last.attend(&hidden, rows, &bias)?, places)?;
        let alone = Arc::new(Rows::of_single_tokens(rows.count()));
        self.norm.forward(&last.read(&attended, &alone, encoded, sources)?)
    }

    /// A state that has seen the sources, encoded as `[tokens, hidden]`, and no token yet.
    pub(super) fn begin(&self, encoded: &Tensor, sources: &RaggedBatch) -> Result<DecoderState> {
        let rows = sources.rows().count();
        let (encoded, source_mask) = sources.padded(encoded)?;
        let seen = |block: &Block| -> Result<Seen> {
            Ok(Seen { target: None, source: block.source_attention.remember(&encoded, rows)? })
        };
        Ok(DecoderState { blocks: self.blocks.iter().map(seen).collect::<Result<_>>()?, source_mask, rows })
    }

    /// Hidden states of the next token of each sequence, `[rows, hidden]` embedded.
    pub(super) fn step(&self, embedded: Tensor, state: &mut DecoderState) -> Result<Tensor> {
        let (rows, keys) = (state.rows, state.tokens()? + 1);
        let bias = self.bias.forward(1, keys)?;
        let mask = Tensor::zeros((rows, keys), embedded.dtype(), embedded.device())?;
        let softmax = |scores: &Tensor| ops::relative_softmax(scores, &bias, &mask, true);
        let mut hidden = embedded;
        for (block, seen) in self.blocks.iter().zip(&mut state.blocks) {
            let normed = block.target_norm.forward(&hidden)?;
            hidden = block.target_attention.step_onto(&hidden, &normed, rows, &mut seen.target, softmax)?;
            let normed = block.source_norm.forward(&hidden)?;
            hidden = block.source_attention.step_onto(&hidden, &normed, &seen.source, &state.source_mask)?;
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
            let kept = Tensor::from_slice(&kept, kept.len(), self.source_mask.device())?;
            self.source_mask = self.source_mask.index_select(&kept, 0)?;
            for seen in &mut self.blocks {
                seen.source = seen.source.select(&kept)?;
            }
        }
        let rows = Tensor::from_slice(order, order.len(), self.source_mask.device())?;
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
    target_attention: SelfAttention,
    source_norm: RmsNorm,
    source_attention: CrossAttention,
    feed_forward: FeedForward,
}

impl Block {
    fn new(config: &T5Config, weights: &VarBuilder) -> Result<Self> {
        Ok(Self {
            target_norm: RmsNorm::new(config, &weights.pp("0.layer_norm"))?,
            target_attention: SelfAttention::new(config, true, &weights.pp("0.SelfAttention"))?,
            source_norm: RmsNorm::new(config, &weights.pp("1.layer_norm"))?,
            source_attention: CrossAttention::new(config, &weights.pp("1.EncDecAttention"))?,
            feed_forward: FeedForward::new(config, &weights.pp(2))?,
        })
    }

    /// Both halves, `[tokens, hidden]`.
    fn forward(
        &self,
        hidden: &Tensor,
        rows: &Arc<Rows>,
        bias: &Tensor,
        encoded: &Tensor,
        sources: &Arc<Rows>,
    ) -> Result<Tensor> {
        self.read(&self.attend(hidden, rows, bias)?, rows, encoded, sources)
    }

    /// Adds to positions their attention to their own targets; `[tokens, hidden]`.
    fn attend(&self, hidden: &Tensor, rows: &Arc<Rows>, bias: &Tensor) -> Result<Tensor> {
        let normed = self.target_norm.forward(hidden)?;
        self.target_attention.forward_onto(hidden, &normed, rows, bias)
    }

    /// Computes the rest of the block: attention to the sources, and the feed-forward layer.
    fn read(
        &self,
        hidden: &Tensor,
        rows: &Arc<Rows>,
        encoded: &Tensor,
        sources: &Arc<Rows>,
    ) -> Result<Tensor> {
        let normed = self.source_norm.forward(hidden)?;
        let read = self.source_attention.forward_onto(hidden, &normed, rows, encoded, sources)?;
        self.feed_forward.forward(&read)
    }
}
