//! From source rows to answers: decoders that go one token a step.
//!
//! The flow: a [`StepDecoder`] gives the logits of the next token → `search` grows hypotheses by them (greedily or with
//! beams) → [`TextGenerator`] answers with the best. `likelihood` asks the other way round, how likely a given answer
//! is; [`TextClassifier`] compares a few given ones.

mod beams;
mod classifier;
mod generator;
mod likelihood;
mod options;
mod search;

use candle_core::{Result, Tensor};
use codepurify::error::ModelError;

use crate::batch::{MICRO_BATCH, RaggedBatch};

pub use classifier::{ByAnswers, TextClassifier};
pub use generator::{Decoding, TextGenerator};
pub use options::{DecodeOptions, Dialect};

/// The longest target of a decoder that has no limit of its own.
const LONGEST_TARGET: usize = 4096;

/// An encoder with a decoder that continues target sequences: one definition for decoding (with a cache of keys and
/// values) and for teacher forcing.
pub trait StepDecoder: Send + Sync {
    /// State of a group of sequences: the encoded sources, and keys and values of the targets' tokens so far.
    type State;

    /// Source tokens that are encoded at a time.
    fn micro_batch(&self) -> usize {
        MICRO_BATCH
    }

    /// The id that every target begins with; it is fed first and is no part of an answer.
    fn start_id(&self) -> u32;

    /// The most tokens that can be fed to a sequence, the start token included.
    fn longest_target(&self) -> usize {
        LONGEST_TARGET
    }

    /// Encodes whole source sequences, special tokens included, one for each sequence to be decoded.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    fn begin(&self, sources: &[Vec<u32>]) -> Result<Self::State>;

    /// Feeds the next token of each sequence; logits `[sequences, vocabulary]` of the token behind it.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    fn step(&self, state: &mut Self::State, tokens: &[u32]) -> Result<Tensor>;

    /// Makes sequence `order[i]` the new sequence i: repeats, reorders and drops sequences, as beams need it. It may be
    /// asked for before the first step. Sequences of one source stay side by side, and equally many of each source, so
    /// that an implementation can let them share what was encoded.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    fn select(&self, state: &mut Self::State, order: &[u32]) -> Result<()>;

    /// Logits at every position of whole target inputs (the start token first) in one pass, one input behind the other:
    /// `[tokens, vocabulary]`.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    fn forced(&self, sources: &[Vec<u32>], inputs: &[Vec<u32>]) -> Result<Tensor>;
}

/// Refuses targets that are not one a source.
pub(crate) fn check_targets(sources: &RaggedBatch, inputs: &[Vec<u32>]) -> Result<()> {
    let rows = sources.rows().count();
    if rows != inputs.len() {
        candle_core::bail!("{rows} sources for {} targets", inputs.len());
    }
    Ok(())
}

/// ln Σ exp of finite logits.
fn log_normalizer(logits: &[f32]) -> f64 {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f64 = logits.iter().map(|logit| f64::from((logit - highest).exp())).sum();
    f64::from(highest) + total.ln()
}

/// The elements of a tensor of logits, row after row; an error if there are none or one is NaN or infinite.
fn finite(logits: &Tensor) -> std::result::Result<Vec<f32>, ModelError> {
    let values = logits.flatten_all().and_then(|flat| flat.to_vec1::<f32>()).map_err(runtime)?;
    if values.is_empty() {
        return Err(ModelError::output(format!("logits of shape {:?} are none", logits.dims())));
    }
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(ModelError::output(format!("a logit of the decoder is {value}"))),
        None => Ok(values),
    }
}

/// A failure of the tensor runtime.
fn runtime(error: impl std::fmt::Display) -> ModelError {
    ModelError::runtime(error.to_string())
}
