//! The doors to models: a guarded model judges or rewrites token sequences, a [`MaskedLm`] fills masked positions.
//!
//! A guarded model is a [`Model`] (who it is and how it reads text) and one of three kinds: [`Victim`] classifies one
//! snippet, [`PairVictim`] two, [`Generator`] answers with text. Everything that crosses a door is ragged: flat ids plus
//! row ends, no padding. An implementation pads, packs or splits into micro-batches as its runtime likes. Special tokens
//! (`<s>`, `</s>` …) never cross: rows hold content tokens only, and the implementation frames them.

mod logits;
mod masked_lm;
mod ragged;

pub use logits::Logits;
pub use masked_lm::{MaskedLm, Proposal, masked};
pub use ragged::{Encoding, Ragged};

use crate::error::ModelError;

/// Who a victim is; printed with every verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VictimCard {
    /// Name for people.
    pub name: String,
    /// What it decides.
    pub task: Task,
    /// SHA-256 of the weights, hexadecimal; empty where there is no file.
    pub sha256: String,
    /// Label names by class index; empty where the model names none.
    pub labels: Vec<String>,
}

/// What a victim decides about code.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Is this function vulnerable?
    Defect,
    /// Do these two functions compute the same?
    Clone,
    /// Rewrite the buggy function.
    Repair,
    /// Any other classification.
    Classification,
}

/// A guarded model: who it is and how it reads text.
pub trait Model: Send + Sync {
    /// Who this is.
    fn card(&self) -> &VictimCard;

    /// Content tokens of one snippet that fit into one forward pass; longer rows must not be passed to the model. A
    /// model of pairs reads this many of each side.
    fn window(&self) -> usize;

    /// The id that stands for an occluded element (`<unk>` or the mask token of the model's tokenizer).
    fn occlusion_id(&self) -> u32;

    /// Token ids of `text` with their bytes, preprocessing included, not cut to the window.
    ///
    /// # Errors
    /// [`ModelError`] if the text cannot be tokenised.
    fn encode(&self, text: &str) -> Result<Encoding, ModelError>;

    /// The tokens that snippets are made of, with the text of each; no special ones. Empty where the model cannot list them:
    /// an [`audit`](crate::audit) then tries only what stands in its rows.
    fn vocabulary(&self) -> Vec<(u32, String)> {
        Vec::new()
    }
}

/// A guarded model that classifies one snippet: the paper's *victim model*.
///
/// Deterministic: the same rows give the same logits, whatever else is in the batch (up to rounding).
pub trait Victim: Model {
    /// One row of logits for each row of the batch, in order. An empty row is a snippet without content.
    ///
    /// # Errors
    /// [`ModelError`] if the runtime fails, a row exceeds the window or an output is not finite.
    fn judge(&self, batch: &Ragged) -> Result<Logits, ModelError>;
}

/// A guarded model that classifies two snippets, such as a clone detector. Deterministic, as [`Victim`] is.
pub trait PairVictim: Model {
    /// One row of logits for each pair of `left.row(i)` and `right.row(i)`, in order. Where one side repeats through the
    /// batch, an implementation that encodes the sides apart does it once.
    ///
    /// # Errors
    /// [`ModelError`] if the runtime fails, a row exceeds the window, an output is not finite or the two sides differ in
    /// their number of rows.
    fn judge_pairs(&self, left: &Ragged, right: &Ragged) -> Result<Logits, ModelError>;
}

/// A guarded model that answers with text, such as program repair. Deterministic, as [`Victim`] is.
pub trait Generator: Model {
    /// The answer to each row, decoded as the model is deployed (greedily or by beam search): target tokens without
    /// special ones.
    ///
    /// # Errors
    /// [`ModelError`] if the runtime fails or a row exceeds the window.
    fn generate(&self, batch: &Ragged) -> Result<Ragged, ModelError>;

    /// L(y | x) of each pair of `targets.row(i)` = y and `sources.row(i)` = x: the mean log-likelihood of y's tokens and
    /// of the end behind them under teacher forcing, in nats, ≤ 0 (method, section 1).
    ///
    /// # Errors
    /// [`ModelError`] if the runtime fails, a row exceeds the window, an output is not finite or the two sides differ in
    /// their number of rows.
    fn likelihoods(&self, sources: &Ragged, targets: &Ragged) -> Result<Vec<f64>, ModelError>;

    /// The text that target tokens stand for.
    ///
    /// # Errors
    /// [`ModelError::Tokenise`] if a token is unknown.
    fn text(&self, target: &[u32]) -> Result<String, ModelError>;
}
