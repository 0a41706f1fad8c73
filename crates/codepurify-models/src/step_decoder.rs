//! Networks that continue a target sequence, one token a step.

use candle_core::{Result, Tensor};

use crate::batch::{MICRO_BATCH, RaggedBatch};

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
