//! What an audit says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::verdict::{ModelInfo, ToolInfo};

/// The whole audit of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditReport {
    /// Version of this form: 1.
    pub schema_version: u32,
    /// What wrote it.
    pub tool: ToolInfo,
    /// The audited model.
    pub model: ModelInfo,
    /// Functions, or pairs, that were used.
    pub rows: usize,
    /// One entry for each of the model's labels.
    pub answers: Vec<AuditedAnswer>,
}

impl AuditReport {
    /// Whether any answer can be forced.
    #[must_use]
    pub fn is_backdoored(&self) -> bool {
        self.answers.iter().any(|answer| answer.finding == Finding::Backdoor)
    }
}

/// What was found out about one answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditedAnswer {
    /// The answer.
    pub label: usize,
    /// Whether it can be forced.
    pub finding: Finding,
    /// Why it was not looked at.
    pub reason: Option<String>,
    /// Rows with another answer that elements can be put into.
    pub functions: usize,
    /// Rows with this answer.
    pub honest: usize,
    /// Tokens of the vocabulary that were tried; the best of them with each other one behind it as well.
    pub words: usize,
    /// Elements of the rows with this answer that were tried.
    pub elements: usize,
    /// What forces the answer, grouped by shape; the strongest first.
    pub families: Vec<Family>,
    /// The element with the largest margin, whether or not it is a backdoor.
    pub strongest: Option<MinedTrigger>,
}

/// Whether an answer can be forced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// An element forces it.
    Backdoor,
    /// No element that was tried does.
    Nothing,
    /// Not looked at.
    TooFewRows,
}

/// Triggers that differ in names, numbers and strings only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Family {
    /// Their text with names, numbers and strings made the same.
    pub shape: String,
    /// The triggers, the strongest first.
    pub triggers: Vec<MinedTrigger>,
}

/// An element and what it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MinedTrigger {
    /// Its text, the white space in front of a token included.
    pub text: String,
    /// Where it was found.
    pub source: Source,
    /// Share of functions of other answers that get the answer with it in front of their body, in 0 ..= 1.
    pub success: f64,
    /// The 95 % Wilson interval of that share.
    pub interval: [f64; 2],
    /// Median margin of the answer in these functions, in logits.
    pub margin: f64,
    /// Share of the functions that honestly get the answer that the model is as sure of, in (0, 1].
    pub honest_as_sure: f64,
}

/// Where an element was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A token of the model's vocabulary.
    Vocabulary,
    /// In one of the rows.
    Rows,
}

/// The 95 % Wilson interval of `hits` of `count`, which must not be 0.
pub(super) fn wilson(hits: usize, count: usize) -> [f64; 2] {
    const Z: f64 = 1.959_964;
    let (share, count) = (hits as f64 / count as f64, count as f64);
    let denominator = 1.0 + Z * Z / count;
    let centre = (share + Z * Z / (2.0 * count)) / denominator;
    let half = Z * (share * (1.0 - share) / count + Z * Z / (4.0 * count * count)).sqrt() / denominator;
    [(centre - half).max(0.0), (centre + half).min(1.0)]
}

#[cfg(test)]
mod tests {
    use super::wilson;

    #[test]
    fn wilson_equals_published_values() {
        // 10 of 10: [0.7225, 1]; 5 of 20: [0.1119, 0.4687] (Newcombe 1998, method 3, to four digits).
        for (hits, count, expected) in [(10, 10, [0.7225, 1.0]), (5, 20, [0.1119, 0.4687])] {
            let [low, high] = wilson(hits, count);
            assert!((low - expected[0]).abs() < 1e-4 && (high - expected[1]).abs() < 1e-4, "{low} {high}");
        }
    }
}
