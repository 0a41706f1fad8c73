//! Who a model is, and how it reads text.

use super::Encoding;
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
