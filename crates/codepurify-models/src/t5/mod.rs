//! T5, one definition for inference and training.
//!
//! Raffel et al. 2020 in the shape of CodeT5 (Wang et al. 2021) and the layout of Hugging Face checkpoints
//! (`shared.weight`, `encoder.block.N.layer.M.*`, `decoder.block.N.layer.M.*`): blocks with the norm before each layer,
//! no bias but that of relative positions, `ReLU`. Activations are `[tokens, hidden]`: rows one behind the other.

mod attention;
mod config;
mod decoder;
mod encoder;
mod generator;
mod heads;
mod position;

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};

use crate::batch::RaggedBatch;
use crate::linear::Linear;
use crate::ops::{self, Precision};

pub use config::T5Config;
pub use decoder::DecoderState;
pub use generator::T5Generator;
pub use heads::{CloneHead, DefectHead};

use decoder::Decoder;
use encoder::Encoder;

/// Word embeddings, encoder and decoder.
#[derive(Debug, Clone)]
pub struct T5 {
    words: Tensor,
    encoder: Encoder,
    decoder: Decoder,
    pad: u32,
    start: u32,
    end: u32,
}

impl T5 {
    /// Takes the weights below the prefix of `weights`. The prefix is empty in a checkpoint for generation
    /// and `encoder` in one of a classifier. The word embeddings are `shared.weight`, or, where an exporter
    /// left that out, the copy of the encoder or of the decoder.
    ///
    /// # Errors
    /// If a tensor is missing or of the wrong shape.
    pub fn new(config: &T5Config, weights: &VarBuilder) -> Result<Self> {
        let names = ["shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"];
        let name = names.into_iter().find(|name| weights.contains_tensor(name)).unwrap_or(names[0]);
        Ok(Self {
            words: weights.get_with_hints((config.vocab_size, config.d_model), name, config.init(1))?,
            encoder: Encoder::new(config, &weights.pp("encoder"))?,
            decoder: Decoder::new(config, &weights.pp("decoder"))?,
            pad: config.pad_token_id,
            start: config.start_id(),
            end: config.eos_token_id,
        })
    }

    /// Prepares the network for use only: its weights are laid out for the kernels, and no gradient goes
    /// through them.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    pub fn packed(mut self, precision: Precision) -> Result<Self> {
        self.encoder.pack(precision)?;
        self.decoder.pack(precision)?;
        Ok(self)
    }

    /// One vector for each row, `[rows, hidden]`, as CodeT5's scripts for classification take it: the row is also the
    /// target that the decoder is to repeat, and the vector is the decoder's hidden state at the row's last `</s>`.
    ///
    /// `rows` are whole sequences, special tokens included.
    ///
    /// # Errors
    /// If there is no row, a row has no `</s>`, or the tensor runtime fails.
    pub fn end_vectors(&self, rows: &[Vec<u32>]) -> Result<Tensor> {
        self.end_vectors_from(rows, &self.words(&self.ragged(rows)?)?)
    }

    /// [`T5::end_vectors`] with other word embeddings, `[tokens, hidden]`, than those of the rows' ids, on the encoder's
    /// and on the decoder's side: for gradients with respect to them.
    ///
    /// # Errors
    /// As [`T5::end_vectors`].
    pub fn end_vectors_from(&self, rows: &[Vec<u32>], words: &Tensor) -> Result<Tensor> {
        let batch = self.ragged(rows)?;
        let ends = self.ends(rows, &batch)?;
        // The decoder's inputs: the start token, then all tokens but the last.
        let start = batch.rows().tokens() as u32;
        let shifted = batch
            .rows()
            .ranges()
            .flat_map(|row| std::iter::once(start).chain(row.start as u32..row.end as u32 - 1));
        let shifted: Vec<u32> = shifted.collect();
        let targets = ops::select_rows(&Tensor::cat(&[words, &self.embed(&[self.start])?], 0)?, &shifted)?;
        let encoded = self.encode_words(words, &batch)?;
        // The scripts hide a target position where the *source* is padding.
        self.decoder.forced_at(&ends, targets, batch.rows(), &encoded, batch.rows())
    }

    /// The word embeddings of every position, `[tokens, hidden]`.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    pub fn words(&self, batch: &RaggedBatch) -> Result<Tensor> {
        self.embed(batch.ids())
    }

    /// The word embeddings, `[vocabulary, hidden]`.
    #[must_use]
    pub fn word_embeddings(&self) -> &Tensor {
        &self.words
    }

    /// The encoder's hidden states over word embeddings, both `[tokens, hidden]`.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    pub fn encode_words(&self, words: &Tensor, sources: &RaggedBatch) -> Result<Tensor> {
        self.encoder.forward(words.clone(), sources.rows())
    }

    /// Returns the index of the last `</s>` of each row among all tokens.
    fn ends(&self, rows: &[Vec<u32>], batch: &RaggedBatch) -> Result<Vec<u32>> {
        let mut ends = Vec::with_capacity(rows.len());
        for (row, (ids, tokens)) in rows.iter().zip(batch.rows().ranges()).enumerate() {
            let Some(end) = ids.iter().rposition(|&id| id == self.end) else {
                candle_core::bail!("row {row} has no token {} to end it", self.end)
            };
            ends.push((tokens.start + end) as u32);
        }
        Ok(ends)
    }

    fn ragged(&self, rows: &[Vec<u32>]) -> Result<RaggedBatch> {
        if rows.iter().all(Vec::is_empty) {
            candle_core::bail!("a batch without a token");
        }
        Ok(RaggedBatch::new(rows, self.pad))
    }

    /// Ids to `[tokens, hidden]`.
    fn embed(&self, ids: &[u32]) -> Result<Tensor> {
        ops::select_rows(&self.words, ids)
    }
}

/// Root-mean-square normalisation with its weight.
#[derive(Debug, Clone)]
struct RmsNorm {
    weight: Tensor,
    eps: f32,
}

impl RmsNorm {
    fn new(config: &T5Config, weights: &VarBuilder) -> Result<Self> {
        let weight =
            weights.get_with_hints(config.d_model, "weight", Init::Const(config.initializer_factor))?;
        Ok(Self { weight, eps: config.layer_norm_epsilon })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::rms_norm(x, &self.weight, self.eps)
    }
}

/// The last layer of a block: norm, widen, `ReLU`, narrow, and the sum with what came in.
#[derive(Debug, Clone)]
struct FeedForward {
    norm: RmsNorm,
    widen: Linear,
    narrow: Linear,
}

impl FeedForward {
    fn new(config: &T5Config, weights: &VarBuilder) -> Result<Self> {
        let (hidden, wide) = (config.d_model, config.d_ff);
        let dense = weights.pp("DenseReluDense");
        Ok(Self {
            norm: RmsNorm::new(config, &weights.pp("layer_norm"))?,
            widen: Linear::without_bias(hidden, wide, config.init(hidden), &dense.pp("wi"))?,
            narrow: Linear::without_bias(wide, hidden, config.init(wide), &dense.pp("wo"))?,
        })
    }

    fn pack(&mut self, precision: Precision) -> Result<()> {
        self.widen.pack(precision)?;
        self.narrow.pack(precision)
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.narrow.forward_onto(&self.widen.forward_relu(&self.norm.forward(x)?)?, x)
    }
}
