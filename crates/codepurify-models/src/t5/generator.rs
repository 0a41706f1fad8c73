//! T5 with an output layer over the vocabulary: `T5ForConditionalGeneration`.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;

use super::{DecoderState, Projection, T5, T5Config};
use crate::generate::StepDecoder;

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
        if sources.len() != inputs.len() {
            candle_core::bail!("{} sources for {} targets", sources.len(), inputs.len());
        }
        let (mut state, inputs) = (self.begin(sources)?, self.t5.padded(inputs)?);
        let (rows, length) = inputs.shape();
        self.logits(inputs.ids(), &mut state)?.reshape((rows, length, ()))
    }
}
