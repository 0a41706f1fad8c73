//! `codepurify.json`: facts about a model that its checkpoint does not contain.

use codepurify::Thresholds;
use codepurify::victim::Task;
use serde::{Deserialize, Serialize};

use crate::decision::{Decision, Pooling};
use crate::error::LoadError;
use crate::files::ModelFiles;
use crate::presets;

/// The optional `codepurify.json` of a model directory. Unknown keys are an error: they would be typing mistakes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sidecar {
    /// Name of a preset whose values are used for all that this file leaves open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// A word about the model; nothing depends on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Task of the model. If absent: `clone` for a head over two snippets, `repair` for a generator, else
    /// `classification`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// Label names by class index.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Number that a data set writes for each class, by class index; the index itself if absent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<u32>,
    /// Changes to the text before the tokenizer saw it when the model was trained.
    #[serde(skip_serializing_if = "is_default")]
    pub preprocessing: Preprocessing,
    /// For a generator that classifies: the answer for each class, by class index.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<String>,
    /// How a classifier's answer follows from its numbers; [`Decision::Classes`] if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// Which vector of a RoBERTa its head reads; [`Pooling::First`] if absent, but [`Pooling::Mean`] for cosines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// How a generator answers.
    #[serde(skip_serializing_if = "is_default")]
    pub generation: Generation,
    /// Limits of the decision, from clean code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<SidecarThresholds>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Preprocessing of the source text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Preprocessing {
    /// `" ".join(code.split())`, as the CodeXGLUE defect script does.
    #[serde(skip_serializing_if = "is_default")]
    pub collapse_whitespace: bool,
    /// Longest input in tokens, special tokens included; the position embeddings decide if absent (512 for T5, which
    /// has none). A bi-encoder reads this much of each side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<usize>,
    /// Tokens between `<s>` and the code, as `<encoder-only>` of `UniXcoder`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub opening: Vec<String>,
    /// Text before the code, as in `defect: `.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// A literal `</s>` in the code is read as `<unk>`, as the CodeT5 generation script does.
    #[serde(skip_serializing_if = "is_default")]
    pub end_as_unknown: bool,
}

/// How a generator decodes its answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Generation {
    /// Longest target in tokens, special tokens included.
    pub max_length: usize,
    /// Beams; 1 is greedy.
    pub beams: usize,
}

impl Default for Generation {
    /// Greedy, 256 tokens.
    fn default() -> Self {
        Self { max_length: 256, beams: 1 }
    }
}

/// Most beams that a sidecar may ask for: memory grows with them.
const MOST_BEAMS: usize = 64;
/// Longest answer that a sidecar may ask for, in tokens.
const LONGEST_ANSWER: usize = 1 << 14;

/// Thresholds with what is needed to trust them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SidecarThresholds {
    /// Poisoned iff H is smaller (profile `paper`), in nats.
    pub entropy: f64,
    /// Poisoned iff 1 − H/ln n is larger.
    pub concentration: f64,
    /// Share of clean snippets that these limits flag.
    pub false_positive_rate: f64,
    /// Clean snippets that they were set on.
    pub rows: usize,
    /// Where those came from.
    pub source: String,
}

impl Sidecar {
    /// Returns the sidecar of a model, its preset filled in, or the defaults if there is neither.
    ///
    /// # Errors
    /// [`LoadError::Json`] if it is no valid sidecar, [`LoadError::UnknownPreset`].
    pub fn of(files: &ModelFiles) -> Result<Self, LoadError> {
        let file = "codepurify.json";
        let own: serde_json::Value = match &files.sidecar {
            Some(bytes) => files.json(file, bytes)?,
            None => serde_json::json!({}),
        };
        let refuse = |message: String| LoadError::Json { model: files.name.clone(), file, message };
        let preset = files.preset.as_deref().or_else(|| own.get("preset")?.as_str()).map(str::to_owned);
        let merged = match &preset {
            Some(name) => presets::below(name, own)?,
            None => own,
        };
        let sidecar: Self = serde_json::from_value(merged).map_err(|error| refuse(error.to_string()))?;
        let sidecar = Self { preset, ..sidecar };
        sidecar.complaint().map_or(Ok(sidecar), |message| Err(refuse(message)))
    }

    /// Returns the reason why this sidecar is unusable.
    fn complaint(&self) -> Option<String> {
        let Generation { max_length, beams } = self.generation;
        match self.preprocessing.max_length {
            Some(length @ 0..3) => return Some(format!("max_length {length} leaves no room for content")),
            _ if !(2..=LONGEST_ANSWER).contains(&max_length) => {
                return Some(format!("generation.max_length {max_length} is not in 2..={LONGEST_ANSWER}"));
            }
            _ => {}
        }
        if !(1..=MOST_BEAMS).contains(&beams) {
            return Some(format!("generation.beams {beams} is not in 1..={MOST_BEAMS}"));
        }
        if self.answers.len() == 1 {
            return Some("one answer is no choice: name one for each class".to_owned());
        }
        self.decision.as_ref().and_then(Decision::complaint)
    }

    /// The thresholds in the form that the defender takes.
    #[must_use]
    pub fn thresholds(&self) -> Option<Thresholds> {
        let limits = self.thresholds.as_ref()?;
        Some(Thresholds { entropy: limits.entropy, concentration: limits.concentration, calibrated: true })
    }
}
