//! The boundary to the method: what the server asks a guarded model.

use std::sync::Arc;

use codepurify::verdict::{ModelInfo, ToolInfo, Verdict};
use codepurify::{Language, ModelError, PairVictim, Ragged, Snippet, Victim};
use schemars::JsonSchema;
use serde::Serialize;

/// The verdict on each side of a row.
pub type Sides = Vec<Result<Verdict, ModelError>>;

/// A guarded model. Rows have one snippet, or two for a pair model.
pub trait Guard: Sync {
    /// Describes the model; does not change while it is served.
    fn info(&self) -> Info;

    /// Number of tokens that the model reads of a row: its share of a batch.
    fn tokens(&self, row: &[Snippet]) -> usize;

    /// Judges rows in shared batches; returns the verdicts on each row, in order. `evidence` asks for
    /// that of every candidate.
    fn judge(&self, rows: &[Vec<Snippet>], evidence: bool) -> Vec<Sides>;

    /// Scores of the classes for each row of one text or two, in order; texts are cut to the context
    /// window. `None` for a generator.
    fn scores(&self, rows: &[Vec<String>]) -> Option<Vec<Result<Scores, ModelError>>>;
}

/// A served model, and what judges it.
#[derive(Clone)]
pub struct Info {
    /// The program.
    pub tool: ToolInfo,
    /// The victim.
    pub model: ModelInfo,
    /// Names of its labels by class index.
    pub labels: Vec<String>,
    /// Its kind.
    pub kind: Kind,
    /// Tokens of one snippet in its context window.
    pub window: usize,
    /// Language of code that does not say its own.
    pub language: Option<Language>,
    /// Name of the detection method.
    pub profile: String,
    /// True if clean code calibrated the model.
    pub calibrated: bool,
    /// Tells whether files of the model changed since it was loaded.
    pub changed: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// Kind of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Classifies one snippet.
    Classifier,
    /// Classifies two snippets.
    Pair,
    /// Answers with text.
    Generator,
}

impl Info {
    /// Returns the name of a label; its index if it has none.
    pub(crate) fn label(&self, label: usize) -> String {
        self.labels.get(label).cloned().unwrap_or_else(|| label.to_string())
    }
}

impl Kind {
    /// Returns the number of snippets in a row.
    #[must_use]
    pub fn sides(self) -> usize {
        if self == Self::Pair { 2 } else { 1 }
    }
}

/// Output of a classifier for one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Logits as the model gives them.
    pub logits: Vec<f32>,
    /// Probability of each label; they sum to 1.
    pub probabilities: Vec<f64>,
    /// Number of tokens that the model read.
    pub tokens: usize,
}

/// Scores of a classifier for texts, which are cut to its context window. A text that cannot be
/// tokenised costs the others nothing.
pub fn classify(victim: &dyn Victim, rows: &[Vec<String>]) -> Vec<Result<Scores, ModelError>> {
    scored(rows, 1, victim.window(), |text| Ok(victim.encode(text)?.ids), |sides| victim.judge(&sides[0]))
}

/// Scores of a pair model for pairs of texts; otherwise like [`classify`].
pub fn classify_pairs(victim: &dyn PairVictim, rows: &[Vec<String>]) -> Vec<Result<Scores, ModelError>> {
    let judge = |sides: &[Ragged]| victim.judge_pairs(&sides[0], &sides[1]);
    scored(rows, 2, victim.window(), |text| Ok(victim.encode(text)?.ids), judge)
}

fn scored(
    rows: &[Vec<String>],
    sides: usize,
    window: usize,
    encode: impl Fn(&str) -> Result<Vec<u32>, ModelError>,
    judge: impl Fn(&[Ragged]) -> Result<codepurify::Logits, ModelError>,
) -> Vec<Result<Scores, ModelError>> {
    let cut = |text: &String| encode(text).map(|ids| ids.into_iter().take(window).collect());
    let encoded: Vec<Result<Vec<Vec<u32>>, ModelError>> =
        rows.iter().map(|row| row.iter().map(cut).collect()).collect();
    let side = |side: usize| encoded.iter().flatten().filter_map(|row| row.get(side).cloned()).collect();
    let batch: Vec<Ragged> = (0..sides).map(side).collect();
    let logits = if batch[0].is_empty() { None } else { Some(judge(&batch)) };
    let mut next = 0;
    let row = |row: Result<Vec<Vec<u32>>, ModelError>| {
        let tokens = row?.iter().map(Vec::len).sum();
        let logits = logits.as_ref().ok_or(ModelError::Internal("a row without logits"))?;
        let logits = logits.as_ref().map_err(Clone::clone)?;
        next += 1;
        Ok(Scores {
            logits: logits.row(next - 1).to_vec(),
            probabilities: logits.probabilities(next - 1),
            tokens,
        })
    };
    encoded.into_iter().map(row).collect()
}
