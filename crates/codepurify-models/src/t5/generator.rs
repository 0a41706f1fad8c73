//! T5 with an output layer over the vocabulary: `T5ForConditionalGeneration`.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;

use super::{DecoderState, Projection, T5, T5Config};
use crate::batch::PaddedBatch;
use crate::generate::{StepDecoder, check_targets};

/// Sequences to sequences.
#[derive(Debug, Clone)]
pub struct T5Generator {
    t5: T5,
    output: Projection,
    /// What hidden states are multiplied by before the output layer.
    scale: f64,
}

impl T5Generator {
    /// Takes the weights below the prefix that `weights` stands at, `lm_head.weight` among them; a checkpoint with tied
    /// embeddings may do without it.
    ///
    /// # Errors
    /// If a tensor is missing or of the wrong shape.
    pub fn new(config: &T5Config, weights: &VarBuilder) -> Result<Self> {
        let t5 = T5::new(config, weights)?;
        let output = if config.tie_word_embeddings && !weights.contains_tensor("lm_head.weight") {
            Projection { weight: t5.words.clone() }
        } else {
            let shape = (config.vocab_size, config.d_model);
            Projection::new(shape, config.init(1), &weights.pp("lm_head"))?
        };
        Ok(Self { t5, output, scale: config.output_scale() })
    }

    /// Word embeddings, encoder and decoder.
    #[must_use]
    pub fn t5(&self) -> &T5 {
        &self.t5
    }

    /// [`StepDecoder::forced`] over sources that are encoded already, as `[rows · length, hidden]`.
    ///
    /// # Errors
    /// If there are more or fewer sources than targets, or the tensor runtime fails.
    pub fn forced_from(
        &self,
        encoded: &Tensor,
        sources: &PaddedBatch,
        inputs: &[Vec<u32>],
    ) -> Result<Tensor> {
        check_targets(sources, inputs)?;
        let inputs = self.t5.padded(inputs)?;
        let (rows, length) = inputs.shape();
        let mut state = self.t5.decoder.begin(encoded, sources)?;
        self.logits(inputs.ids(), &mut state)?.reshape((rows, length, ()))
    }

    /// Logits of the tokens behind `ids`, `[rows · length, vocabulary]`.
    ///
    /// No token of a target is hidden but those behind it: the start token is the padding token and must be seen, and
    /// padding stands behind everything that counts.
    fn logits(&self, ids: &Tensor, state: &mut DecoderState) -> Result<Tensor> {
        let rows = state.rows();
        let tokens = state.tokens()? + ids.elem_count() / rows;
        let mask = Tensor::zeros((rows, tokens), DType::F32, &Device::Cpu)?;
        let hidden = self.t5.decoder.forward(self.t5.embed(ids)?, &mask, state)?;
        self.output.forward(&(hidden * self.scale)?)
    }
}

impl StepDecoder for T5Generator {
    type State = DecoderState;

    fn start_id(&self) -> u32 {
        self.t5.start
    }

    fn begin(&self, sources: &[Vec<u32>]) -> Result<DecoderState> {
        self.t5.begin(&self.t5.padded(sources)?)
    }

    fn step(&self, state: &mut DecoderState, tokens: &[u32]) -> Result<Tensor> {
        if tokens.is_empty() || tokens.len() != state.rows() {
            candle_core::bail!("{} tokens for {} sequences", tokens.len(), state.rows());
        }
        self.logits(&Tensor::from_slice(tokens, tokens.len(), &Device::Cpu)?, state)
    }

    fn select(&self, state: &mut DecoderState, order: &[u32]) -> Result<()> {
        state.select(order)
    }

    fn forced(&self, sources: &[Vec<u32>], inputs: &[Vec<u32>]) -> Result<Tensor> {
        let sources = self.t5.padded(sources)?;
        self.forced_from(&self.t5.encode_words(&self.t5.words(&sources)?, &sources)?, &sources, inputs)
    }
}
