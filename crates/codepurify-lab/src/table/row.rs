//! Format of results: one JSON object per sample and defence, and one per training set and defence.

use std::collections::BTreeSet;

use codepurify::{Span, Task};
use serde::{Deserialize, Serialize};

use crate::evaluate::metrics::{BleuCounts, Confusion};

/// Name of the absent defence; its rows measure the attack without a defence.
pub const UNDEFENDED: &str = "none";

/// Cell of the grid: one victim under one attack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Task of the victim.
    pub task: Task,
    /// Architecture, `roberta` or `t5`.
    pub family: String,
    /// Attack that the victim was trained with; `none` for a clean twin.
    pub attack: String,
    /// Share of poisoned training rows, in [0, 1].
    pub rate: f64,
    /// Name of the victim, if there are several of a kind.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub victim: String,
}

/// Output of a model: a label, or a hash of a text. Only equality matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RecordedOutput {
    /// Label of the data set.
    Label(u32),
    /// Hash of a text.
    Text(String),
}

/// Outputs for one sample.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RecordedOutputs {
    /// Expected output, before any attack.
    pub truth: Option<RecordedOutput>,
    /// Target of the attack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<RecordedOutput>,
    /// Prediction for the same sample without its trigger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub natural: Option<RecordedOutput>,
    /// Prediction without a defence.
    pub before: Option<RecordedOutput>,
    /// Prediction with the defence; equal to `before` if the defence left the sample unchanged.
    pub after: Option<RecordedOutput>,
}

/// Result of detection.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Detection {
    /// Larger means more suspicious; absent without evidence, which is least suspicious.
    pub score: Option<f64>,
    /// Entropy H in nats, if the defence computes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entropy: Option<f64>,
    /// True if the defence decided that the sample is poisoned.
    pub flagged: bool,
    /// Bytes of the located trigger; absent if the defence cannot locate, empty if it located
    /// nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub located: Option<Vec<Span>>,
    /// Bytes of the trigger; empty for a clean sample.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trigger: Vec<Span>,
}

/// Result of purification.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PurifiedSample {
    /// True if the text was changed.
    pub changed: bool,
    /// True if the changed text parses without an error; absent if it was not changed or did not
    /// parse before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parses: Option<bool>,
    /// BLEU counts of a generated output compared with the truth, without and with the defence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bleu: Option<(BleuCounts, BleuCounts)>,
}

/// Cost of the defence.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct DefenceCost {
    /// Victim tokens processed, in plain forward passes of the sample.
    pub pass_equivalents: f64,
    /// Sequences that a language model read.
    #[serde(default)]
    pub lm_passes: usize,
    /// Wall time.
    #[serde(default)]
    pub milliseconds: f64,
}

/// Sample under one defence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellRow {
    /// Cell of the victim.
    pub cell: Cell,
    /// Name of the defence, [`UNDEFENDED`] for none.
    pub defence: String,
    /// Id of the sample in its data set.
    pub id: String,
    /// True if the sample contains a trigger.
    pub triggered: bool,
    /// Outputs.
    #[serde(default)]
    pub answers: RecordedOutputs,
    /// Detection.
    #[serde(default)]
    pub detection: Detection,
    /// Purification.
    #[serde(default)]
    pub purified: PurifiedSample,
    /// Cost.
    #[serde(default)]
    pub cost: DefenceCost,
    /// Error that prevented a result; the sample then counts as not flagged and stays unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl CellRow {
    /// Checks that the row can be used.
    ///
    /// # Errors
    /// Description of the fault.
    pub fn check(&self) -> Result<(), String> {
        let finite = [self.detection.score, self.detection.entropy, Some(self.cost.pass_equivalents)];
        if !finite.into_iter().flatten().all(f64::is_finite) {
            return Err("a number is not finite".to_owned());
        }
        if !(0.0..=1.0).contains(&self.cell.rate) {
            return Err(format!("`rate` is {}, not a share", self.cell.rate));
        }
        let mut spans = self.detection.trigger.iter().chain(self.detection.located.iter().flatten());
        if let Some(span) = spans.find(|span| span.end < span.start) {
            return Err(format!("span {}..{} ends before it starts", span.start, span.end));
        }
        let RecordedOutputs { truth, target, before, after, .. } = &self.answers;
        let wanted = [("truth", truth), ("before", before), ("after", after), ("target", target)];
        let needed = if self.triggered { 4 } else { 3 };
        match wanted.iter().take(needed).find(|(_, answer)| answer.is_none()) {
            Some((name, _)) => Err(format!("no answer `{name}`")),
            None => Ok(()),
        }
    }
}

/// Training rows that a defence removes from the training set of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemovalRow {
    /// Cell of the victim that was trained on the set.
    pub cell: Cell,
    /// Name of the defence.
    pub defence: String,
    /// Number of rows of the set.
    pub rows: usize,
    /// Ids of the poisoned rows.
    pub poisoned: BTreeSet<u64>,
    /// Ids of the removed rows.
    pub removed: BTreeSet<u64>,
}

impl RemovalRow {
    /// Compares the removed rows with the poisoned ones.
    ///
    /// # Errors
    /// If more rows are poisoned or removed than the set has.
    pub fn confusion(&self) -> Result<Confusion, String> {
        let both = self.poisoned.intersection(&self.removed).count();
        let either = self.poisoned.len() + self.removed.len() - both;
        let clean = self.rows.checked_sub(either);
        Ok(Confusion {
            true_positives: both,
            false_positives: self.removed.len() - both,
            false_negatives: self.poisoned.len() - both,
            true_negatives: clean
                .ok_or_else(|| format!("{either} rows are named, `rows` is {}", self.rows))?,
        })
    }
}
