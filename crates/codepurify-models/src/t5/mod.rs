//! T5, one definition for inference and training.
//!
//! Raffel et al. 2020 in the shape of CodeT5 (Wang et al. 2021) and the layout of Hugging Face checkpoints
//! (`shared.weight`, `encoder.block.N.layer.M.*`, `decoder.block.N.layer.M.*`): blocks with the norm before each layer,
//! no bias but that of relative positions, `ReLU`. Activations are `[rows · length, hidden]` outside attention.

mod attention;
mod config;
mod decoder;
mod encoder;
mod generator;
mod heads;
mod position;

use candle_core::{Device, Result, Tensor};
use candle_nn::{Init, VarBuilder};

use crate::batch::PaddedBatch;
use crate::ops;

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
    /// Takes the weights below the prefix that `weights` stands at: the top of a checkpoint for generation, `encoder`
    /// in one of a classifier. The word embeddings are `shared.weight`, or, where an exporter left that out, the copy
    /// of the encoder or of the decoder.
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

    /// One vector for each row, `[rows, hidden]`, as CodeT5's scripts for classification take it: the row is also the
    /// target that the decoder is to repeat, and the vector is the decoder's hidden state at the row's last `</s>`.
    ///
    /// `rows` are whole sequences, special tokens included.
    ///
    /// # Errors
    /// If there is no row, a row has no `</s>`, or the tensor runtime fails.
    pub fn end_vectors(&self, rows: &[Vec<u32>]) -> Result<Tensor> {
        let sources = self.padded(rows)?;
        let (_, length) = sources.shape();
        let mut ends = Vec::with_capacity(rows.len());
        for (row, ids) in rows.iter().enumerate() {
            let Some(end) = ids.iter().rposition(|&id| id == self.end) else {
                candle_core::bail!("row {row} has no token {} to end it", self.end)
            };
            ends.push((row * length + end) as u32);
        }
        let targets: Vec<Vec<u32>> = rows.iter().map(|row| self.shifted(row)).collect();
        let mut state = self.begin(&sources)?;
        let embedded = self.embed(self.padded(&targets)?.ids())?;
        // The scripts hide a target position where the *source* is padding.
        let hidden = self.decoder.forward(embedded, sources.mask(), &mut state)?;
        hidden.index_select(&Tensor::from_vec(ends, rows.len(), &Device::Cpu)?, 0)
    }

    /// The decoder's inputs for a target: the start token, then all tokens but the last.
    fn shifted(&self, target: &[u32]) -> Vec<u32> {
        std::iter::once(self.start).chain(target.iter().copied()).take(target.len()).collect()
    }

    /// Encodes the sources.
    fn begin(&self, sources: &PaddedBatch) -> Result<DecoderState> {
        let encoded = self.encoder.forward(self.embed(sources.ids())?, sources)?;
        self.decoder.begin(&encoded, sources)
    }

    fn padded(&self, rows: &[Vec<u32>]) -> Result<PaddedBatch> {
        if rows.iter().all(Vec::is_empty) {
            candle_core::bail!("a batch without a token");
        }
        PaddedBatch::new(rows, self.pad)
    }

    /// `u32 [tokens]` to `[tokens, hidden]`.
    fn embed(&self, ids: &Tensor) -> Result<Tensor> {
        self.words.index_select(ids, 0)
    }
}

/// `x · weightᵀ`.
#[derive(Debug, Clone)]
struct Projection {
    weight: Tensor,
}

impl Projection {
    /// `shape` is (outputs, inputs).
    fn new(shape: (usize, usize), init: Init, weights: &VarBuilder) -> Result<Self> {
        Ok(Self { weight: weights.get_with_hints(shape, "weight", init)? })
    }

    /// `[rows, inputs]` to `[rows, outputs]`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::project(x, &self.weight)
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
    widen: Projection,
    narrow: Projection,
}

impl FeedForward {
    fn new(config: &T5Config, weights: &VarBuilder) -> Result<Self> {
        let (hidden, wide) = (config.d_model, config.d_ff);
        let dense = weights.pp("DenseReluDense");
        Ok(Self {
            norm: RmsNorm::new(config, &weights.pp("layer_norm"))?,
            widen: Projection::new((wide, hidden), config.init(hidden), &dense.pp("wi"))?,
            narrow: Projection::new((hidden, wide), config.init(wide), &dense.pp("wo"))?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let wide = ops::relu(&self.widen.forward(&self.norm.forward(x)?)?)?;
        ops::add(x, &self.narrow.forward(&wide)?)
    }
}
