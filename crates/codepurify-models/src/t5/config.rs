//! `config.json` of a T5 checkpoint.

use candle_nn::Init;
use serde::{Deserialize, Serialize};

use crate::error::LoadError;
use crate::files::ModelFiles;

/// The part of the configuration that the architecture depends on; other keys are ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct T5Config {
    /// `t5`.
    pub model_type: String,
    /// Token ids.
    pub vocab_size: usize,
    /// Width of the hidden states.
    pub d_model: usize,
    /// Width of one attention head; the heads together need not be as wide as the hidden states.
    pub d_kv: usize,
    /// Width of the feed-forward layer.
    pub d_ff: usize,
    /// Blocks of the encoder.
    pub num_layers: usize,
    /// Blocks of the decoder; as many as of the encoder if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_decoder_layers: Option<usize>,
    /// Attention heads.
    pub num_heads: usize,
    /// Rows of the tables of relative position biases.
    #[serde(default = "buckets")]
    pub relative_attention_num_buckets: usize,
    /// Distance from which on all keys have the same bias; older configurations do not say it.
    #[serde(default = "max_distance")]
    pub relative_attention_max_distance: usize,
    /// Added to the mean square in the norms.
    #[serde(default = "eps")]
    pub layer_norm_epsilon: f32,
    /// `relu`; gated feed-forward layers are another architecture.
    #[serde(default = "relu")]
    pub feed_forward_proj: String,
    /// True if the output layer is the word embeddings.
    #[serde(default = "yes")]
    pub tie_word_embeddings: bool,
    /// True if hidden states are multiplied by `d_model^-0.5` before the output layer; if absent, they are
    /// where that layer is tied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_decoder_outputs: Option<bool>,
    /// Scale of fresh weights.
    #[serde(default = "factor")]
    pub initializer_factor: f64,
    /// Longest sequence that the model was made for. Relative positions work for any length.
    #[serde(default = "positions")]
    pub n_positions: usize,
    /// The padding token.
    #[serde(default)]
    pub pad_token_id: u32,
    /// The token that ends a sequence.
    #[serde(default = "eos")]
    pub eos_token_id: u32,
    /// The token that the decoder is fed first; the padding token if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoder_start_token_id: Option<u32>,
}

fn buckets() -> usize {
    32
}

fn max_distance() -> usize {
    128
}

fn eps() -> f32 {
    1e-6
}

fn relu() -> String {
    "relu".to_owned()
}

fn yes() -> bool {
    true
}

fn factor() -> f64 {
    1.0
}

fn positions() -> usize {
    512
}

fn eos() -> u32 {
    1
}

impl T5Config {
    /// Reads and checks `config.json`.
    ///
    /// # Errors
    /// [`LoadError::Json`], [`LoadError::UnknownArchitecture`] or [`LoadError::Config`].
    pub fn load(files: &ModelFiles) -> Result<Self, LoadError> {
        let config: Self = files.config("t5")?;
        match config.complaint() {
            Some(message) => Err(LoadError::Config { model: files.name.clone(), message }),
            None => Ok(config),
        }
    }

    /// Returns the reason why this configuration is unusable.
    fn complaint(&self) -> Option<String> {
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("d_model", self.d_model),
            ("d_kv", self.d_kv),
            ("d_ff", self.d_ff),
            ("num_layers", self.num_layers),
            ("num_decoder_layers", self.decoder_layers()),
            ("num_heads", self.num_heads),
        ];
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Some(format!("{name} is 0"));
        }
        if self.num_heads.checked_mul(self.d_kv).is_none() || self.d_model.checked_mul(self.d_kv).is_none() {
            let (heads, width) = (self.num_heads, self.d_kv);
            return Some(format!("num_heads {heads} of d_kv {width} are too wide"));
        }
        if self.feed_forward_proj != "relu" {
            return Some(format!(
                "feed_forward_proj `{}` is not supported, only `relu`",
                self.feed_forward_proj
            ));
        }
        self.position_complaint().or_else(|| self.token_complaint()).or_else(|| self.number_complaint())
    }

    /// Checks the buckets: half of them are on each side of the query, and half of those hold a single
    /// distance each.
    fn position_complaint(&self) -> Option<String> {
        let (buckets, distance) = (self.relative_attention_num_buckets, self.relative_attention_max_distance);
        if buckets < 4 {
            return Some(format!("relative_attention_num_buckets {buckets} is less than 4"));
        }
        if distance <= buckets / 2 {
            return Some(format!(
                "relative_attention_max_distance {distance} leaves nothing to {buckets} buckets"
            ));
        }
        (self.n_positions < 3).then(|| format!("n_positions {} leaves no room for content", self.n_positions))
    }

    fn token_complaint(&self) -> Option<String> {
        let tokens = [
            ("pad_token_id", self.pad_token_id),
            ("eos_token_id", self.eos_token_id),
            ("decoder_start_token_id", self.start_id()),
        ];
        let (name, id) = tokens.into_iter().find(|&(_, id)| id as usize >= self.vocab_size)?;
        Some(format!("{name} {id} is no token of {}", self.vocab_size))
    }

    fn number_complaint(&self) -> Option<String> {
        if !self.layer_norm_epsilon.is_finite() || self.layer_norm_epsilon <= 0.0 {
            return Some("layer_norm_epsilon is not positive".to_owned());
        }
        let usable = self.initializer_factor.is_finite() && self.initializer_factor > 0.0;
        (!usable).then(|| "initializer_factor is not positive".to_owned())
    }

    /// Blocks of the decoder.
    #[must_use]
    pub fn decoder_layers(&self) -> usize {
        self.num_decoder_layers.unwrap_or(self.num_layers)
    }

    /// The token that the decoder is fed first.
    #[must_use]
    pub fn start_id(&self) -> u32 {
        self.decoder_start_token_id.unwrap_or(self.pad_token_id)
    }

    /// Factor of the hidden states before the output layer.
    pub(super) fn output_scale(&self) -> f64 {
        let scaled = self.scale_decoder_outputs.unwrap_or(self.tie_word_embeddings);
        if scaled { (self.d_model as f64).sqrt().recip() } else { 1.0 }
    }

    /// How fresh weights are drawn that sum up `terms` numbers.
    pub(super) fn init(&self, terms: usize) -> Init {
        Init::Randn { mean: 0.0, stdev: self.initializer_factor / (terms as f64).sqrt() }
    }
}
