//! T5 with an output layer over the vocabulary: `T5ForConditionalGeneration`.

use std::sync::Arc;

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use super::{DecoderState, T5, T5Config};
use crate::batch::{RaggedBatch, micro_batch_tokens};
use crate::linear::Linear;
use crate::ops::Precision;
use crate::ops::Rows;
use crate::step_decoder::{StepDecoder, check_targets};

/// Sequences to sequences.
#[derive(Debug, Clone)]
pub struct T5Generator {
    t5: T5,
    output: Linear,
    /// Factor of the hidden states before the output layer.
    scale: f64,
}

impl T5Generator {
    /// Takes the weights below the prefix of `weights`, `lm_head.weight` among them; a checkpoint with tied
    /// embeddings may do without it.
    ///
    /// # Errors
    /// If a tensor is missing or of the wrong shape.
    pub fn new(config: &T5Config, weights: &VarBuilder) -> Result<Self> {
        let t5 = T5::new(config, weights)?;
        let output = if config.tie_word_embeddings && !weights.contains_tensor("lm_head.weight") {
            Linear::of(t5.words.clone(), None)
        } else {
            let (hidden, vocabulary) = (config.d_model, config.vocab_size);
            Linear::without_bias(hidden, vocabulary, config.init(1), &weights.pp("lm_head"))?
        };
        Ok(Self { t5, output, scale: config.output_scale() })
    }

    /// Word embeddings, encoder and decoder.
    #[must_use]
    pub fn t5(&self) -> &T5 {
        &self.t5
    }

    /// As [`T5::packed`]; the output layer stays as it is.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    pub fn packed(self, precision: Precision) -> Result<Self> {
        Ok(Self { t5: self.t5.packed(precision)?, ..self })
    }

    /// [`StepDecoder::forced`] over sources that are encoded already, as `[tokens, hidden]`.
    ///
    /// No token of a target is hidden but those behind it: the start token is the padding token and must be seen.
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
        let rows = Arc::new(Rows::of_lengths(inputs.iter().map(Vec::len)));
        let embedded = self.t5.embed(self.t5.ragged(inputs)?.ids())?;
        self.logits(&self.t5.decoder.forced(embedded, &rows, encoded, sources.rows())?)
    }

    /// Hidden states `[tokens, hidden]` to `[tokens, vocabulary]`.
    fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        self.output.forward(&(hidden * self.scale)?)
    }
}

impl StepDecoder for T5Generator {
    type State = DecoderState;

    fn micro_batch(&self) -> usize {
        micro_batch_tokens(self.t5.word_embeddings())
    }

    fn start_id(&self) -> u32 {
        self.t5.start
    }

    fn begin(&self, sources: &[Vec<u32>]) -> Result<DecoderState> {
        let sources = self.t5.ragged(sources)?;
        let encoded = self.t5.encode_words(&self.t5.words(&sources)?, &sources)?;
        self.t5.decoder.begin(&encoded, &sources)
    }

    fn step(&self, state: &mut DecoderState, tokens: &[u32]) -> Result<Tensor> {
        if tokens.is_empty() || tokens.len() != state.rows() {
            candle_core::bail!("{} tokens for {} sequences", tokens.len(), state.rows());
        }
        let embedded = self.t5.embed(tokens)?;
        self.logits(&self.t5.decoder.step(embedded, state)?)
    }

    fn select(&self, state: &mut DecoderState, order: &[u32]) -> Result<()> {
        state.select(order)
    }

    fn forced(&self, sources: &[Vec<u32>], inputs: &[Vec<u32>]) -> Result<Tensor> {
        let sources = self.t5.ragged(sources)?;
        self.forced_from(&self.t5.encode_words(&self.t5.words(&sources)?, &sources)?, &sources, inputs)
    }
}
