//! From source rows to answers: decoders that go one token a step.

use candle_core::{Result, Tensor};

/// An encoder with a decoder that continues target sequences: one definition for decoding (with a cache of keys and
/// values) and for teacher forcing.
pub trait StepDecoder: Send + Sync {
    /// What a group of sequences has seen so far: the encoded sources, and keys and values of the targets' tokens.
    type State;

    /// The id that every target begins with; it is fed first and is no part of an answer.
    fn start_id(&self) -> u32;

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

    /// Makes sequence `order[i]` the new sequence i: repeats, reorders and drops sequences, as beams need it.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    fn select(&self, state: &mut Self::State, order: &[u32]) -> Result<()>;

    /// Logits at every position of whole target inputs (the start token first) in one pass:
    /// `[sequences, longest input, vocabulary]`; what stands behind a shorter input is arbitrary.
    ///
    /// # Errors
    /// If the tensor runtime fails.
    fn forced(&self, sources: &[Vec<u32>], inputs: &[Vec<u32>]) -> Result<Tensor>;
}
