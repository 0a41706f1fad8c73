//! `codepurify.json`: what a checkpoint does not say about itself.

use codepurify::Thresholds;
use codepurify::victim::Task;
use serde::{Deserialize, Serialize};

use crate::error::LoadError;
use crate::files::ModelFiles;

/// The optional `codepurify.json` of a model directory. Unknown keys are an error: they would be typing mistakes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sidecar {
    /// What the model decides; `classification` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// Label names by class index.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// What happened to the text before the tokenizer saw it when the model was trained.
    pub preprocessing: Preprocessing,
    /// Limits of the decision, from clean code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<SidecarThresholds>,
}

/// Preprocessing of the source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Preprocessing {
    /// `" ".join(code.split())`, as the CodeXGLUE defect script does.
    pub collapse_whitespace: bool,
    /// Longest input in tokens, special tokens included; the position embeddings decide if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<usize>,
}

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
    /// The side car of a model directory, or the defaults if there is none.
    ///
    /// # Errors
    /// [`LoadError::Json`] if it is no valid side car.
    pub fn of(files: &ModelFiles) -> Result<Self, LoadError> {
        let file = "codepurify.json";
        let Some(bytes) = &files.sidecar else { return Ok(Self::default()) };
        let sidecar: Self = files.json(file, bytes)?;
        match sidecar.preprocessing.max_length {
            Some(length @ 0..3) => {
                let message = format!("max_length {length} leaves no room for content");
                Err(LoadError::Json { model: files.name.clone(), file, message })
            }
            _ => Ok(sidecar),
        }
    }

    /// The thresholds in the form that the defender takes.
    #[must_use]
    pub fn thresholds(&self) -> Option<Thresholds> {
        let limits = self.thresholds.as_ref()?;
        Some(Thresholds { entropy: limits.entropy, concentration: limits.concentration, calibrated: true })
    }
}
