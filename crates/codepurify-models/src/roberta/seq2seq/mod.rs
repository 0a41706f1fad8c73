//! CodeBERT for repair and summaries: a RoBERTa encoder with a PyTorch transformer decoder, one definition for
//! inference and training.
//!
//! The model of the CodeXGLUE scripts (Lu et al. 2021): the decoder shares the encoder's embedding block,
//! positions and layer norm included; its output goes through a dense layer with tanh to an output layer that
//! is tied to the word embeddings and has no bias. Weights have no common prefix: `encoder.embeddings.*`,
//! `encoder.encoder.layer.N.*`, `decoder.layers.K.*`, `dense.*`, `lm_head.weight`.

mod attention;
mod layer;
mod state;

use std::sync::Arc;

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::{RobertaConfig, RobertaEncoder};
use crate::batch::{RaggedBatch, micro_batch_tokens};
use crate::layout::DecoderShape;
use crate::linear::Linear;
use crate::ops::Precision;
use crate::ops::Rows;
use crate::step_decoder::{StepDecoder, check_targets};
use layer::DecoderLayer;

pub use state::Seq2SeqState;

/// Encoder, decoder and output layer.
#[derive(Debug, Clone)]
pub struct RobertaSeq2Seq {
    encoder: RobertaEncoder,
    layers: Vec<DecoderLayer>,
    dense: Linear,
    /// `[vocabulary, hidden]`.
    output: Tensor,
    begin: u32,
    pad: u32,
    longest: usize,
}

impl RobertaSeq2Seq {
    /// Takes all weights below the prefix of `weights`; answers start with token `begin` (`<s>`). The output
    /// layer is `lm_head.weight` if the checkpoint brings one, else it is tied to the word embeddings.
    ///
    /// # Errors
    /// If a tensor is missing or of the wrong shape.
    pub fn new(
        config: &RobertaConfig,
        shape: DecoderShape,
        begin: u32,
        weights: &VarBuilder,
    ) -> Result<Self> {
        let (hidden, layers) = (config.hidden_size, weights.pp("decoder.layers"));
        let encoder = RobertaEncoder::new(config, &weights.pp("encoder"))?;
        let output = if weights.contains_tensor("lm_head.weight") {
            weights.get((config.vocab_size, hidden), "lm_head.weight")?
        } else {
            encoder.word_embeddings().clone()
        };
        Ok(Self {
            layers: (0..shape.layers)
                .map(|index| DecoderLayer::new(config, shape, &layers.pp(index)))
                .collect::<Result<_>>()?,
            dense: Linear::new(hidden, hidden, config.init(), &weights.pp("dense"))?,
            encoder,
            output,
            begin,
            pad: config.pad_token_id,
            longest: config.positions(),
        })
    }

    /// The encoder.
    #[must_use]
    pub fn encoder(&self) -> &RobertaEncoder {
        &self.encoder
    }

    /// Prepares the encoder for use only, as [`RobertaEncoder::packed`]; the decoder stays as it is.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    pub fn packed(self, precision: Precision) -> Result<Self> {
        Ok(Self { encoder: self.encoder.packed(precision)?, ..self })
    }

    /// [`StepDecoder::forced`] over sources that are encoded already, as `[tokens, hidden]`.
    ///
    /// # Errors
    /// If there are more or fewer sources than targets, or the tensor runtime fails.
    pub fn forced_from(
        &self,
        encoded: &Tensor,
        sources: &RaggedBatch,
        inputs: &[Vec<u32>],
    ) -> Result<Tensor> {
        check_targets(sources, inputs)?;
        let batch = RaggedBatch::new(inputs, self.pad);
        // Padding in a target takes no position, but it can be seen.
        let rows = Arc::new(Rows::of_lengths(inputs.iter().map(Vec::len)));
        let hidden = self.encoder.embed(batch.ids(), batch.positions())?;
        let hidden = self
            .layers
            .iter()
            .try_fold(hidden, |hidden, layer| layer.forced(&hidden, &rows, encoded, sources.rows()))?;
        self.logits(&hidden)
    }

    /// A state that has seen the encoded sources, and no token yet.
    fn remember(&self, encoded: &Tensor, sources: &RaggedBatch) -> Result<Seq2SeqState> {
        let rows = sources.rows().count();
        let (encoded, mask) = sources.padded(encoded)?;
        let layers = self.layers.iter().map(|layer| layer.remember(&encoded, rows));
        Ok(Seq2SeqState {
            layers: layers.collect::<Result<_>>()?,
            mask,
            last_positions: vec![self.pad; rows],
        })
    }

    /// Hidden states `[tokens, hidden]` to `[tokens, vocabulary]`.
    fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        self.dense.forward(hidden)?.tanh()?.matmul(&self.output.t()?)
    }

    /// Logits `[rows · length, vocabulary]` of the next positions of all sequences, given their ids and positions.
    fn advance(&self, state: &mut Seq2SeqState, ids: &[u32], positions: &[u32]) -> Result<Tensor> {
        let rows = state.rows();
        let mut hidden = self.encoder.embed(ids, positions)?;
        for (layer, layer_state) in self.layers.iter().zip(&mut state.layers) {
            hidden = layer.forward(&hidden, rows, layer_state, &state.mask)?;
        }
        self.logits(&hidden)
    }
}

impl StepDecoder for RobertaSeq2Seq {
    type State = Seq2SeqState;

    fn micro_batch(&self) -> usize {
        micro_batch_tokens(self.encoder.word_embeddings())
    }

    fn start_id(&self) -> u32 {
        self.begin
    }

    fn longest_target(&self) -> usize {
        self.longest
    }

    fn begin(&self, sources: &[Vec<u32>]) -> Result<Seq2SeqState> {
        let batch = RaggedBatch::new(sources, self.pad);
        self.remember(&self.encoder.forward(&batch)?, &batch)
    }

    fn step(&self, state: &mut Seq2SeqState, tokens: &[u32]) -> Result<Tensor> {
        if tokens.len() != state.rows() {
            candle_core::bail!("{} tokens for {} sequences", tokens.len(), state.rows());
        }
        let positions = state.next_positions(tokens, self.pad);
        self.advance(state, tokens, &positions)
    }

    fn select(&self, state: &mut Seq2SeqState, order: &[u32]) -> Result<()> {
        state.select(order)
    }

    fn forced(&self, sources: &[Vec<u32>], inputs: &[Vec<u32>]) -> Result<Tensor> {
        let sources = RaggedBatch::new(sources, self.pad);
        self.forced_from(&self.encoder.forward(&sources)?, &sources, inputs)
    }
}
