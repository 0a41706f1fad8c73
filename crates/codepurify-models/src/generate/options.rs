//! How answers are decoded.

use serde::{Deserialize, Serialize};

/// Most beams of a search: each holds keys and values of its own.
const MOST_BEAMS: usize = 64;

/// Whose way of decoding is followed: the two differ in what they count, compare and stop at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// `generate(do_sample=False, length_penalty=1.0, early_stopping=False)` of transformers, as the CodeT5 scripts
    /// call it: hypotheses compare by their mean log-probability.
    Transformers,
    /// The beam class of the CodeXGLUE scripts for CodeBERT: hypotheses compare by the sum of their log-probabilities,
    /// and an answer ends before the first `<s>` in it.
    Codexglue,
}

/// How answers are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecodeOptions {
    /// Longest answer in tokens, `</s>` included; dialect `transformers` counts the start token, too.
    pub max_length: usize,
    /// Hypotheses that are followed side by side; 1 is greedy decoding.
    pub beams: usize,
    /// Whose way of decoding is followed.
    pub dialect: Dialect,
}

impl DecodeOptions {
    /// Tokens that are decoded at most; as many are fed.
    pub(super) fn steps(&self) -> usize {
        match self.dialect {
            Dialect::Transformers => self.max_length.saturating_sub(1),
            Dialect::Codexglue => self.max_length,
        }
    }

    /// Returns the reason why these options are unusable for a decoder that can be fed `longest` tokens.
    pub(super) fn complaint(&self, longest: usize) -> Option<String> {
        let (max_length, beams) = (self.max_length, self.beams);
        if self.steps() == 0 {
            return Some(format!("max_length {max_length} leaves no room for an answer"));
        }
        if self.steps() > longest {
            return Some(format!("max_length {max_length} is more than the decoder's {longest} positions"));
        }
        (beams == 0 || beams > MOST_BEAMS)
            .then(|| format!("{beams} beams; from 1 to {MOST_BEAMS} are possible"))
    }
}
