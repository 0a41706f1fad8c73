//! RoBERTa, one definition for inference and training.
//!
//! Liu et al. 2019, in the layout of Hugging Face checkpoints (`roberta.embeddings.*`, `roberta.encoder.layer.N.*`):
//! learned positions counted from `pad + 1`, post-layer-norm blocks, exact GELU, additive attention mask. Activations
//! are `[tokens, hidden]`: rows one behind the other, without padding.

mod config;
mod embeddings;
mod heads;
mod layer;
mod seq2seq;

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use crate::batch::RaggedBatch;
use crate::ops::{self, Precision};

pub use crate::layout::DecoderShape;
pub use config::RobertaConfig;
pub use heads::{ClassificationHead, MaskedLmHead};
pub use seq2seq::{RobertaSeq2Seq, Seq2SeqState};

use embeddings::Embeddings;
use layer::Layer;

/// The encoder: embeddings and transformer blocks.
#[derive(Debug, Clone)]
pub struct RobertaEncoder {
    embeddings: Embeddings,
    layers: Vec<Layer>,
}

impl RobertaEncoder {
    /// Takes the encoder's weights below the prefix of `weights` (`roberta` in a checkpoint with a head).
    ///
    /// # Errors
    /// If a tensor is missing or of the wrong shape.
    pub fn new(config: &RobertaConfig, weights: &VarBuilder) -> Result<Self> {
        let layers = weights.pp("encoder.layer");
        Ok(Self {
            embeddings: Embeddings::new(config, &weights.pp("embeddings"))?,
            layers: (0..config.num_hidden_layers)
                .map(|index| Layer::new(config, &layers.pp(index)))
                .collect::<Result<_>>()?,
        })
    }

    /// Prepares the encoder for use only: its weights are laid out for the kernels, and no gradient goes
    /// through them.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    pub fn packed(mut self, precision: Precision) -> Result<Self> {
        for (left, layer) in self.layers.iter_mut().rev().enumerate() {
            layer.pack(precision, left == 0)?;
        }
        Ok(self)
    }

    /// Hidden states `[tokens, hidden]` of every position.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    pub fn forward(&self, batch: &RaggedBatch) -> Result<Tensor> {
        self.forward_words(&self.words(batch)?, batch)
    }

    /// The word embeddings of every position, `[tokens, hidden]`.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    pub fn words(&self, batch: &RaggedBatch) -> Result<Tensor> {
        ops::select_rows(self.word_embeddings(), batch.ids())
    }

    /// [`RobertaEncoder::forward`] with other word embeddings, `[tokens, hidden]`, than those of the batch's ids: for
    /// gradients with respect to them.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    pub fn forward_words(&self, words: &Tensor, batch: &RaggedBatch) -> Result<Tensor> {
        let hidden = self.embeddings.forward_words(words, batch.positions())?;
        self.layers.iter().try_fold(hidden, |hidden, layer| layer.forward(&hidden, batch.rows()))
    }

    /// The hidden states at the first position (`<s>`) of every row, `[rows, hidden]`: what a classifier looks at. The last
    /// layer feeds nothing else forward.
    ///
    /// # Errors
    /// If a row is empty or the tensor runtime fails.
    pub fn firsts(&self, batch: &RaggedBatch) -> Result<Tensor> {
        self.firsts_from(&self.words(batch)?, batch)
    }

    /// [`RobertaEncoder::firsts`] with other word embeddings, as [`RobertaEncoder::forward_words`].
    ///
    /// # Errors
    /// If a row is empty or the tensor runtime fails.
    pub fn firsts_from(&self, words: &Tensor, batch: &RaggedBatch) -> Result<Tensor> {
        let (hidden, rows) = (self.embeddings.forward_words(words, batch.positions())?, batch.rows());
        let Some((last, layers)) = self.layers.split_last() else { return rows.firsts(&hidden) };
        last.firsts(&layers.iter().try_fold(hidden, |hidden, layer| layer.forward(&hidden, rows))?, rows)
    }

    /// The mean hidden state of the visible tokens of every row, `[rows, hidden]`.
    ///
    /// # Errors
    /// If no token of a row can be seen or the tensor runtime fails.
    pub fn means(&self, batch: &RaggedBatch) -> Result<Tensor> {
        batch.rows().means(&self.forward(batch)?)
    }

    /// The embedding block alone, which a decoder may share: ids and positions to `[tokens, hidden]`.
    pub(crate) fn embed(&self, ids: &[u32], positions: &[u32]) -> Result<Tensor> {
        self.embeddings.forward(ids, positions)
    }

    /// The word embeddings `[vocabulary, hidden]`, to which a masked-LM decoder is tied.
    #[must_use]
    pub fn word_embeddings(&self) -> &Tensor {
        self.embeddings.words()
    }
}

/// Layer normalisation with its weights.
#[derive(Debug, Clone)]
struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f32,
}

impl LayerNorm {
    fn new(config: &RobertaConfig, weights: &VarBuilder) -> Result<Self> {
        Self::with_eps(config, config.layer_norm_eps, weights)
    }

    fn with_eps(config: &RobertaConfig, eps: f32, weights: &VarBuilder) -> Result<Self> {
        Ok(Self {
            weight: weights.get_with_hints(config.hidden_size, "weight", candle_nn::init::ONE)?,
            bias: weights.get_with_hints(config.hidden_size, "bias", candle_nn::init::ZERO)?,
            eps,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}
