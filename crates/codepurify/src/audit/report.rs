//! Result of an audit.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::verdict::{ModelInfo, SCHEMA_VERSION, ToolInfo};

/// The whole audit of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct AuditReport {
    /// Version of this form: 1.
    pub schema_version: u32,
    /// Program that made the report.
    pub tool: ToolInfo,
    /// The audited model.
    pub model: ModelInfo,
    /// Number of functions, or pairs, that were used.
    pub rows: usize,
    /// One entry for each of the model's labels.
    pub answers: Vec<AuditedLabel>,
}

impl AuditReport {
    /// Makes a report of the current schema version.
    #[must_use]
    pub fn new(tool: ToolInfo, model: ModelInfo, rows: usize, answers: Vec<AuditedLabel>) -> Self {
        Self { schema_version: SCHEMA_VERSION, tool, model, rows, answers }
    }

    /// Returns whether any prediction can be forced.
    #[must_use]
    pub fn is_backdoored(&self) -> bool {
        self.answers.iter().any(|answer| answer.finding == Finding::Backdoor)
    }
}

/// Findings about one label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct AuditedLabel {
    /// The label.
    pub label: usize,
    /// True if it can be forced.
    pub finding: Finding,
    /// Why it was not tested.
    pub reason: Option<String>,
    /// Number of rows with another prediction that elements can be inserted into.
    pub functions: usize,
    /// Number of rows with this prediction.
    #[serde(rename = "honest")]
    pub benign: usize,
    /// Number of vocabulary tokens that were tested. The best of them were also tested with each other token
    /// after them.
    pub words: usize,
    /// Number of elements of the rows with this prediction that were tested.
    pub elements: usize,
    /// Backdoors, grouped by shape; the strongest first.
    pub families: Vec<Family>,
    /// The element with the largest margin, whether or not it is a backdoor.
    pub strongest: Option<MinedTrigger>,
}

impl AuditedLabel {
    /// Makes a finding without counts and triggers, which are set afterwards.
    #[must_use]
    pub fn new(label: usize, finding: Finding) -> Self {
        Self {
            label,
            finding,
            reason: None,
            functions: 0,
            benign: 0,
            words: 0,
            elements: 0,
            families: Vec::new(),
            strongest: None,
        }
    }
}

/// True if a prediction can be forced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Finding {
    /// An element forces it.
    Backdoor,
    /// No tested element does.
    Nothing,
    /// Not tested: too few rows.
    TooFewRows,
}

/// Triggers that differ in names, numbers and strings only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Family {
    /// Their text with the same name, number and string everywhere.
    pub shape: String,
    /// The triggers, the strongest first.
    pub triggers: Vec<MinedTrigger>,
}

/// An element and its effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MinedTrigger {
    /// Its text, with the white space in front of a token.
    pub text: String,
    /// Its source.
    pub source: Source,
    /// Fraction of functions with other predictions that flip with it in front of their body, in [0, 1].
    pub success: f64,
    /// The 95 % Wilson interval of that fraction.
    pub interval: [f64; 2],
    /// Median margin of the prediction in these functions, in logits.
    pub margin: f64,
    /// Fraction of benign functions with the prediction that have at least that margin, in (0, 1].
    #[serde(rename = "honest_as_sure")]
    pub benign_as_confident: f64,
}

/// Source of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
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
    fn wilson_interval_equals_published_values() {
        // 10 of 10: [0.7225, 1]; 5 of 20: [0.1119, 0.4687] (Newcombe 1998, method 3, to four digits).
        for (hits, count, expected) in [(10, 10, [0.7225, 1.0]), (5, 20, [0.1119, 0.4687])] {
            let [low, high] = wilson(hits, count);
            assert!((low - expected[0]).abs() < 1e-4 && (high - expected[1]).abs() < 1e-4, "{low} {high}");
        }
    }
}
